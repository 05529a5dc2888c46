internal import Configuration
internal import Glibc
package import Learning
package import Privacy

/// `task.privacy.example`: protection of single records inside each silo, beside any mode.
package struct ExampleConfiguration: Equatable, Sendable {
    /// L2 bound of one example's gradient.
    package var clippingNorm: Double
    /// Noise deviation over the sensitivity of a step's gradient sum.
    package var noiseMultiplier: Double
    /// Public number of records that a client is planned for; nil: ``ExamplePlan/defaultBatches`` batches.
    package var records: Int?

    init(_ section: Section) throws {
        guard let norm = try section.positive("clipping_norm") else {
            throw section.error("clipping_norm", "is missing: the L2 bound of one example's gradient")
        }
        clippingNorm = norm
        guard let multiplier = try section.positive("noise_multiplier") else {
            throw section.error(
                "noise_multiplier",
                "is missing; sordino privacy calibrate --mechanism gaussian --sampling poisson finds it")
        }
        noiseMultiplier = multiplier
        records = try section.integer("records", in: 1...(1 << 40))
        try section.finish()
    }
}

/// Per-example privacy, resolved: grid, noise and what it costs.
///
/// How many records a client has is private where one record more or less must not show: sampling probability, number of
/// steps and divisor are functions of the plan's public number of records, N, whatever a client holds. The noise in a
/// release of d coordinates is known to √(2/d), so that one step more would show at once. A client with other than N
/// records trains on larger or smaller batches; the claim is the same.
package struct ExamplePlan: Sendable {
    package let configuration: ExampleConfiguration
    /// Number of parameters.
    let dimension: Int
    /// Grid points a gradient unit.
    let scale: Double
    let mechanism: any PrivacyMechanism
    /// The public number of records, N.
    package let records: Int
    /// Chance of each of a client's records to be in a batch: min(1, batch size / N).
    package let probability: Double
    /// Steps of one round: local epochs · ⌈N / batch size⌉.
    package let steps: Int
    /// Whether `records` was chosen for want of a number in the task.
    package let hasDefaultRecords: Bool

    /// Batches of an epoch where the task does not say for how many records it is planned: a probability of 1 %.
    package static let defaultBatches = 100

    /// In a task of statistics a round is one step of all records, so that nothing of it depends on a number of them.
    init(_ configuration: ExampleConfiguration, of task: TaskConfiguration, dimension: Int) throws {
        let (training, takesAll) = (task.training, task.statistics != nil)
        self.configuration = configuration
        self.dimension = dimension
        hasDefaultRecords = configuration.records == nil && !takesAll
        records = configuration.records ?? (takesAll ? 1 : Self.defaultBatches) * training.batchSize
        probability = min(1, Double(training.batchSize) / Double(records))
        let batches = (records + training.batchSize - 1) / training.batchSize
        let (product, isTooLarge) = training.localEpochs.multipliedReportingOverflow(by: batches)
        guard !isTooLarge, product <= 1 << 31 else {
            throw ConfigurationError(
                path: "task.privacy.example.records", problem: "gives more than 2^31 steps a round")
        }
        steps = product
        let root = Double(dimension).squareRoot()
        // So fine that rounding, which can move two neighbouring sums √d apart, adds less than 1/4000; of sums over all
        // records, which floats must hold on the grid, 1/128.
        let fineness = takesAll ? 128.0 : 4096
        scale = exp2(log2(root * fineness / configuration.clippingNorm).rounded(.up))
        let sensitivity = configuration.clippingNorm * scale + root
        do {
            mechanism = try RoundedGaussian(sigma: configuration.noiseMultiplier * sensitivity)
        } catch {
            throw ConfigurationError(path: "task.privacy.example", problem: error.description)
        }
    }

    /// How every client trains.
    package var training: PrivateTrainingPlan {
        PrivateTrainingPlan(
            clippingNorm: configuration.clippingNorm, steps: steps,
            expectedBatchSize: probability * Double(records))
    }

    /// What so many rounds cost one record of a client that takes part in each; the unit is the record.
    package func event(rounds: Int) -> PrivacyEvent {
        PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: configuration.noiseMultiplier),
            sampling: probability < 1 ? .poisson(probability: probability) : .none,
            adjacency: .addOrRemoveOne, steps: steps * rounds)
    }

    /// ε of a record of a client that took part in each of `rounds` rounds. Throws where no accountant knows the
    /// event.
    package func epsilon(rounds: Int, delta: Double) throws -> Double {
        guard rounds > 0 else { return 0 }
        return try PrivacyGuarantee.of([event(rounds: rounds)], delta: delta).epsilon
    }
}
