internal import AggregationServer
internal import Configuration
internal import HTTPWire
internal import Operations

/// `sordino rounds`: of a running server, or from a state directory without one.
enum RoundsCommand: Subcommand {
    private static let request: AdminRequest.Kind = (.get, "rounds", "The rounds of a server's run.")

    static let grammar = OptionGrammar(
        command: "sordino rounds", summary: request.summary,
        options: AdminRequest.options + [
            .value("state", "DIR", "Read a server's state directory, in place of asking the server."),
            .value(
                "from", "N",
                "The first round (default: with --to the first of all, else the last 500 are told)."),
            .value("to", "N", "The last round (default: the newest)."),
        ],
        notes:
            "Rounds of long ago are told too, however many there are. Of an open round --state tells what is on disk: who was"
            + " invited, but not who has reported. It works beside a server as well.\n"
            + "Exit codes: 0 done, 2 usage, 3 invalid input, 5 network or TLS, 6 storage.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let numbers = RoundQuestion.numbers
        let through = try options.integer("to", in: numbers)
        let from = try options.integer("from", in: numbers) ?? through.map { _ in numbers.lowerBound }
        if let from, let through, from > through {
            throw options.usage("--from \(from) is above --to \(through)")
        }
        if options.string("state") != nil,
            let other = ["server", "token-file", "ca"].first(where: { options.string($0) != nil })
        {
            throw options.usage("--state reads files and asks nobody: remove --\(other) or --state")
        }
        let answer = try from.map { try all(from: $0, through: through, options) } ?? newest(options)
        AdminRequest.show(answer, to: request.word, options)
        return .done
    }

    private static func newest(_ options: Options) throws -> JSONValue {
        guard let directory = options.string("state") else {
            return try AdminRequest.answer(request, options)
        }
        guard let question = RoundQuestion() else { return .array([]) }
        return try StoredRounds.answer(question, in: directory)
    }

    /// All rounds of the numbers, asked for in as many questions as that takes.
    private static func all(from first: Int, through last: Int?, _ options: Options) throws -> JSONValue {
        var rounds: [JSONValue] = []
        var next = first
        while next <= last ?? .max {
            let found = try page(from: next, through: last, options)
            rounds += found.map(\.round)
            guard let end = found.last?.number, found.count == RoundQuestion.mostRounds else { break }
            next = end + 1
        }
        return .array(rounds)
    }

    private static func page(
        from first: Int, through last: Int?, _ options: Options
    ) throws -> [(number: Int, round: JSONValue)] {
        let answer: JSONValue
        if let directory = options.string("state") {
            guard let question = RoundQuestion(from: first, through: last, limit: RoundQuestion.mostRounds)
            else { return [] }
            answer = try StoredRounds.answer(question, in: directory)
        } else {
            var query = [("from", String(first)), ("limit", String(RoundQuestion.mostRounds))]
            if let last { query.append(("to", String(last))) }
            answer = try AdminRequest.answer(request, options, query: query)
        }
        guard case .array(let rounds) = answer else { return [] }
        // A server of an earlier version does not know the question and tells its newest rounds.
        return rounds.compactMap { round in
            guard case .object(let members) = round, case .integer(let number)? = members["round"],
                number >= first, number <= last ?? .max
            else { return nil }
            return (number, round)
        }
    }
}
