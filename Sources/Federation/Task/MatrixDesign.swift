internal import Glibc
internal import Privacy

/// Everything of matrix noise but its amount: strategy and pattern of a task, found once.
struct MatrixDesign {
    private let matrix: MatrixNoise.Matrix
    private let pattern: ParticipationPattern
    private let name: String
    /// Greatest deviation of a round's noise, in deviations of noise of the round's own at the same multiplier.
    let spread: Double

    /// Nil for a task without matrix noise. Throws ``ConfigurationError`` where no matrix is to be had.
    init?(_ task: TaskConfiguration, cohort: CohortPlan) throws {
        guard let matrix = task.privacy.matrix, let pattern = cohort.pattern else { return nil }
        self.pattern = pattern
        name = matrix.strategy.rawValue
        self.matrix = try matrix.chosen(.sums, under: pattern)
        let strategy: ToeplitzStrategy =
            switch self.matrix {
            case .bands(let bands): bands
            case .buffers(let buffers): try buffers.strategy(rounds: pattern.rounds)
            }
        let sensitivity = try strategy.sensitivity(under: pattern)
        spread = sensitivity * MatrixNoise.spread(of: strategy, rounds: pattern.rounds)
    }

    /// The noise whose deviation is so many sensitivities of the run. Throws ``MechanismError`` and `MatrixError`.
    func noise(multiplier: Double, contribution: Double, dimension: Int) throws -> MatrixNoise {
        try MatrixNoise(
            matrix, name: name, pattern: pattern, noiseMultiplier: multiplier, contribution: contribution,
            dimension: dimension)
    }
}
