internal import Configuration
internal import Operations
internal import Privacy

/// `sordino audit p-value`: the arithmetic of a one-run audit.
enum AuditPValueCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino audit p-value",
        summary: "State how likely so many right guesses are under a claim.",
        options: AuditArgument.counts + [
            .value("epsilon", "E", "The epsilon claimed."), .value("delta", "D", "Its delta."),
        ],
        notes: "Prints one JSON object. Steinke, Nasr and Jagielski 2023, theorem 5.2.\n")

    static func run(_ options: Options) throws -> ExitCode {
        let guesses = try AuditArgument.guesses(options)
        let p = try guesses.pValue(
            epsilon: AuditArgument.number(options, "epsilon"), delta: AuditArgument.number(options, "delta"))
        StandardOutput.write(JSONValue.object(["p_value": .number(p)]).text() + "\n")
        return .done
    }
}

/// `sordino audit bound`: the same arithmetic, solved for ε.
enum AuditBoundCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino audit bound",
        summary: "State the greatest epsilon that so many right guesses refute.",
        options: AuditArgument.counts + [
            .value("delta", "D", "The delta."),
            .value("significance", "S", "How often the bound may fail (default: 0.05)."),
            .flag("gaussian", "The sharper bound of Gaussian mechanisms, which holds for those alone."),
        ],
        notes: "Prints one JSON object; an epsilon without bound is the string \"inf\".\n")

    static func run(_ options: Options) throws -> ExitCode {
        let guesses = try AuditArgument.guesses(options)
        let delta = try AuditArgument.number(options, "delta")
        let significance = try AuditArgument.significance(options) ?? 0.05
        let bound =
            options.flag("gaussian")
            ? try guesses.gaussianEpsilonLowerBound(delta: delta, significance: significance)
            : try guesses.epsilonLowerBound(delta: delta, significance: significance)
        let value: JSONValue = bound.isFinite ? .number(bound) : .string("inf")
        StandardOutput.write(JSONValue.object(["epsilon_lower_bound": value]).text() + "\n")
        return .done
    }
}

/// What the audit commands share.
enum AuditArgument {
    static let counts: [OptionGrammar.Option] = [
        .value("canaries", "M", "Canaries, each in with chance 1/2."),
        .value("guesses", "R", "Canaries that a guess was made of."),
        .value("correct", "V", "Right guesses."),
    ]

    static func guesses(_ options: Options) throws -> OneRunGuesses {
        func count(_ name: String) throws -> Int {
            _ = try options.required(name)
            return try options.integer(name, in: 0...Int.max) ?? 0
        }
        return try OneRunGuesses(
            canaries: count("canaries"), guesses: count("guesses"), correct: count("correct"))
    }

    /// A number that must be given; its range is the callee's to check.
    static func number(_ options: Options, _ name: String) throws -> Double {
        _ = try options.required(name)
        return try options.number(name, expected: "a number of at least 0") { $0 >= 0 } ?? 0
    }

    static func significance(_ options: Options) throws -> Double? {
        try options.number("significance", expected: "a number between 0 and 1") { $0 > 0 && $0 < 1 }
    }
}
