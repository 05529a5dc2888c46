internal import Cryptography
package import Foundation
internal import HTTPWire
package import Operations
internal import Synchronization
package import Transport

/// The authority's process: a listener for what the aggregation server relays. Its own certificate comes from the
/// authority itself and is renewed while it runs, as is the revocation list.
package final class CertificateService: Sendable {
    /// The port it listens on.
    package let port: UInt16
    private let server: HTTPServer
    private let store: AuthorityStore
    private let addresses: [String]
    private let log: Logger
    private let journal = Mutex(ExpiryJournal())

    /// Listens and serves at once. `addresses` are the names by which servers reach it.
    ///
    /// Throws a `Failure`, `TLSError` or `SocketError`.
    package init(_ store: AuthorityStore, listen: SocketEndpoint, addresses: [String], log: Logger) throws {
        self.store = store
        self.addresses = addresses
        self.log = log
        try store.prepareService(addresses)
        let tls = try TLSContextSource(
            server: TLSServerConfiguration(
                credentials: TLSCredentials(
                    certificate: store.files.serviceCertificate, key: store.files.serviceKey),
                authority: store.certificatePath, clientCertificates: .none))
        var configuration = HTTPServerConfiguration(listen: listen, loops: 1)
        configuration.limits.bodyBytes = 64 << 10
        configuration.maximumConnections = 64
        configuration.bodyBytesInFlight = 4 << 20
        server = try HTTPServer(configuration, tls: tls, handler: AuthorityHandler(store, log: log)) {
            event in
            switch event {
            case .handshakeFailed(let address, let reason):
                log.warning("handshake refused", ["address": .text(address), "reason": .text(reason)])
            case .refused(let address, _, let refusal):
                log.warning(
                    "request refused", ["address": .text(address), "reason": .text(refusal.reason)])
            case .tlsReloadFailed(let reason):
                log.error("the service's certificate cannot be loaded", ["reason": .text(reason)])
            default: break
            }
        }
        port = server.port
        try store.refreshRevocationList()
        log.info(
            "serving", ["port": .integer(Int(port)), "authority": .text(store.authority.certificate.name)])
        warn(Date())
    }

    /// Renews what is about to expire; to be called every hour or so.
    package func maintain(now: Date = Date()) throws {
        warn(now)
        try store.prepareService(addresses, now: now)
        try store.refreshRevocationList(now: now)
    }

    /// Tells, once at each threshold, that the authority's own certificate comes to its end.
    private func warn(_ now: Date) {
        let certificate = store.authority.certificate
        let own = Expiry(
            .authority, "authority certificate", path: store.certificatePath, subject: certificate.name,
            notBefore: certificate.notBefore, notAfter: certificate.notAfter)
        for (expiry, level) in journal.withLock({ $0.news([own], at: now) }) {
            log.warning(expiry.sentence(at: now), ["level": .text(level.rawValue)])
        }
    }

    /// Lets requests in the works end, and stops.
    package func shutDown() { server.shutdown(withinMilliseconds: 5000) }
}

extension AuthorityStore {
    /// Makes sure that the service has a certificate for these addresses with more than a third of its time left.
    func prepareService(_ addresses: [String], now: Date = Date()) throws {
        let stored = try AuthorityFiles.key(files.serviceKey)
        let key = try stored ?? CertificateKey(generating: .ed25519)
        try transaction { state in
            if stored != nil, let pem = try AuthorityFiles.contents(files.serviceCertificate),
                let current = try? Certificate(pem: pem), current.matches(key),
                let entry = state.index.certificates.last(where: { $0.serial == current.serial }),
                entry.addresses == addresses, isValid(entry, state, now),
                entry.expires.timeIntervalSince(now) > entry.expires.timeIntervalSince(entry.issued) / 3
            {
                return
            }
            if stored == nil { try AuthorityFiles.write(key, to: files.serviceKey) }
            let name = "certificate-service"
            let order = CertificateOrder(name: name, role: .server, addresses: addresses)
            let certificate = try issue(
                CertificateRequest(name: name, key: key), order, token: nil, in: &state, now)
            try AtomicFile.write(certificate.pem(), to: files.serviceCertificate)
        }
    }
}
