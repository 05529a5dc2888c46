internal import Configuration
internal import Foundation
internal import HTTPWire
internal import Operations
internal import Transport

/// What the commands to a running server share: one request to its admin listener.
enum AdminRequest {
    /// Method, word (of the command and of the path) and the help's sentence.
    typealias Kind = (method: HTTPMethod, word: String, summary: String)

    /// Options of every such command.
    static let options: [OptionGrammar.Option] = [
        .value("server", "HOST:PORT", "The admin listener."),
        .value("token-file", "FILE", "The file that holds the admin token, mode 0600."),
        .value("ca", "FILE", "The certificate authority's certificate (PEM)."),
    ]

    /// Sends the request and prints the answer; throws for every status but success.
    static func perform(_ method: HTTPMethod, _ path: String, _ options: Options) throws -> ExitCode {
        let client = try client(options)
        let token = try token(options)
        let request = ClientRequest(
            method, path, headers: ["Authorization": "Bearer \(token)"],
            body: method == .post ? .bytes([]) : .empty)
        let response = try client.exchange(request)
        guard (200..<300).contains(response.status) else {
            throw Failure(
                response.status == 401 || response.status == 403 ? .network : .invalidInput,
                "the server answers \(response.status): \(response.reason)")
        }
        let value = try JSONValue(json5: response.body, source: "the server's answer")
        StandardOutput.write(options.format == .json ? value.text(indented: true) + "\n" : text(value))
        return .done
    }

    private static func client(_ options: Options) throws -> HTTPClient {
        let text = try options.required("server")
        let address = text.hasPrefix("https://") ? String(text.dropFirst(8)) : text
        guard let endpoint = SocketEndpoint(address.hasSuffix("/") ? String(address.dropLast()) : address)
        else {
            throw options.usage("--server must be HOST:PORT, not \"\(text)\"")
        }
        let authority = try options.required("ca")
        let tls = try TLSContext(client: TLSClientConfiguration(trust: .authority(path: authority)))
        return try HTTPClient(HTTPClientConfiguration(server: endpoint, tls: tls))
    }

    private static func token(_ options: Options) throws -> String {
        let path = try options.required("token-file")
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.invalidInput, "\(path): no such file, or it cannot be read")
        }
        let token = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Failure(.invalidInput, "\(path): does not hold one token")
        }
        return token
    }

    /// One `key: value` a line; a list as one line an element.
    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .object(let members):
            return members.sorted { $0.key < $1.key }.map { "\($0.key): \(plain($0.value))\n" }.joined()
        case .array(let items): return items.map { plain($0) + "\n" }.joined()
        default: return plain(value) + "\n"
        }
    }

    /// Text as it is but for control characters, which could command a terminal; the rest as JSON.
    private static func plain(_ value: JSONValue) -> String {
        guard case .string(let text) = value,
            text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else { return value.text() }
        return text
    }
}

/// A subcommand that is one request to the admin listener.
protocol AdminSubcommand: Subcommand {
    /// What is asked, by the command's own word.
    static var request: AdminRequest.Kind { get }
}

extension AdminSubcommand {
    static var grammar: OptionGrammar {
        OptionGrammar(
            command: "sordino \(request.word)", summary: request.summary, options: AdminRequest.options)
    }

    static func run(_ options: Options) throws -> ExitCode {
        try AdminRequest.perform(request.method, "/api/\(request.word)", options)
    }
}

/// `sordino status`.
enum AdminStatusCommand: AdminSubcommand {
    static var request: AdminRequest.Kind {
        (.get, "status", "Where a server's run stands.")
    }
}

/// `sordino rounds`.
enum AdminRoundsCommand: AdminSubcommand {
    static var request: AdminRequest.Kind {
        (.get, "rounds", "The rounds of a server's run.")
    }
}

/// `sordino agents`.
enum AdminAgentsCommand: AdminSubcommand {
    static var request: AdminRequest.Kind {
        (.get, "agents", "The agents that a server knows.")
    }
}

/// `sordino pause`.
enum AdminPauseCommand: AdminSubcommand {
    static var request: AdminRequest.Kind {
        (.post, "pause", "Open no further round; the open one goes on.")
    }
}

/// `sordino resume`.
enum AdminResumeCommand: AdminSubcommand {
    static var request: AdminRequest.Kind {
        (.post, "resume", "Open rounds again; a stalled run tries at once.")
    }
}

/// `sordino stop`.
enum AdminStopCommand: AdminSubcommand {
    static var request: AdminRequest.Kind {
        (.post, "stop", "End the run after the open round, for good.")
    }
}
