internal import Configuration
internal import Cryptography
internal import Foundation
internal import HTTPWire
internal import Notation
internal import Operations
internal import Transport

/// What the `sordino runs` commands share.
enum RunsArgument {
    static let positional = OptionGrammar.Positional(
        "RUN", "A run's identity, at least four digits of its beginning, or the name of one run.")

    /// The identity that an operand means. Throws an input `Failure` where it means none, or more than one.
    static func identity(_ text: String, _ options: Options) throws -> String {
        if text.count == 32 { return text }
        let answer = try AdminRequest.answer((.get, "runs", ""), options, query: [("all", "1")])
        guard case .array(let runs) = answer else { return text }
        let found = runs.compactMap { run -> String? in
            guard case .object(let members) = run, case .string(let identity)? = members["run"] else {
                return nil
            }
            if case .string(text)? = members["name"] { return identity }
            return text.count >= 4 && identity.hasPrefix(text) ? identity : nil
        }
        guard found.count == 1, let one = found.first else {
            throw Failure(
                .invalidInput,
                found.isEmpty
                    ? "no run \"\(text)\" is shown to this token (see sordino runs list --all)"
                    : "\(found.count) runs are meant by \"\(text)\": give more of the identity")
        }
        return one
    }

    /// Asks about the run of the first operand, or orders something of it, and prints what it has become.
    static func perform(_ method: HTTPMethod, _ path: String, _ options: Options) throws -> ExitCode {
        let run = try identity(options.operands[0], options)
        let answer = try AdminRequest.answer((method, "runs/\(run)\(path)", ""), options)
        AdminRequest.show(answer, to: "run", options)
        return .done
    }
}

/// `sordino runs submit FILE`.
enum RunsSubmitCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino runs submit",
        summary: "Have a server run a task; needs no restart.",
        positionals: [
            .init("FILE", "A file with a task section, and a run section where the task needs one.")
        ],
        options: AdminRequest.options + [
            .value("set", "PATH=VALUE", "Override one key of the file; may be repeated.", repeatable: true),
            .value("from", "RUN[:ROUND]", "Start from a model that a run of the server has published."),
            .value("priority", "N", "Runs of greater numbers go first (default: 0)."),
            .value(
                "run", "ID", "The run's identity, 32 hexadecimal digits; the same one again is no second run."
            ),
            .flag("wait", "Wait until the run is over; its state decides the exit status."),
        ],
        notes:
            "The run section may name data, seed, population, input_shape, preprocessing, from, priority, only_between,\n"
            + "not_before. Sections simulation and server of the file are left alone.\n"
            + "Exit codes: 0 done, 2 usage, 3 invalid input or a failed run, 4 refused by the server's rules or a budget,\n"
            + "5 network, TLS or authentication, 6 storage.\n")

    static func run(_ options: Options) throws -> ExitCode {
        var document = try ConfigurationDocument(contentsOf: options.operands[0])
        for assignment in options.all("set") { try document.set(assignment) }
        document = try document.withSchemaRead()
        if let priority = try options.integer("priority", in: -100...100) {
            try document.set("run.priority", to: .integer(priority))
        }
        if let from = options.string("from") { try document.set("run.from", to: start(from, options)) }
        guard case .object(let members) = document.root, members["task"] != nil else {
            throw Failure(.invalidInput, "\(options.operands[0]): task is missing")
        }
        let body = JSONValue.object(members.filter { ["task", "run"].contains($0.key) })
        let run = try options.string("run") ?? Hexadecimal.text(of: SecureRandom.bytes(count: 16))
        let answer = try AdminRequest.answer(
            (.post, "runs/\(run)", ""), options, body: Array(body.text().utf8))
        guard options.flag("wait") else {
            AdminRequest.show(answer, to: "run", options)
            return .done
        }
        return try RunsShowCommand.follow(run, options)
    }

    private static func start(_ text: String, _ options: Options) throws -> JSONValue {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var from: [String: JSONValue] = [
            "run": .string(try RunsArgument.identity(String(parts[0]), options))
        ]
        if parts.count == 2 {
            guard let round = Int(parts[1]), round > 0 else {
                throw options.usage("--from must be RUN or RUN:ROUND, not \"\(text)\"")
            }
            from["round"] = .integer(round)
        }
        return .object(from)
    }
}

/// `sordino runs list`.
enum RunsListCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino runs list", summary: "The runs of a server: waiting, at work, over.",
        options: AdminRequest.options + [.flag("all", "Those that were archived too.")])

    static func run(_ options: Options) throws -> ExitCode {
        let answer = try AdminRequest.answer(
            (.get, "runs", ""), options, query: options.flag("all") ? [("all", "1")] : [])
        AdminRequest.show(answer, to: "runs", options)
        return .done
    }
}

