internal import Cryptography
internal import FoundationEssentials
internal import Messages
internal import Operations
internal import Transport

/// Keeps the agent's certificate good: takes up files that somebody has replaced, renews a certificate of this system
/// before it expires, and warns of one that it cannot renew. A renewal is for the same key: only one file changes, so
/// that no crash can leave certificate and key that do not belong together.
final class CertificateRenewal {
    private let configuration: AgentConfiguration
    private let log: Logger
    private var nextLook = Date.distantPast
    private var stamps: [FileStamp]
    private var own: Expiry?
    private var isRead = false
    private var journal = ExpiryJournal()

    /// Seconds between two looks at the certificate, and between two attempts.
    private static let interval = 3600.0

    init(_ configuration: AgentConfiguration, log: Logger) {
        self.configuration = configuration
        self.log = log
        stamps = Self.stamps(configuration)
    }

    /// Takes up changed files, and renews when a third of the lifetime is left. Failing is logged and tried again an
    /// hour later; throws only ``ClientError/cancelled``, and ``OwnCertificateTrouble`` where the certificate does not
    /// count at `now`, before anybody is called.
    func renewIfDue(_ link: ServerLink, now: Date = Date()) throws {
        takeUp(link)
        if let own, !own.level(at: now).counts {
            throw OwnCertificateTrouble(level: own.level(at: now), sentence: own.sentence(at: now))
        }
        // A clock that was ahead when it was looked at last must not put the next look off.
        guard now >= nextLook || nextLook.timeIntervalSince(now) > Self.interval else { return }
        nextLook = now.addingTimeInterval(Self.interval)
        do {
            // Another authority's certificates are renewed by its own means.
            guard let current = try? AgentCertificate(configuration.credentials) else {
                return warn(try AgentCredentials(configuration.credentials).expiries, now)
            }
            warn(
                try AgentCredentials(configuration.credentials).expiries.filter { $0.kind == .authority }, now
            )
            guard current.isRenewalDue(at: now) else { return }
            try renew(current, link, now)
        } catch ClientError.cancelled {
            throw ClientError.cancelled
        } catch {
            log.error(
                "the certificate could not be renewed",
                [
                    "error": .text(Failure(wrapping: error).message),
                    "until": .text(own.map { Expiry.text($0.notAfter) } ?? "unknown"),
                ])
        }
    }

    /// Reads the files at first and whenever they have changed; connections made from then on use them.
    private func takeUp(_ link: ServerLink) {
        let current = Self.stamps(configuration)
        let isChanged = current != stamps
        guard isChanged || !isRead else { return }
        (stamps, isRead) = (current, true)
        do {
            let credentials = try AgentCredentials(configuration.credentials)
            if isChanged {
                link.client.replace(tls: try AgentConnection.context(configuration))
                log.info("certificate files taken up anew")
                nextLook = .distantPast
            }
            own = credentials.expiries.first
        } catch {
            log.warning(
                "certificate files cannot be taken up; the former stay in use",
                ["error": .text(Failure(wrapping: error).message)])
        }
    }

    private func warn(_ expiries: [Expiry], _ now: Date) {
        for (expiry, level) in journal.news(expiries, at: now) {
            log.warning(expiry.sentence(at: now), ["level": .text(level.rawValue)])
        }
    }

    private static func stamps(_ configuration: AgentConfiguration) -> [FileStamp] {
        let files = configuration.credentials
        return [files.certificate, files.key, files.authority].map { FileStamp($0) }
    }

    private func renew(_ current: AgentCertificate, _ link: ServerLink, _ now: Date) throws {
        let request = try CertificateRequest(name: current.certificate.name, key: current.key)
        let answer = try link.renew(String(decoding: request.pem(), as: UTF8.self))
        let fresh = try Certificate(pem: Array(answer.certificate.utf8))
        guard fresh.matches(current.key), fresh.name == current.certificate.name else {
            throw Failure(.network, "the server answered with another's certificate")
        }
        try CertificateTrust(authority: current.authority, revocations: nil).verify(
            fresh, role: .agent, at: now)
        try AtomicFile.write(answer.certificate, to: configuration.credentials.certificate, mode: 0o600)
        link.client.replace(tls: try AgentConnection.context(configuration))
        stamps = Self.stamps(configuration)
        own = try AgentCredentials(configuration.credentials).expiries.first
        log.info(
            "certificate renewed",
            ["until": .text(fresh.notAfter.formatted(Date.ISO8601FormatStyle()))])
    }
}
