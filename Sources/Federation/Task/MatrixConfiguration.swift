internal import Configuration
internal import Privacy

/// `task.privacy.matrix`: how often clients take part in a run whose noise is correlated by a matrix, and which matrix.
package struct MatrixConfiguration: Equatable, Sendable {
    /// How the matrix is chosen (``StrategySearch``).
    package enum Strategy: String, Sendable, CaseIterable {
        /// Bands of least error, found by descent.
        case bands
        /// Those of the square root of the matrix of ones.
        case squareRoot = "square-root"
        /// A few buffers, whatever the separation (BLT), found by descent.
        case buffers
    }

    /// Least distance of two rounds that one client is in; nil: as many as the population fills.
    package var separation: Int?
    /// Most rounds that one client is in; nil: as many as the separation leaves room for.
    package var participations: Int?
    /// Diagonals of the matrix; nil: as many as the separation.
    package var bands: Int?
    package var strategy = Strategy.bands
    /// Number of buffers; nil: two.
    package var buffers: Int?

    /// Everything as the population gives it.
    package init() {}

    init(_ section: Section) throws {
        separation = try section.integer("min_separation", in: 1...1_000_000)
        participations = try section.integer("max_participations", in: 1...1_000_000)
        bands = try section.integer("bands", in: 1...Self.mostBands)
        strategy = try section.choice("strategy", of: Strategy.self) ?? .bands
        buffers = try section.integer("buffers", in: 1...Self.mostBuffers)
        try section.finish()
        guard bands == nil || strategy != .buffers else {
            throw section.error("bands", "does not go with strategy \"buffers\"; say how many with buffers")
        }
        guard buffers == nil || strategy == .buffers else {
            throw section.error("buffers", "goes with strategy \"buffers\"; remove it")
        }
    }

    /// More gain nothing that can be seen.
    private static let mostBuffers = 6

    /// Every band is a vector of the model's size that the server keeps.
    private static let mostBands = 10_000

    /// The pattern of a task's rounds and population. Throws ``ConfigurationError`` where clients are too few for it.
    func pattern(_ task: TaskConfiguration, population: Int) throws -> ParticipationPattern {
        func error(_ key: String, _ problem: String) -> ConfigurationError {
            ConfigurationError(path: "task.privacy.matrix.\(key)", problem: problem)
        }
        let most = max(1, population / task.cohortSize)
        let separation = separation ?? min(most, task.rounds)
        guard separation <= most else {
            throw error(
                "min_separation",
                "is \(separation), yet \(population) clients fill only \(most) rounds of \(task.cohortSize) without anyone"
                    + " taking part twice")
        }
        let pattern = ParticipationPattern(
            rounds: task.rounds, separation: separation, participations: participations)
        let (places, isAny) = population.multipliedReportingOverflow(by: pattern.participations)
        guard isAny || places / task.rounds >= task.cohortSize else {
            throw error(
                "max_participations",
                "is \(pattern.participations): \(population) clients then fill no \(task.rounds) rounds of"
                    + " \(task.cohortSize); raise it, or leave it out")
        }
        if let bands, bands > separation {
            throw error(
                "bands",
                "is \(bands), above the separation of \(separation) rounds, beyond which bands gain nothing")
        }
        return pattern
    }

    /// The matrix for a pattern. Throws ``ConfigurationError`` where none is looked for among so many rounds.
    func chosen(_ workload: MatrixWorkload, under pattern: ParticipationPattern) throws -> MatrixNoise.Matrix
    {
        let count = min(bands ?? pattern.separation, pattern.rounds, Self.mostBands)
        switch strategy {
        case .bands: return .bands(StrategySearch.bands(count, workload, under: pattern))
        case .squareRoot: return .bands(ToeplitzStrategy.squareRoot(bands: count))
        case .buffers:
            guard StrategySearch.findsBuffers(under: pattern),
                let found = try? StrategySearch.buffers(buffers ?? 2, workload, under: pattern)
            else {
                throw ConfigurationError(
                    path: "task.privacy.matrix.strategy",
                    problem: "\"buffers\" is for rounds that are far apart; with a separation of"
                        + " \(pattern.separation) in \(pattern.rounds) rounds use \"bands\"")
            }
            return .buffers(found)
        }
    }
}