/// `sordino runs show RUN`.
enum RunsShowCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino runs show", summary: "Where a run stands.",
        positionals: [RunsArgument.positional],
        options: AdminRequest.options + [.flag("follow", "Until it is over, a line a published round.")])

    /// Seconds between two looks at a run that is followed.
    private static let pause: UInt32 = 1

    static func run(_ options: Options) throws -> ExitCode {
        guard options.flag("follow") else { return try RunsArgument.perform(.get, "", options) }
        return try follow(RunsArgument.identity(options.operands[0], options), options)
    }

    /// Follows a run to its end, which decides the status.
    static func follow(_ run: String, _ options: Options) throws -> ExitCode {
        var shown = -1
        while !Signals.interruptionRequested {
            let answer = try AdminRequest.answer((.get, "runs/\(run)", ""), options)
            guard case .object(let members) = answer, case .string(let state)? = members["state"] else {
                throw Failure(.network, "the server's answer is no run")
            }
            guard ["queued", "active", "held"].contains(state) else {
                AdminRequest.show(answer, to: "run", options)
                return state == "finished" ? .done : state == "cancelled" ? .interrupted : .invalidInput
            }
            if case .integer(let published)? = members["rounds_published"], published != shown {
                shown = published
                Console.standardError.writeLine("\(state): \(published) rounds published")
            }
            sleep(pause)
        }
        return .interrupted
    }
}

/// `sordino runs cancel RUN`.
enum RunsCancelCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino runs cancel",
        summary: "End a run before its end: after its open round, or before it begins.",
        positionals: [RunsArgument.positional], options: AdminRequest.options)

    static func run(_ options: Options) throws -> ExitCode {
        try RunsArgument.perform(.post, "/cancel", options)
    }
}

/// `sordino runs extend RUN`.
enum RunsExtendCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino runs extend",
        summary: "Go on with a run that is over, from its newest model and within its budget.",
        positionals: [RunsArgument.positional],
        options: AdminRequest.options + [
            .value("rounds", "N", "How many rounds more."),
            .value("run", "ID", "The new run's identity; the same one again is no second run."),
        ],
        notes:
            "It is a run of its own, with the same task. Where the first had a target_epsilon, all of them together stay below it.\n"
            + "Exit codes: as sordino runs submit.\n")

    static func run(_ options: Options) throws -> ExitCode {
        guard let rounds = try options.integer("rounds", in: 1...Int(Int32.max)) else {
            throw options.usage("--rounds is missing: how many more")
        }
        let old = try RunsArgument.identity(options.operands[0], options)
        let run = try options.string("run") ?? Hexadecimal.text(of: SecureRandom.bytes(count: 16))
        let answer = try AdminRequest.answer(
            (.post, "runs/\(old)/extend", ""), options,
            query: [("rounds", String(rounds)), ("run", run)])
        AdminRequest.show(answer, to: "run", options)
        return .done
    }
}

/// `sordino runs archive RUN`.
enum RunsArchiveCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino runs archive", summary: "Take a run that is over out of the lists; its files stay.",
        positionals: [RunsArgument.positional],
        options: AdminRequest.options + [.flag("undo", "Put it back.")])

    static func run(_ options: Options) throws -> ExitCode {
        try RunsArgument.perform(.post, options.flag("undo") ? "/unarchive" : "/archive", options)
    }
}

/// `sordino runs download RUN`.
enum RunsDownloadCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino runs download", summary: "Fetch a model that a run has published.",
        positionals: [RunsArgument.positional],
        options: AdminRequest.options + [
            .value("round", "N", "The round that published it (default: the newest)."),
            .value("out", "FILE", "Where it goes (default: RUN.safetensors)."),
        ])

    static func run(_ options: Options) throws -> ExitCode {
        let run = try RunsArgument.identity(options.operands[0], options)
        let answer = try AdminRequest.answer((.get, "runs/\(run)", ""), options)
        guard case .object(let members) = answer, case .integer(let newest)? = members["model_round"] else {
            throw Failure(.network, "the server's answer is no run")
        }
        let round = try options.integer("round", in: 0...Int(Int32.max)) ?? newest
        guard round > 0 || options.string("round") != nil else {
            throw Failure(.invalidInput, "run \(run) has published no model yet")
        }
        let client = try AdminRequest.client(options)
        let token = try AdminRequest.token(options)
        let request = ClientRequest(
            .get, "/api/runs/\(run)/models/\(round)", headers: ["Authorization": "Bearer \(token)"])
        let response = try client.exchange(request, limit: 1 << 36)
        guard response.status == 200 else { throw AdminRequest.refusal(response) }
        let digest = try SHA256.text(of: response.body)
        if round == newest, case .string(let stated)? = members["model_sha256"], stated != digest {
            throw Failure(
                .network, "the model that came is not the one that the run has published; try again")
        }
        let path = options.string("out") ?? "\(run).safetensors"
        try AtomicFile.write(response.body, to: path)
        switch options.format {
        case .json:
            StandardOutput.write(
                JSONValue.object([
                    "file": .string(path), "round": .integer(round), "sha256": .string(digest),
                    "bytes": .integer(response.body.count),
                ]).text() + "\n")
        case .text: StandardOutput.write("\(path): round \(round), SHA-256 \(digest)\n")
        }
        return .done
    }
}
