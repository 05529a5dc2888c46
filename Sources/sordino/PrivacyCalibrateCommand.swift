internal import Configuration
internal import Operations
internal import Privacy

/// `sordino privacy calibrate`: the least noise that keeps a target epsilon.
enum PrivacyCalibrateCommand: Subcommand {
    static let grammar = OptionGrammar(
        command: "sordino privacy calibrate", summary: "Find the least noise that keeps a target epsilon.",
        options: PrivacyOptions.options + [
            .value("target-epsilon", "E", "The epsilon to keep.")
        ],
        notes: "Takes the options of privacy epsilon with --target-epsilon in place of the noise.\n")

    static func run(_ options: Options) throws -> ExitCode {
        guard let target = Double(try options.required("target-epsilon")), target > 0, target.isFinite else {
            throw Failure(.invalidInput, "--target-epsilon must be a finite number above 0")
        }
        guard options.string("events") == nil else {
            throw options.usage("--events states its noise already; calibrate takes one mechanism")
        }
        // The event's own noise is what is sought: any value stands in for it.
        let events = try PrivacyOptions.events(options, extra: standIn(options))
        let result = try NoiseCalibration.calibrate(
            events[0], targetEpsilon: target, delta: PrivacyOptions.delta(options),
            accountant: PrivacyOptions.accountant(options))
        let answer: [String: JSONValue] = [
            "noise_multiplier": .number(result.noiseMultiplier),
            "epsilon": .number(result.guarantee.epsilon),
            "delta": .number(result.guarantee.delta),
            "accountant": .string(result.guarantee.accountant.rawValue),
            "mechanism": .string(result.event.mechanism.name),
            "adjacency": .string(result.guarantee.adjacency.rawValue),
        ]
        StandardOutput.write(JSONValue.object(answer.merging(noise(result.event)) { $1 }).text() + "\n")
        return .done
    }

    /// The noise field of each mechanism, filled so that the event can be read.
    private static func standIn(_ options: Options) -> [String: JSONValue] {
        switch options.string("mechanism") {
        case "discrete-gaussian": ["sigma_squared": .number(1)].merging(sensitivity(options)) { $1 }
        case "skellam": ["variance": .number(1)].merging(sensitivity(options)) { $1 }
        case "laplace": ["scale_over_sensitivity": .number(1)]
        default: ["noise_multiplier": .number(1)]
        }
    }

    /// Without a stated sensitivity the integer mechanisms are calibrated for sensitivity 1.
    private static func sensitivity(_ options: Options) -> [String: JSONValue] {
        options.string("integer-sensitivity") == nil ? ["integer_sensitivity": .number(1)] : [:]
    }

    /// The calibrated noise in the mechanism's own terms.
    private static func noise(_ event: PrivacyEvent) -> [String: JSONValue] {
        switch event.mechanism {
        case .discreteGaussian(let parameters): ["sigma_squared": .number(parameters.sigmaSquared)]
        case .skellam(let variance, _): ["variance": .number(variance)]
        case .laplace(let scale): ["scale_over_sensitivity": .number(scale)]
        case .gaussian, .tree, .matrix: [:]
        }
    }
}
