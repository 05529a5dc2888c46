internal import AggregationServer
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
    static func perform(_ kind: Kind, _ options: Options) throws -> ExitCode {
        show(try answer(kind, options, patience: nil), to: kind.word, options)
        return .done
    }

    /// Prints an answer to the question of a word: as it came, or for people, in lines that fit their terminal.
    static func show(_ answer: JSONValue, to word: String, _ options: Options) {
        switch options.format {
        case .json: StandardOutput.write(answer.text(indented: true) + "\n")
        case .text:
            StandardOutput.write(
                AdminText.text(
                    of: word, answer, now: Date().timeIntervalSince1970, width: Terminal.width()))
        }
    }

    /// Sends the request and returns the answer; throws for every status but success. `patience` bounds the attempt, in
    /// milliseconds; nil: as long as connections have.
    static func answer(
        _ kind: Kind, _ options: Options, query: [(String, String)] = [], body: [UInt8] = [],
        patience: UInt64? = nil
    ) throws -> JSONValue {
        try JSONValue(
            json5: bytes(kind, options, query: query, body: body, patience: patience),
            source: "the server's answer")
    }

    /// The answer as it came; see ``answer(_:_:query:body:patience:)``.
    static func bytes(
        _ kind: Kind, _ options: Options, query: [(String, String)] = [], body: [UInt8] = [],
        patience: UInt64? = nil
    ) throws -> [UInt8] {
        let client = try client(options)
        if let patience {
            client.configuration.connectTimeout = min(client.configuration.connectTimeout, patience)
            client.configuration.stallTimeout = min(client.configuration.stallTimeout, patience)
        }
        let token = try token(options)
        let request = ClientRequest(
            kind.method, "/api/\(kind.word)", query: query, headers: ["Authorization": "Bearer \(token)"],
            body: kind.method == .post ? .bytes(body) : .empty)
        let response = try client.exchange(request)
        guard (200..<300).contains(response.status) else {
            if patience != nil, RetryPolicy.retriedStatuses.contains(response.status) {
                throw ClientError.status(response.status, reason: response.reason)
            }
            throw refusal(response)
        }
        return response.body
    }

    /// What the server's refusal is to whoever runs the command.
    static func refusal(_ response: ClientResponse) -> Failure {
        let why = (try? JSONValue(json5: response.body, source: "")).flatMap { answer -> String? in
            guard case .object(let members) = answer, case .string(let detail)? = members["detail"],
                case .string(let word)? = members["error"]
            else { return nil }
            return "\(word): \(detail)"
        }
        let code: ExitCode =
            switch (
                response.status, why?.hasPrefix("not_run_here") ?? false || why?.hasPrefix("refused") ?? false
            ) {
            case (_, true): .refused
            case (401, _), (403, _): .network
            default: .invalidInput
            }
        return Failure(code, "the server answers \(response.status): \(why ?? response.reason)")
    }

    /// Fetches a path into `sink`, whatever the status.
    static func stream(
        _ path: String, into sink: any ResponseSink, _ options: Options
    ) throws -> HTTPResponseHead {
        try client(options).exchange(
            ClientRequest(.get, path, headers: ["Authorization": "Bearer \(token(options))"]), into: sink)
    }

    static func client(_ options: Options) throws -> HTTPClient {
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

    static func token(_ options: Options) throws -> String {
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
        try AdminRequest.perform(request, options)
    }
}

/// `sordino status`.
enum AdminStatusCommand: AdminSubcommand {
    static var request: AdminRequest.Kind {
        (.get, "status", "Where a server's run stands.")
    }

    static var grammar: OptionGrammar {
        OptionGrammar(
            command: "sordino status", summary: request.summary,
            options: AdminRequest.options + [AdminWait.option],
            notes:
                "With --wait, a server that does not answer in time is the network's failure: exit status 5.\n"
        )
    }

    static func run(_ options: Options) throws -> ExitCode {
        guard let seconds = try AdminWait.seconds(options) else {
            return try AdminRequest.perform(request, options)
        }
        try AdminWait.untilAnswered(request, options, seconds: seconds)
        return try AdminRequest.perform(request, options)
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
