internal import Configuration

/// What one command accepts on its command line, and the reader for it.
///
/// Every grammar accepts `--help` (or `-h`) and `--format text|json` without declaring them. Reading is strict:
/// unknown options, missing values, repeated options and superfluous operands are usage failures (exit status 2).
package struct OptionGrammar: Sendable {
    /// One declared option.
    package struct Option: Sendable {
        /// Whether the option stands alone or takes a value.
        package enum Kind: Sendable, Equatable {
            /// Present or absent.
            case flag
            /// Takes one value, shown in the help under the given name; may be repeated if so declared.
            case value(name: String, repeatable: Bool)
            /// Takes one value, or stands alone for the standard one.
            case optionalValue(name: String, standard: String)
        }
        /// Name without the dashes, such as `"workers"`.
        package let name: String
        package let kind: Kind
        /// What it does, for the help text.
        package let help: String

        /// An option that is present or absent.
        package static func flag(_ name: String, _ help: String) -> Option {
            Option(name: name, kind: .flag, help: help)
        }

        /// An option with a value: `--name value` or `--name=value`.
        package static func value(
            _ name: String, _ valueName: String, _ help: String, repeatable: Bool = false
        ) -> Option {
            Option(name: name, kind: .value(name: valueName, repeatable: repeatable), help: help)
        }

        /// An option that may have a value: `--name`, `--name value` or `--name=value`; alone it is `standard`.
        package static func optionalValue(
            _ name: String, _ valueName: String, standard: String, _ help: String
        ) -> Option {
            Option(name: name, kind: .optionalValue(name: valueName, standard: standard), help: help)
        }
    }

    /// One declared operand (an argument without a name).
    package struct Positional: Sendable {
        /// How many arguments the operand takes.
        package enum Count: Sendable, Equatable { case one, optional, any }
        /// Name shown in the help, such as `"SCENARIO"`.
        package let name: String
        /// What it is, for the help text.
        package let help: String
        package let count: Count

        package init(_ name: String, _ help: String, count: Count = .one) {
            self.name = name
            self.help = help
            self.count = count
        }
    }

    /// The command as typed, such as `"sordino simulate"`.
    package let command: String
    /// One sentence that says what the command does.
    package let summary: String
    package let options: [Option]
    package let positionals: [Positional]
    /// Further paragraphs at the end of the help text, such as examples; printed as they are.
    package let notes: String

    /// Declares a command line. Operands that may be missing or repeated must come last, one at most.
    package init(
        command: String, summary: String, positionals: [Positional] = [], options: [Option] = [],
        notes: String = ""
    ) {
        let names = options.map(\.name)
        precondition(Set(names).count == names.count, "an option is declared twice")
        precondition(!names.contains("help") && !names.contains("format"), "help and format are built in")
        precondition(positionals.dropLast().allSatisfy { $0.count == .one }, "only the last operand may vary")
        precondition(
            positionals.isEmpty
                || options.allSatisfy {
                    if case .optionalValue = $0.kind { false } else { true }
                }, "an operand could be taken for the value of an option")
        self.command = command
        self.summary = summary
        self.positionals = positionals
        self.options =
            options + [
                .value("format", "text|json", "What to print on standard output (default: text)."),
                .flag("help", "Print this text and end."),
            ]
        self.notes = notes
    }

    /// Reads the arguments that follow the command. With `--help` nothing else is required of them.
    ///
    /// Throws a usage ``Failure`` that names the argument and, for an unknown option, the nearest known one.
    package func parse(_ arguments: [String]) throws(Failure) -> Options {
        var values: [String: [String]] = [:]
        var operands: [String] = []
        var rest = arguments[...]
        var optionsEnded = false
        while let argument = rest.popFirst() {
            if optionsEnded || argument == "-" || !argument.hasPrefix("-") || Double(argument) != nil {
                operands.append(argument)
            } else if argument == "--" {
                optionsEnded = true
            } else {
                try readOption(argument, rest: &rest, into: &values)
            }
        }
        let parsed = Options(grammar: self, values: values, operands: operands)
        _ = try parsed.choice("format", among: ["text", "json"])
        if !parsed.flag("help") { try check(operands: operands) }
        return parsed
    }

    private func readOption(
        _ argument: String, rest: inout ArraySlice<String>, into values: inout [String: [String]]
    ) throws(Failure) {
        let written = argument == "-h" ? "--help" : argument
        let parts = written.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        guard let option = options.first(where: { "--" + $0.name == parts[0] }) else {
            throw usage(unknownOption(parts[0]))
        }
        switch option.kind {
        case .flag:
            guard parts.count == 1 else { throw usage("--\(option.name) takes no value") }
            guard values[option.name] == nil else { throw usage("--\(option.name) is given twice") }
            values[option.name] = [""]
        case .value(let valueName, let repeatable):
            guard repeatable || values[option.name] == nil else {
                throw usage("--\(option.name) is given twice")
            }
            if parts.count == 2 {
                values[option.name, default: []].append(parts[1])
            } else if let value = rest.first, !value.hasPrefix("--") {
                rest.removeFirst()
                values[option.name, default: []].append(value)
            } else {
                throw usage("--\(option.name) needs a value: --\(option.name) \(valueName)")
            }
        case .optionalValue(_, let standard):
            guard values[option.name] == nil else { throw usage("--\(option.name) is given twice") }
            if parts.count == 2 {
                values[option.name] = [parts[1]]
            } else if let value = rest.first, !value.hasPrefix("-") {
                rest.removeFirst()
                values[option.name] = [value]
            } else {
                values[option.name] = [standard]
            }
        }
    }

    private func unknownOption(_ name: String) -> String {
        let known = options.map { "--" + $0.name }
        if let nearest = Section.nearest(to: name, among: known) {
            return "unknown option \(name); did you mean \(nearest)?"
        }
        return "unknown option \(name)"
    }

    private func check(operands: [String]) throws(Failure) {
        let needed = positionals.filter { $0.count == .one }.count
        guard operands.count >= needed else {
            throw usage("\(positionals[operands.count].name) is missing")
        }
        let unbounded = positionals.last?.count == .any
        guard unbounded || operands.count <= positionals.count else {
            throw usage("unexpected argument \"\(operands[positionals.count])\"")
        }
    }

    private func usage(_ problem: String) -> Failure {
        Failure(.usage, "\(command): \(problem) (see \(command) --help)")
    }
}
