internal import HTTPWire
internal import Cryptography
internal import Foundation
internal import Messages
internal import Operations
internal import Synchronization
internal import Transport

/// Fetches the authority's revocation list from its process and puts it where `tls.crl` says, so that nobody need copy
/// it. What comes counts by its signature, and never replaces a newer one.
final class RevocationFetch: Sendable {
    private struct State {
        /// When to ask next, on the monotonic clock.
        var next = ContinuousClock.now
        var complaint: String?
    }

    private let service: SocketEndpoint
    private let authority: String
    private let path: String
    private let log: Logger
    private let state = Mutex(State())
    private let cancellation: CancellationSignal

    /// Between two fetches: a revocation is in force at the server that much later at most.
    private static let interval = Duration.seconds(60)

    /// Nil where the configuration names no authority's process or no file for the list. Throws `SocketError`.
    init?(_ settings: ServerSettings, log: Logger) throws {
        guard let service = settings.authorityService, let path = settings.tls.revocations else {
            return nil
        }
        self.service = service
        self.path = path
        self.log = log
        authority = settings.tls.authority
        cancellation = try CancellationSignal()
    }

    /// Ends a fetch that is under way, for good.
    func cancel() { cancellation.signal() }

    /// Fetches where it is time to; a failure is logged, once as long as it stays the same.
    func runIfDue(now: Date = Date()) {
        let isDue = state.withLock { state in
            guard ContinuousClock.now >= state.next else { return false }
            state.next = .now + Self.interval
            return true
        }
        guard isDue else { return }
        do {
            try run(now: now)
            state.withLock { $0.complaint = nil }
        } catch {
            let reason = "\(error)"
            let isNews = state.withLock { state in
                defer { state.complaint = reason }
                return state.complaint != reason
            }
            if isNews {
                log.warning(
                    "the revocation list cannot be fetched; the one at hand stays in force",
                    ["file": .text(path), "reason": .text(reason)])
            }
        }
    }

    /// Fetches the list once and writes it durably where it is newer than the one at hand.
    ///
    /// Throws a `Failure` or `ClientError`; nothing is changed then.
    func run(now: Date = Date()) throws {
        let pem = try download()
        let (fresh, issuer) = try verified(pem)
        guard fresh.nextUpdate > now else {
            throw Failure(.network, "the authority's list has expired on \(Expiry.text(fresh.nextUpdate))")
        }
        if let bytes = FileManager.default.contents(atPath: path),
            let lists = try? RevocationDates.all(pem: Array(bytes))
        {
            guard lists.count == 1,
                let held = try? Cryptography.RevocationList(pem: Array(bytes), authority: issuer)
            else {
                throw Failure(
                    .network, "\(path) holds lists of other authorities too: put them together by hand")
            }
            if try held.pem() == fresh.pem() { return }
            guard fresh.number ?? 0 >= held.number ?? 0, fresh.lastUpdate >= held.lastUpdate else {
                throw Failure(
                    .network, "the authority's list of \(Expiry.text(fresh.lastUpdate)) is older than \(path)"
                )
            }
        }
        try AtomicFile.write(fresh.pem(), to: path)
        log.info(
            "revocation list fetched",
            [
                "file": .text(path), "revoked": .integer(fresh.serials.count),
                "until": .text(Expiry.text(fresh.nextUpdate)),
            ])
    }

    private func download() throws -> [UInt8] {
        // Made anew each time: the file may have been renewed.
        let tls = try TLSContext(client: TLSClientConfiguration(trust: .authority(path: authority)))
        let client = try HTTPClient(
            HTTPClientConfiguration(server: service, tls: tls), cancellation: cancellation)
        let answer = try client.exchange(
            ClientRequest(.get, AgentProtocol.revocationListPath), limit: AgentProtocol.longestRevocationList)
        guard answer.status == 200 else {
            throw Failure(
                .network,
                answer.status == 404
                    ? "the authority's process gives no list: it is of an older version"
                    : "the authority's process answers \(answer.status): \(answer.reason)")
        }
        return answer.body
    }

    /// The list, if one of the authorities that the server trusts signed it, and that authority.
    private func verified(_ pem: [UInt8]) throws -> (Cryptography.RevocationList, Certificate) {
        guard let file = FileManager.default.contents(atPath: authority) else {
            throw Failure(.network, "cannot read \(authority)")
        }
        for presented in try PresentedCertificate.all(pem: Array(file)) {
            guard let issuer = try? presented.certificate() else { continue }
            if let list = try? Cryptography.RevocationList(pem: pem, authority: issuer) {
                return (list, issuer)
            }
        }
        throw Failure(.network, "the list is not signed by an authority in \(authority)")
    }
}
