internal import Cryptography
internal import Foundation
internal import Operations

/// When what a server's files hold ceases to count, and whether it can serve with them.
enum ServerExpiries {
    /// The server's own certificate and what is sent with it, the authorities that it trusts, its revocation lists.
    /// Throws a `Failure` with status 5 that names the file at fault.
    static func files(_ tls: ServerSettings.TLSFiles) throws(Failure) -> [Expiry] {
        var list: [Expiry] = []
        let chain = try read(tls.certificate, PresentedCertificate.all)
        for (index, certificate) in chain.enumerated() {
            list.append(
                certificate.expiry(
                    index == 0 ? .serverCertificate : .intermediate,
                    index == 0
                        ? "server certificate"
                        : numbered("intermediate certificate", index, of: chain.count - 1),
                    path: tls.certificate))
        }
        let authorities = try read(tls.authority, PresentedCertificate.all)
        for (index, certificate) in authorities.enumerated() {
            list.append(
                certificate.expiry(
                    .authority, numbered("authority certificate", index + 1, of: authorities.count),
                    path: tls.authority))
        }
        guard let path = tls.revocations else { return list }
        let lists = try read(path, RevocationDates.all)
        for (index, dates) in lists.enumerated() {
            list.append(
                Expiry(
                    .revocationList, numbered("revocation list", index + 1, of: lists.count), path: path,
                    subject: "of \(dates.issuer)", notBefore: dates.lastUpdate, notAfter: dates.nextUpdate))
        }
        return list
    }

    /// What keeps the server from serving at `now`; nil where nothing does. A certificate or list that another of the
    /// same name stands in for does not.
    static func obstacle(_ list: [Expiry], at now: Date) -> Expiry? {
        func isReplaced(_ expiry: Expiry, by kinds: [Expiry.Kind]) -> Bool {
            list.contains {
                kinds.contains($0.kind) && $0.subject == expiry.subject && $0.level(at: now).counts
            }
        }
        return list.first { expiry in
            guard !expiry.level(at: now).counts else { return false }
            switch expiry.kind {
            case .serverCertificate: return true
            case .intermediate: return !isReplaced(expiry, by: [.intermediate, .authority])
            case .revocationList: return !isReplaced(expiry, by: [.revocationList])
            // One authority that counts is enough for somebody to be let in.
            case .authority: return !list.contains { $0.kind == .authority && $0.level(at: now).counts }
            case .agentCertificate, .adminToken: return false
            }
        }
    }

    /// Throws a `Failure` with status 5, one line that names file, subject, dates and remedy, where the server cannot
    /// serve at `now`.
    static func require(_ list: [Expiry], at now: Date) throws(Failure) {
        guard let obstacle = obstacle(list, at: now) else { return }
        throw Failure(.network, obstacle.sentence(at: now))
    }

    private static func numbered(_ what: String, _ number: Int, of count: Int) -> String {
        count == 1 ? what : "\(what) \(number)"
    }

    private static func read<Value>(
        _ path: String, _ parse: ([UInt8]) throws(CryptographyError) -> Value
    ) throws(Failure) -> Value {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.network, "cannot read \(path): is there such a file, and may this user read it?")
        }
        do {
            return try parse(Array(data))
        } catch {
            throw Failure(.network, "\(path): \(error)")
        }
    }
}
