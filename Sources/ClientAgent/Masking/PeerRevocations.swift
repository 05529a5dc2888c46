package import Cryptography
package import FoundationEssentials
package import Ledger
internal import Messages
package import Operations
package import SecureAggregation
internal import Transport

/// Which of its peers' certificates the authority took back, as an agent finds out by itself: the server passes the list on,
/// the authority's signature, number and dates are what counts.
///
/// A server that withholds the list, or shows an old one, gains nothing from an agent that has had a newer one: the newest
/// list is kept in the state directory, and once it has expired, or is older than the policy allows, masked rounds are
/// refused until the server shows a fresh one.
package final class PeerRevocations {
    private let path: String
    private let policy: AgentPolicy
    private let log: Logger
    private let fetch: (_ tag: String?) throws -> RevocationAnswer
    private var held: (list: Cryptography.RevocationList, authority: [UInt8])?
    private var isRead = false
    private var tag: String?
    private var known = KnownCertificates()
    private var knownAuthority: [UInt8] = []
    private var next = ContinuousClock.now
    private var complaint = ""

    /// The file of the newest list, in the state directory.
    package static let fileName = "revocations.pem"
    /// Between two questions to the server: a revocation is in force that much later at most.
    private static let interval = Duration.seconds(60)

    /// A watch of the list that `link`'s server passes on.
    /// `fileName` is another one where the server is one of several: their authorities may differ.
    package convenience init(
        state: StateDirectory, policy: AgentPolicy, link: ServerLink, log: Logger,
        fileName: String = fileName
    ) {
        self.init(path: state.file(fileName), policy: policy, log: log) {
            try link.revocationList(tag: $0)
        }
    }

    /// A watch of the list that `fetch` gives, kept at `path`.
    package init(
        path: String, policy: AgentPolicy, log: Logger,
        fetch: @escaping (_ tag: String?) throws -> RevocationAnswer
    ) {
        self.path = path
        self.policy = policy
        self.log = log
        self.fetch = fetch
    }

    /// Who counts as a member of a masked round that begins at `now`, by the newest list of `authority`.
    ///
    /// Throws ``SecureAggregationError`` where a list is needed and none counts now, a storage ``Failure`` that names the kept
    /// file where that is damaged or cannot be written, or ``ClientError`` when the agent is stopped.
    package func members(of authority: Certificate, at now: Date) throws -> CertifiedMembers {
        if knownAuthority != authority.fingerprint {
            (knownAuthority, known) = (authority.fingerprint, KnownCertificates())
            isRead = false
        }
        if !isRead { try readKept(authority) }
        let isStale = held.map { obstacle($0.list, now) != nil } ?? policy.requiresRevocationList
        if isStale || ContinuousClock.now >= next {
            next = .now + Self.interval
            try refresh(authority, now)
        }
        guard let held else {
            guard !policy.requiresRevocationList else {
                throw SecureAggregationError.noRevocationList(
                    "the policy requires the authority's revocation list, and the server passes none on")
            }
            return CertifiedMembers(
                trust: CertificateTrust(authority: authority, revocations: nil), moment: now, known: known)
        }
        if let obstacle = obstacle(held.list, now) {
            throw SecureAggregationError.noRevocationList(obstacle)
        }
        return CertifiedMembers(
            trust: CertificateTrust(authority: authority, revocations: held.list), moment: now, known: known)
    }

    /// Why a list does not count at `now`; nil where it does.
    private func obstacle(_ list: Cryptography.RevocationList, _ now: Date) -> String? {
        if list.nextUpdate <= now {
            return
                "the authority's revocation list has expired on \(Expiry.text(list.nextUpdate)), and the server has no newer one"
        }
        if let age = policy.maximalRevocationAge, now.timeIntervalSince(list.lastUpdate) > age {
            return
                "the authority's revocation list is of \(Expiry.text(list.lastUpdate)), older than maximal_revocation_age"
        }
        return nil
    }

    private func readKept(_ authority: Certificate) throws {
        (held, tag) = (nil, nil)
        held = try Self.kept(path, authority).map { ($0, authority.fingerprint) }
        isRead = true
    }

    /// The list that is kept at `path`, nil for none. Throws a storage ``Failure`` that names the file where it is not one of
    /// this authority.
    static func kept(_ path: String, _ authority: Certificate) throws -> Cryptography.RevocationList? {
        guard let bytes = try StateDirectory.contents(of: path, limit: AgentProtocol.longestRevocationList)
        else { return nil }
        guard let list = try? Cryptography.RevocationList(pem: bytes, authority: authority) else {
            throw Failure(
                .storage,
                "\(path): no revocation list of this agent's authority; remove it, and the server is asked for the list"
            )
        }
        return list
    }

    /// Asks the server; what does not replace the list at hand is logged, once as long as it stays the same.
    private func refresh(_ authority: Certificate, _ now: Date) throws {
        do {
            guard case .list(let pem, let tag) = try fetch(tag) else { return complaint = "" }
            let list = try Cryptography.RevocationList(pem: pem, authority: authority)
            if let old = held?.list {
                guard (list.number ?? 0, list.lastUpdate) >= (old.number ?? 0, old.lastUpdate) else {
                    return complain(
                        "the server passes on a list of \(Expiry.text(list.lastUpdate)), older than the one of"
                            + " \(Expiry.text(old.lastUpdate)) that this agent has")
                }
            }
            let isNews = try held.map { try $0.list.pem() != list.pem() } ?? true
            if isNews {
                try AtomicFile.write(list.pem(), to: path, mode: 0o600)
                known = KnownCertificates()
                log.info(
                    "revocation list taken up",
                    [
                        "revoked": .integer(list.serials.count),
                        "until": .text(Expiry.text(list.nextUpdate)),
                    ])
            }
            held = (list, authority.fingerprint)
            self.tag = tag
            complaint = ""
        } catch let error as CryptographyError {
            complain("\(error)")
        } catch ClientError.cancelled {
            throw ClientError.cancelled
        } catch let error as ClientError {
            complain("\(error)")
        }
    }

    private func complain(_ reason: String) {
        guard complaint != reason else { return }
        complaint = reason
        log.warning("the authority's revocation list cannot be renewed", ["reason": .text(reason)])
    }
}
