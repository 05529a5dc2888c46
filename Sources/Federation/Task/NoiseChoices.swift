internal import Configuration
internal import Glibc
internal import Privacy

/// What the same task at the same ε would come to with each way to noise rounds without an assumption about sampling: the
/// expected squared error of the sum of mean updates, which is what a model is but for its start and its server's rule.
package struct NoiseChoices: Sendable {
    /// One way, by the words that a task names it with.
    package struct Choice: Equatable, Sendable {
        package let name: String
        /// Sum over rounds and coordinates of the expected squared error, model units.
        package let squaredError: Double
    }

    /// All that the pattern allows, the one of least error first.
    package let choices: [Choice]
    /// What noise of each round's own would come to with every client in every round, at as many times the work.
    package let withEverybody: Double

    /// The choices of a plan with noise over rounds, or with noise of each round's own and adjacency zero-out or replace-one;
    /// nil for other plans, whose neighbours or sampling are others.
    init?(_ plan: TaskPlan) {
        guard let privacy = plan.privacy, privacy.configuration.mode == .central,
            privacy.configuration.sampling == .none, privacy.configuration.adjacency != .addOrRemoveOne,
            privacy.configuration.adaptiveClipping == nil, plan.configuration.asynchronous == nil,
            case .expectedCohort(let cohort) = plan.divisor
        else { return nil }
        guard
            let pattern = try? (privacy.configuration.matrix ?? MatrixConfiguration())
                .pattern(plan.configuration, population: plan.population),
            pattern.rounds <= Self.mostRounds
        else { return nil }
        let multiplier = Self.multiplier(privacy, rounds: pattern.rounds)
        let unit = privacy.rounding.scale * cohort
        let deviation = multiplier * privacy.rounding.sensitivity.l2 * privacy.distance / unit
        let scale = Double(pattern.rounds) * Double(privacy.rounding.dimension) * deviation * deviation
        let rounds = Double(pattern.rounds)
        let share = cohort / Double(plan.population)
        withEverybody = scale * share * share * rounds * (rounds + 1) / 2
        choices = Self.losses(pattern)
            .map { Choice(name: $0.name, squaredError: scale * $0.loss) }
            .sorted { $0.squaredError < $1.squaredError }
    }

    /// What `sordino check` says of a plan's noise over rounds, and of the choices that its task has.
    static func figures(of plan: TaskPlan) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        if let matrix = plan.privacy?.matrix {
            members["matrix_strategy"] = .string(matrix.name)
            members["matrix_bands"] = .integer(matrix.strategy.bands)
            members["matrix_sensitivity"] = .number(matrix.sensitivity)
            members["min_separation"] = .integer(matrix.pattern.separation)
            members["participations"] = .integer(matrix.pattern.participations)
        }
        guard let noise = NoiseChoices(plan), let best = noise.choices.first else { return members }
        members["least_total_squared_error"] = .string(best.name)
        for choice in noise.choices {
            members["total_squared_error (\(choice.name))"] = .number(choice.squaredError)
        }
        members["total_squared_error (gaussian, every client in every round)"] = .number(noise.withEverybody)
        return members
    }

    /// Rounds beyond which looking for strategies takes too long for a glance at a plan.
    private static let mostRounds = 4096

    /// Multiplier of the one Gaussian that costs what the plan's run costs.
    private static func multiplier(_ privacy: PrivacyPlan, rounds: Int) -> Double {
        if let tree = privacy.tree {
            let nodes = Double(tree.trees(steps: rounds) * tree.height)
            return privacy.noiseMultiplier / nodes.squareRoot()
        }
        if privacy.matrix != nil { return privacy.noiseMultiplier }
        return privacy.noiseMultiplier / Double(privacy.counted(rounds)).squareRoot()
    }

    /// Mean squared error × squared sensitivity of every choice. Noise of each round's own is for a client in all
    /// of them: nothing bounds how often one is in.
    private static func losses(_ pattern: ParticipationPattern) -> [(name: String, loss: Double)] {
        let rounds = Double(pattern.rounds)
        var losses = [(name: "gaussian", loss: rounds * (rounds + 1) / 2)]
        let leaves = pattern.separation
        let most = Double(pattern.participations * AggregationTree.height(leaves: leaves))
        for estimator in TreeAggregation.Estimator.allCases {
            let prefixes = (1...pattern.rounds).map {
                Double($0 / leaves) * AggregationTree.variance(step: leaves, estimator)
                    + AggregationTree.variance(step: $0 % leaves, estimator)
            }
            let name = estimator == .prefix ? "tree" : "tree, honaker"
            losses.append((name, most * prefixes.reduce(0, +) / rounds))
        }
        let bands = pattern.separation
        let strategies: [(String, ToeplitzStrategy?)] = [
            ("matrix, square-root", ToeplitzStrategy.squareRoot(bands: bands)),
            ("matrix, bands", StrategySearch.bands(bands, under: pattern)),
        ]
        let buffers =
            StrategySearch.findsBuffers(under: pattern)
            ? try? StrategySearch.buffers(2, under: pattern).strategy(rounds: pattern.rounds) : nil
        for (name, strategy) in strategies + [("matrix, buffers", buffers)] {
            if let loss = try? strategy?.loss(under: pattern) { losses.append((name, loss)) }
        }
        return losses
    }
}
