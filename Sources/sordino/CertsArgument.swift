internal import CertificateService
internal import Configuration
internal import Cryptography
internal import Foundation
internal import Operations

/// What the commands of the certificate authority share.
enum CertsArgument {
    /// The authority's folder.
    static let folder = OptionGrammar.Positional("DIR", "The certificate authority's folder.")
    /// The name to certify or to find.
    static let name = OptionGrammar.Positional("NAME", "Letters, digits, '.', '-' and '_'; 64 at most.")

    /// The authority of the first operand, its revocation list fresh.
    static func store(_ options: Options) throws -> AuthorityStore {
        let store = try AuthorityStore(options.operands[0])
        try store.refreshRevocationList()
        return store
    }

    /// The moment so many days (`--days`) or hours (`--hours`) from now.
    static func moment(_ options: Options, _ name: String, unit: Double, standard: Int) throws -> Date {
        Date().addingTimeInterval(Double(try options.integer(name, in: 1...36_500) ?? standard) * unit)
    }

    /// A certificate as commands print it.
    static func json(_ certificate: Certificate) -> [String: JSONValue] {
        [
            "name": .string(certificate.name), "role": .string(certificate.role.rawValue),
            "serial": .string(certificate.serial), "fingerprint": .string(certificate.fingerprintText),
            "expires": .string(certificate.notAfter.formatted(.iso8601)),
        ]
    }

    /// Prints `members` as JSON, or `text`.
    static func write(_ members: [String: JSONValue], _ text: String, _ options: Options) {
        switch options.format {
        case .json: StandardOutput.write(JSONValue.object(members).text(indented: true) + "\n")
        case .text: StandardOutput.write(text + "\n")
        }
    }
}

/// What `certs server` and `certs agent` share: a certificate by the operator's word.
enum CertsIssue {
    static let options: [OptionGrammar.Option] = [
        .value("csr", "FILE", "The host's own request (PEM); without it a key is made here, for this host."),
        .value("out", "DIR", "Where certificate, key and ca.crt go (default: this folder)."),
        .value("days", "N", "Days of validity (default: 90 for servers, 30 for agents)."),
    ]

    /// Issues and writes; the key is made here only when no request came from elsewhere.
    static func run(_ options: Options, role: CertificateRole, addresses: [String]) throws -> ExitCode {
        let store = try CertsArgument.store(options)
        let name = options.operands[1]
        let files = try HostCredentials(options.string("out") ?? ".", role: role)
        let order = CertificateOrder(
            name: name, role: role, addresses: addresses,
            lifetimeDays: try options.integer("days", in: 1...36_500))
        try files.refuseExisting()
        var made: CertificateKey?
        let request: CertificateRequest
        if let path = options.string("csr") {
            request = try HostCredentials.request(path)
        } else {
            // Browsers, which open the dashboard, take no Ed25519 certificate from a server.
            let key = try CertificateKey(generating: role == .server ? .p256 : .ed25519)
            made = key
            request = try Failure.naming(name) { try CertificateRequest(name: name, key: key) }
        }
        let certificate = try store.issue(request, order)
        try files.write(certificate, made, authority: store.authority.certificate)
        var members = CertsArgument.json(certificate)
        members["certificate"] = .string(files.certificate)
        if made != nil { members["key"] = .string(files.key) }
        CertsArgument.write(
            members,
            "\(files.certificate): \(role.rawValue) \(name), until \(certificate.notAfter.formatted(.iso8601))",
            options)
        return .done
    }
}
