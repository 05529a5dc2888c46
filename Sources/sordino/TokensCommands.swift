internal import AggregationServer
internal import Configuration
internal import Foundation
internal import HTTPWire
internal import Operations

/// `sordino tokens list`.
enum TokensListCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino tokens list", summary: "The admin tokens of a server: whose, what for, until when.",
        positionals: [
            .init(
                "FILE", "The server's file of hashes (server.admin_tokens); none with --server.", count: .any)
        ],
        options: AdminRequest.options)

    static func run(_ options: Options) throws -> ExitCode {
        let now = Int(Date().timeIntervalSince1970)
        guard let file = try TokenArgument(options, needsName: false).file else {
            return try AdminRequest.perform((.get, "tokens", ""), options)
        }
        let list = try file.read().map { TokenView($0, now: now).json }
        AdminRequest.show(.array(list), to: "tokens", options)
        return .done
    }
}

/// `sordino tokens create`.
enum TokensCreateCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino tokens create", summary: "Make an admin token in a server's file.",
        positionals: [
            .init("FILE", "The server's file of hashes; made where it is missing."), CertsArgument.name,
        ],
        options: [
            .value("role", "ROLE", "\(AdminRole.words)."),
            .value("expires", "TIME", "How long it is good, such as 12h (default: 90d)."),
            .value("scopes", "WORDS", "What it is narrowed to, with commas (default: all of its role)."),
        ],
        notes: "Scopes: \(AdminRight.allCases.map(\.rawValue).joined(separator: ", ")).\n"
            + "The token is printed once. A running server knows it from the next request on.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let (file, name) = (AdminTokenFile(options.operands[0]), options.operands[1])
        let role = try TokenArgument.role(options)
        let scopes = try options.string("scopes").map { text in
            try TokenRecord.scopes(
                text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }, of: role,
                path: "--scopes")
        }
        let standard = Date().addingTimeInterval(Double(AdminTokenFile.standardLifetime))
        let made = try file.add(
            name: name, role: role, scopes: scopes, expires: TokenArgument.expiry(options) ?? standard)
        var members = TokenView.members(of: made)
        members["file"] = .string(file.path)
        TokenArgument.write(members, made.token, options)
        return .done
    }
}

/// `sordino tokens revoke`.
enum TokensRevokeCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino tokens revoke",
        summary: "Take an admin token back; its sessions end with it.",
        positionals: [TokenArgument.named], options: AdminRequest.options,
        notes: "The server must not be started anew.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let argument = try TokenArgument(options, needsName: true)
        guard let file = argument.file else {
            TokenArgument.write(try argument.ask("revoke", options), "\(argument.name) revoked", options)
            return .done
        }
        guard try file.remove(name: argument.name) else {
            throw Failure(.invalidInput, "\(file.path): no token of \"\(argument.name)\"")
        }
        TokenArgument.write(
            ["name": .string(argument.name), "revoked": .bool(true)],
            "\(file.path): \(argument.name) revoked", options)
        return .done
    }
}

/// `sordino tokens rotate`.
enum TokensRotateCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino tokens rotate",
        summary: "Put a new admin token in the place of a name's, with the same role and scopes.",
        positionals: [TokenArgument.named],
        options: AdminRequest.options + [
            .value(
                "expires", "TIME",
                "How long it is good, such as 12h (default: as long as the last one was); not with --server.")
        ],
        notes: "The new token is printed once. The old one and its sessions end at once.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let argument = try TokenArgument(options, needsName: true)
        let expires = try TokenArgument.expiry(options)
        let members: [String: JSONValue]
        if let file = argument.file {
            guard let made = try file.rotate(name: argument.name, expires: expires) else {
                throw Failure(.invalidInput, "\(file.path): no token of \"\(argument.name)\"")
            }
            members = TokenView.members(of: made)
        } else {
            guard expires == nil else { throw options.usage("--expires is not told to a server; remove it") }
            members = try argument.ask("rotate", options)
        }
        guard case .string(let token)? = members["token"] else {
            throw Failure(.network, "the server's answer has no token in it")
        }
        TokenArgument.write(members, token, options)
        return .done
    }
}
