internal import Configuration
internal import Operations
internal import Simulation

/// A scenario named on the command line, and what the commands that play one take beside it.
enum ScenarioArgument {
    /// Where results go.
    static let out = OptionGrammar.Option.value(
        "out", "DIR", "Folder for the results (default: sordino-out beside you).")

    /// What changes how a scenario is played.
    static let settings: [OptionGrammar.Option] = [
        .value("set", "PATH=VALUE", "Override one key of the scenario; may be repeated.", repeatable: true),
        .value("seed", "N", "Random seed (default: the scenario's)."),
        .value("workers", "N", "Worker threads (default: one a core)."),
        .value(
            "noise", "seeded|secure", "Noise from the seed (a rehearsal) or from the cryptographic generator."
        ),
        .value("secagg", "real|sum", "Real masks, or the same integers summed without (default: sum)."),
    ]

    /// The document of the first operand with its overrides, the seed apart. Throws ``ConfigurationError``.
    static func document(_ options: Options) throws -> ConfigurationDocument {
        var document = try ConfigurationDocument(contentsOf: options.operands[0])
        for assignment in options.all("set") { try document.set(assignment) }
        return document
    }

    /// Overrides the scenario's seed where one is given.
    static func seed(_ document: inout ConfigurationDocument, _ options: Options) throws {
        guard let seed = try options.integer("seed", in: 0...Int.max) else { return }
        try document.set("simulation.seed=\(seed)")
    }

    /// How the scenario is to be played, into a folder that nothing is in.
    static func run(_ options: Options, out: String) throws -> ScenarioRun.Settings {
        ScenarioRun.Settings(
            out: out, workers: try options.integer("workers", in: 1...1024),
            secureNoise: try options.choice("noise", among: ["seeded", "secure"]) == "secure",
            resumes: false, masks: try options.choice("secagg", among: ["real", "sum"]) == "real",
            command: ShellWords.text(["sordino"] + CommandLine.arguments.dropFirst()))
    }
}

extension ScenarioRun.Ending {
    /// The exit code of a command that played a scenario. Throws the `Failure` of one that released nothing.
    func exitCode() throws -> ExitCode {
        switch self {
        case .complete: return .done
        case .interrupted: return .interrupted
        case .failed(let why): throw Failure(.invalidInput, why)
        case .refused(let why): throw Failure(.refused, why)
        }
    }
}
