internal import AggregationServer
internal import CertificateService
internal import Configuration
internal import Cryptography
internal import Foundation
internal import Operations

/// `sordino certs renew`.
enum CertsRenewCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino certs renew",
        summary: "Issue a certificate anew for the same key; without NAME, the revocation list.",
        positionals: [
            CertsArgument.folder,
            .init("NAME", "Whose newest valid certificate is to be renewed.", count: .optional),
        ],
        options: [
            .value("csr", "FILE", "The host's own request for its key (PEM)."),
            .value("key", "FILE", "Or its private key, where it lies on this host."),
            .value("out", "FILE", "Where the certificate goes (default: NAME.crt)."),
            .value("days", "N", "Days of validity (default: the role's)."),
        ],
        notes: "Agents renew by themselves, through the server.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let store = try CertsArgument.store(options)
        guard options.operands.count == 2 else {
            let expires = try store.refreshRevocationList(always: true).formatted(.iso8601)
            CertsArgument.write(
                ["revocation_list": .string(store.revocationListPath), "expires": .string(expires)],
                "\(store.revocationListPath): until \(expires)", options)
            return .done
        }
        let name = options.operands[1]
        let request: CertificateRequest
        switch (options.string("csr"), options.string("key")) {
        case (let path?, nil): request = try HostCredentials.request(path)
        case (nil, let path?):
            request = try Failure.naming(name) {
                try CertificateRequest(name: name, key: HostCredentials.key(path))
            }
        default: throw options.usage("give one of --csr and --key")
        }
        let certificate = try store.renew(
            name: name, request, lifetimeDays: options.integer("days", in: 1...36_500))
        let path = options.string("out") ?? "\(name).crt"
        try OutputFile.write(certificate.pem(), to: path)
        var members = CertsArgument.json(certificate)
        members["certificate"] = .string(path)
        CertsArgument.write(
            members, "\(path): \(name), until \(certificate.notAfter.formatted(.iso8601))", options)
        return .done
    }
}

/// `sordino certs revoke`.
enum CertsRevokeCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino certs revoke",
        summary:
            "Take back the certificates of a name, with its unused tokens, and sign a new revocation list.",
        positionals: [CertsArgument.folder, CertsArgument.name],
        options: [
            .value("serial", "HEX", "Only the certificate with this serial number."),
            .flag("admin-token", "Remove the name's admin token instead."),
            .value("tokens", "FILE", "The server's file of hashes (default: DIR/admin-tokens.json)."),
        ],
        notes: "Servers that read DIR/crl.pem refuse the certificates from their next request on.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let store = try CertsArgument.store(options)
        let name = options.operands[1]
        if options.flag("admin-token") {
            let path = options.string("tokens") ?? store.adminTokensPath
            guard try AdminTokenFile(path).remove(name: name) else {
                throw Failure(.invalidInput, "\(path): no token of \"\(name)\"")
            }
            CertsArgument.write(
                ["name": .string(name), "file": .string(path)], "\(path): \(name) removed", options)
            return .done
        }
        let revoked = try store.revoke(name: name, serial: options.string("serial"))
        guard !revoked.certificates.isEmpty || revoked.tokens > 0 else {
            throw Failure(
                .invalidInput, "no valid certificate or token fits \"\(name)\"; see sordino certs list")
        }
        CertsArgument.write(
            [
                "name": .string(name), "revocation_list": .string(store.revocationListPath),
                "serials": .array(revoked.certificates.map { .string($0.serial) }),
                "tokens": .integer(revoked.tokens),
            ],
            (revoked.certificates.map { "revoked \($0.role.rawValue) \(name) \($0.serial)" }
                + (revoked.tokens > 0 ? ["revoked \(revoked.tokens) unused token of \(name)"] : []))
                .joined(separator: "\n"), options)
        return .done
    }
}

/// `sordino certs list`.
enum CertsListCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino certs list",
        summary: "The certificates that were issued, and until when they count.",
        positionals: [CertsArgument.folder],
        options: [.flag("all", "Also those that are expired or revoked.")])

    static func run(_ options: Options) throws -> ExitCode {
        let now = Date()
        let (certificates, revoked) = try AuthorityStore(options.operands[0]).issued()
        let rows = certificates.map { entry in
            (entry: entry, state: CertificateTable.state(of: entry, revoked: revoked, now: now))
        }.filter { $0.state == .valid || options.flag("all") }
        switch options.format {
        case .json:
            let items = rows.map { entry, state in
                JSONValue.object([
                    "name": .string(entry.name), "role": .string(entry.role.rawValue),
                    "serial": .string(entry.serial), "fingerprint": .string(entry.fingerprint),
                    "issued": .string(entry.issued.formatted(.iso8601)),
                    "expires": .string(entry.expires.formatted(.iso8601)), "state": .string(state.rawValue),
                ])
            }
            StandardOutput.write(JSONValue.array(items).text(indented: true) + "\n")
        case .text:
            StandardOutput.write(
                CertificateTable.text(
                    rows, hidden: certificates.count - rows.count, now: now, width: Terminal.width()))
        }
        return .done
    }
}
