/// What of the suites is measured.
struct Selection: Sendable {
    /// How the names of the figures that are wanted begin; nil for all.
    var only: String?
    /// Whether what takes gigabytes and a minute is measured too.
    var includesLarge = false

    /// Whether the figure of this name is wanted.
    func includes(_ name: String) -> Bool { only.map(name.hasPrefix) ?? true }
    /// Whether any figure may be wanted whose name begins so.
    func mayInclude(_ start: String) -> Bool { includes(start) || only.map { $0.hasPrefix(start) } ?? true }
}

/// The program's command line.
struct BenchOptions {
    /// Names of the suites; all where there is none.
    private(set) var suites: [String] = []
    private(set) var selection = Selection()
    private(set) var printsJSON = false
    private(set) var repetitions = 7
    /// Where the figures are stored.
    private(set) var saved: String?
    /// The file of the baseline to compare with.
    private(set) var compared: String?
    private(set) var wantsHelp = false

    /// Why a command line is refused.
    struct Refusal: Error {
        /// One line for whoever wrote it.
        let problem: String
    }

    /// Reads the arguments behind the program's name.
    init(_ arguments: some Sequence<String>) throws(Refusal) {
        var arguments = Array(arguments)[...]
        func value(_ option: String, _ expected: String) throws(Refusal) -> String {
            guard let value = arguments.popFirst() else { throw Refusal(problem: "\(option) \(expected)") }
            return value
        }
        while let argument = arguments.popFirst() {
            switch argument {
            case "--help": wantsHelp = true
            case "--large": selection.includesLarge = true
            case "--only": selection.only = try value(argument, "needs the start of a figure's name")
            case "--format":
                let format = try value(argument, "must be text or json")
                guard ["text", "json"].contains(format) else {
                    throw Refusal(problem: "--format must be text or json")
                }
                printsJSON = format == "json"
            case "--repetitions":
                let expected = "must be a whole number of at least 1"
                guard let count = Int(try value(argument, expected)), count >= 1 else {
                    throw Refusal(problem: "--repetitions \(expected)")
                }
                repetitions = count
            case "--save": saved = try value(argument, "needs a file")
            case "--compare": compared = try value(argument, "needs a file")
            default:
                guard SuiteCatalog.all.contains(where: { $0.name == argument }) else {
                    let known = SuiteCatalog.all.map(\.name).joined(separator: ", ")
                    throw Refusal(problem: "unknown suite \"\(argument)\" (known: \(known))")
                }
                suites.append(argument)
            }
        }
    }
}
