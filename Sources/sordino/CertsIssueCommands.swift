internal import AggregationServer
internal import CertificateService
internal import Configuration
internal import Cryptography
internal import Foundation
internal import Operations

/// `sordino certs init`.
enum CertsInitCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino certs init", summary: "Make a certificate authority: a key and its certificate.",
        positionals: [CertsArgument.folder],
        options: [
            .value("name", "NAME", "The authority's name (default: sordino-authority)."),
            .value("key", "SCHEME", "p-256 or ed25519, which no browser verifies (default: p-256)."),
            .value("days", "N", "Days of validity (default: 3650)."),
        ])

    static func run(_ options: Options) throws -> ExitCode {
        let schemes = CertificateKey.Scheme.allCases.map(\.rawValue)
        let scheme = try options.choice("key", among: schemes).flatMap(CertificateKey.Scheme.init(rawValue:))
        let store = try AuthorityStore.create(
            options.operands[0], name: options.string("name") ?? "sordino-authority",
            scheme: scheme ?? .p256, lifetimeDays: options.integer("days", in: 1...36_500))
        try store.refreshRevocationList()
        let certificate = store.authority.certificate
        var members = CertsArgument.json(certificate)
        members["certificate"] = .string(store.certificatePath)
        members["revocation_list"] = .string(store.revocationListPath)
        CertsArgument.write(
            members,
            "\(store.certificatePath): authority \(certificate.name), until "
                + "\(certificate.notAfter.formatted(.iso8601))\nfingerprint \(certificate.fingerprintText)",
            options)
        return .done
    }
}

/// `sordino certs server`.
enum CertsServerCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino certs server", summary: "Issue an aggregation server's certificate.",
        positionals: [CertsArgument.folder, CertsArgument.name],
        options: [
            .value(
                "address", "HOST", "A host name or address by which it is reached; may be repeated.",
                repeatable: true)
        ] + CertsIssue.options)

    static func run(_ options: Options) throws -> ExitCode {
        let addresses = options.all("address")
        guard !addresses.isEmpty else { throw options.usage("--address is missing") }
        return try CertsIssue.run(options, role: .server, addresses: addresses)
    }
}

/// `sordino certs agent`.
enum CertsAgentCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino certs agent", summary: "Issue an agent's certificate without a token.",
        positionals: [CertsArgument.folder, CertsArgument.name], options: CertsIssue.options)

    static func run(_ options: Options) throws -> ExitCode {
        try CertsIssue.run(options, role: .agent, addresses: [])
    }
}

/// `sordino certs enrolment-token`.
enum CertsEnrolmentTokenCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino certs enrolment-token",
        summary: "Make the one-time token by which an agent gets its first certificate.",
        positionals: [CertsArgument.folder, CertsArgument.name],
        options: [.value("hours", "N", "Hours for which it may be used (default: 24).")],
        notes: "The token is printed once; only its hash is kept.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let store = try CertsArgument.store(options)
        let expires = try CertsArgument.moment(options, "hours", unit: 3600, standard: 24)
        let token = try store.enrolmentToken(name: options.operands[1], expires: expires)
        CertsArgument.write(
            [
                "token": .string(token), "name": .string(options.operands[1]),
                "expires": .string(expires.formatted(.iso8601)),
            ], token, options)
        return .done
    }
}

/// `sordino certs admin-token`.
enum CertsAdminTokenCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino certs admin-token",
        summary: "Make a bearer token for the server's admin listener.",
        positionals: [CertsArgument.folder, CertsArgument.name],
        options: [
            .value("role", "ROLE", "\(AdminRole.words)."),
            .value("days", "N", "Days for which it is good (default: 90)."),
            .value("tokens", "FILE", "The server's file of hashes (default: DIR/admin-tokens.json)."),
        ],
        notes: "The token is printed once; server.admin_tokens names the file that holds its hash.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let role = try TokenArgument.role(options)
        let path = try options.string("tokens") ?? AuthorityStore(options.operands[0]).adminTokensPath
        let expires = try CertsArgument.moment(options, "days", unit: 86_400, standard: 90)
        let token = try AdminTokenFile(path).add(name: options.operands[1], role: role, expires: expires)
            .token
        CertsArgument.write(
            [
                "token": .string(token), "name": .string(options.operands[1]), "role": .string(role.rawValue),
                "expires": .string(expires.formatted(.iso8601)), "file": .string(path),
            ], token, options)
        return .done
    }
}
