internal import Configuration
internal import Foundation
internal import Operations
internal import Privacy

/// The options that describe a privacy event on the command line, shared by `epsilon` and `calibrate`.
enum PrivacyOptions {
    /// How an option's text becomes a JSON value.
    private enum Kind { case number, integer, word }

    /// Option name and kind; the event's key is the name with underscores.
    private static let fields: [(name: String, value: String, kind: Kind, help: String)] = [
        ("mechanism", "NAME", .word, "gaussian, discrete-gaussian, skellam, laplace, tree or matrix."),
        ("noise-multiplier", "Z", .number, "Noise over sensitivity (gaussian, tree, matrix)."),
        ("sigma-squared", "S", .number, "Variance parameter (discrete-gaussian)."),
        ("variance", "V", .number, "Total variance (skellam)."),
        ("scale-over-sensitivity", "B", .number, "Scale over L1 sensitivity (laplace)."),
        ("integer-sensitivity", "D", .number, "L2 sensitivity on the integers."),
        ("l1-sensitivity", "D1", .number, "L1 sensitivity on the integers."),
        ("dimension", "d", .integer, "Coordinates (default 1)."),
        ("clients", "n", .integer, "Shares of a distributed discrete Gaussian."),
        ("local-variance", "V", .number, "Variance parameter of one share."),
        ("participations", "P", .integer, "Participations, each in a fresh tree (tree)."),
        ("strategy", "NAME", .word, "What the matrix is called (matrix)."),
        ("bands", "B", .integer, "Bands of the matrix (matrix)."),
        (
            "matrix-sensitivity", "S", .number,
            "Sensitivity of the matrix for one contribution of norm 1 (matrix)."
        ),
        ("rounds", "T", .integer, "Rounds of the run (matrix)."),
        ("min-separation", "B", .integer, "Least distance of two rounds of one unit (matrix)."),
        ("max-participations", "K", .integer, "Most rounds of one unit (matrix)."),
        ("steps", "T", .integer, "Releases of this kind (default 1)."),
        ("sampling", "NAME", .word, "none, poisson or fixed-size (default none)."),
        ("sampling-probability", "Q", .number, "Chance of being sampled (poisson)."),
        ("population", "N", .integer, "Units to sample from."),
        ("cohort", "M", .integer, "Units sampled."),
        ("maximum-cohort", "M", .integer, "Most units of a truncated Poisson sample."),
        ("adjacency", "NAME", .word, "add-or-remove-one, replace-one or zero-out."),
    ]

    /// The options, and those of the guarantee.
    static var options: [OptionGrammar.Option] {
        fields.map { .value($0.name, $0.value, $0.help) } + [
            .value("delta", "D", "The delta of the guarantee."),
            .value(
                "accountant", "rdp|pld|best", "Which accountant speaks (default: best, the smaller of both)."),
            .value("events", "FILE", "A JSON list of events, composed in order, in place of the options."),
        ]
    }

    /// The delta, which must be given.
    static func delta(_ options: Options) throws -> Double {
        guard let delta = Double(try options.required("delta")), delta >= 0, delta <= 1 else {
            throw Failure(.invalidInput, "--delta must be a number from 0 to 1")
        }
        return delta
    }

    static func accountant(_ options: Options) throws -> AccountantKind {
        let names = AccountantKind.allCases.map(\.rawValue)
        return try options.choice("accountant", among: names).flatMap(AccountantKind.init) ?? .best
    }

    /// The events of `--events`, or the one that the options describe, with `extra` values filled in.
    static func events(_ options: Options, extra: [String: JSONValue] = [:]) throws -> [PrivacyEvent] {
        if let file = options.string("events") {
            guard options.string("mechanism") == nil else {
                throw options.usage("--events replaces --mechanism")
            }
            guard let data = FileManager.default.contents(atPath: file) else {
                throw Failure(.invalidInput, "\(file): no such file, or it cannot be read")
            }
            return try PrivacyEvent.list(fromJSON: data)
        }
        _ = try options.required("mechanism")
        var members = extra
        for field in fields {
            guard let text = options.string(field.name) else { continue }
            members[field.name.replacingOccurrences(of: "-", with: "_")] = try value(
                text, field.kind, field.name)
        }
        deriveProbability(&members)
        return try PrivacyEvent.list(fromJSON: Data(JSONValue.object(members).text().utf8))
    }

    /// Poisson sampling may be given by population and expected cohort.
    private static func deriveProbability(_ members: inout [String: JSONValue]) {
        guard members["sampling"] == .string("poisson"), members["sampling_probability"] == nil,
            case .integer(let population)? = members["population"], population > 0,
            case .integer(let cohort)? = members["cohort"]
        else { return }
        members["sampling_probability"] = .number(Double(cohort) / Double(population))
        members["population"] = nil
        members["cohort"] = nil
    }

    private static func value(_ text: String, _ kind: Kind, _ name: String) throws -> JSONValue {
        switch kind {
        case .word: return .string(text)
        case .integer:
            if let whole = Int(text) { return .integer(whole) }
            // Steps are often written as 1e6.
            if let number = Double(text), let whole = Int(exactly: number) { return .integer(whole) }
            throw Failure(.invalidInput, "--\(name) must be a whole number, not \"\(text)\"")
        case .number:
            guard let number = Double(text), number.isFinite else {
                throw Failure(.invalidInput, "--\(name) must be a finite number, not \"\(text)\"")
            }
            return .number(number)
        }
    }
}
