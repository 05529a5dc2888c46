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
        try section.finish()
    }
}

/// Per-example privacy, resolved: grid, noise and what it costs.
package struct ExamplePlan: Sendable {
    package let configuration: ExampleConfiguration
    /// Number of parameters.
    let dimension: Int
    /// Grid points a gradient unit.
    let scale: Double
    let mechanism: any PrivacyMechanism
    private let batchSize: Int
    private let epochs: Int

    init(_ configuration: ExampleConfiguration, training: TrainingOptions, dimension: Int) throws {
        self.configuration = configuration
        self.dimension = dimension
        batchSize = training.batchSize
        epochs = training.localEpochs
        let root = Double(dimension).squareRoot()
        // So fine that rounding, which can move two neighbouring sums √d apart, adds less than 1/4000.
        scale = exp2(log2(root * 4096 / configuration.clippingNorm).rounded(.up))
        let sensitivity = configuration.clippingNorm * scale + root
        do {
            mechanism = try RoundedGaussian(sigma: configuration.noiseMultiplier * sensitivity)
        } catch {
            throw ConfigurationError(path: "task.privacy.example", problem: error.description)
        }
    }

    /// Chance of each of a client's examples to be in a batch.
    package func probability(examples: Int) -> Double { min(1, Double(batchSize) / Double(max(1, examples))) }

    /// Examples that a client is taken to have where its own may not tell: a function of the task.
    package var expectedExamples: Int { 100 * batchSize }

    /// Steps of one round for a client with this many examples.
    package func steps(examples: Int) -> Int { epochs * max(1, (examples + batchSize - 1) / batchSize) }

    /// How a client with this many examples trains.
    package func training(examples: Int) -> PrivateTrainingPlan {
        PrivateTrainingPlan(
            clippingNorm: configuration.clippingNorm, steps: steps(examples: examples),
            expectedBatchSize: probability(examples: examples) * Double(max(1, examples)))
    }

    /// What a round costs one record of a client with this many examples; the unit is the record.
    package func event(examples: Int, rounds: Int) -> PrivacyEvent {
        PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: configuration.noiseMultiplier),
            sampling: .poisson(probability: probability(examples: examples)), adjacency: .addOrRemoveOne,
            steps: steps(examples: examples) * rounds)
    }

    /// Distinct client sizes up to which each is accounted on its own.
    private static let sizesAccounted = 24

    /// ε of a record of the client that spends most, after `rounds` rounds in each of which it took part.
    package func epsilon(sizes: Set<Int>, rounds: Int, delta: Double) throws -> Double {
        let sizes = sizes.filter { $0 > 0 }
        guard rounds > 0, let least = sizes.min(), let most = sizes.max() else { return 0 }
        if sizes.count <= Self.sizesAccounted {
            return try sizes.map {
                try PrivacyGuarantee.of([event(examples: $0, rounds: rounds)], delta: delta).epsilon
            }.max() ?? 0
        }
        return try bound(least: least, most: most).map {
            var total = $0
            total.steps *= rounds
            return try PrivacyGuarantee.of([total], delta: delta).epsilon
        } ?? 0
    }

    /// What a round costs at most a record of any client with `least` to `most` examples, neither of them 0: the
    /// highest probability with the greatest number of steps. Exact where all have the same number.
    package func bound(least: Int, most: Int) -> PrivacyEvent? {
        guard least > 0, most >= least else { return nil }
        var worst = event(examples: least, rounds: 1)
        worst.steps = steps(examples: most)
        return worst
    }
}
