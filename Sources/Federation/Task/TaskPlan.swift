package import Encoding
internal import Glibc
internal import Compute
internal import Configuration
package import Learning
package import Privacy

/// A task, resolved against its model and its population: everything that a round needs, nothing left to decide.
package struct TaskPlan: Sendable {
    /// What a sum of updates is divided by.
    package enum Divisor: Equatable, Sendable {
        /// The sum of the clients' weights (examples): plain federated averaging.
        case weights
        /// A number known beforehand: the expected cohort.
        case expectedCohort(Double)
    }

    package let configuration: TaskConfiguration
    package private(set) var model: Model
    /// Local training as the strategy wants it.
    package let training: TrainingOptions
    /// Clients that could be chosen.
    package let population: Int
    package let codec: FixedPointCodec
    /// Nil for `mode: "none"`.
    package let privacy: PrivacyPlan?
    /// Nil where clients train without per-example privacy.
    package let example: ExamplePlan?
    package let rules: RoundEngine.Rules
    /// Most clients that a round invites (for Poisson sampling: but with probability 1e-15).
    package let greatestCohort: Int
    /// Most clients that are masked together, and the fewest whose sum may be opened: of one group, where a round has several.
    let greatestGroup: Int
    let fewestOfGroup: Int
    package internal(set) var divisor: Divisor

    /// Number of model parameters that are shared: what the server publishes, and, but for forests, what clients report.
    package var dimension: Int { model.layout.count }
    /// The coordinates of one report.
    package let report: ReportLayout
    /// How clients' metrics ride in the vector; nil where they do not.
    package var metrics: MetricsPlan? { privacy == nil ? nil : configuration.metrics }
    /// What metrics and a clipping indicator in the vector leave of the clipping norm for the update.
    var updateShare: Double { Self.updateShare(metrics, privacy) }

    private static func updateShare(_ metrics: MetricsPlan?, _ privacy: PrivacyPlan?) -> Double {
        let (metrics, indicator) = (metrics?.share ?? 0, privacy?.indicatorShare ?? 0)
        return (1 - metrics * metrics - indicator * indicator).squareRoot()
    }
    /// Bounds of the model's tensors, where each is clipped on its own; together they keep the clipping norm.
    package var layerClipping: LayerClipping? {
        guard let privacy, privacy.configuration.clipsPerLayer else { return nil }
        return .even(model.layout, norm: privacy.configuration.clippingNorm * updateShare)
    }
    /// Bytes of one report on the wire.
    package var reportBytes: Int {
        if let compression { return compression.compressor.byteCount(report.count) }
        if let bytes = MaskingChoice(self).reportBytes { return bytes }
        return sendsFloats
            ? 4 * report.count : RingVector.packedByteCount(count: report.count, bits: codec.bits)
    }
    /// Whether reports travel as floating-point numbers, rounded where they are added: nothing is clipped or masked.
    package var sendsFloats: Bool { privacy == nil }
    /// How updates are compressed; nil where they travel whole.
    package var compression: Compression? { configuration.compression }
    /// Whether every client weighs the same: as the strategy wants it, and where a weight by examples would tell how many
    /// there are, which privacy of clients or of single records forbids, or a hostile client would claim a great one.
    package var weighsUniformly: Bool {
        privacy != nil || example != nil || robust != nil
            || configuration.strategy.client.companion?.weighsUniformly == true
            || configuration.strategy.client.localWork.weighsUniformly
    }
    /// What a client keeps from round to round; empty where it keeps nothing.
    package var clientMemory: [ClientMemoryVector] {
        ClientMemoryVector.ofRule(configuration, count: dimension) + ownVectors
    }
    /// Names of the values that the server remembers of every parameter: the strategy's, and what the grid of published models
    /// leaves out, last.
    package var stateNames: [String] {
        configuration.strategy.server.stateNames + (configuration.download == nil ? [] : [ModelGrid.residual])
    }
    /// Bytes that a client downloads in a round, headers apart. The model that a run starts from is on no grid.
    package func downloadBytes(published: Int) -> Int {
        guard let download = configuration.download, published > 0 else { return modelBytes }
        return download.byteCount(dimension)
    }
    /// Bytes of one published model as it is, headers apart, with what the strategy publishes beside it.
    package var modelBytes: Int {
        let rule = configuration.strategy.server
        return dimension * 4 * (1 + (rule.publishesState ? rule.stateNames.count : 0))
    }

    /// The plan with values for the parameters that nobody trains, which must be of the model's ``Model/frozenLayout``.
    package func with(frozen: FrozenParameters) -> TaskPlan {
        var plan = self
        plan.model = model.with(frozen: frozen)
        return plan
    }

    /// The plan of so many rounds on a roster of so many clients: each round has the noise that it has here, and no budget or
    /// target ends the run. Throws ``ConfigurationError`` where the roster is too small.
    package func lasting(rounds: Int, population: Int) throws -> TaskPlan {
        var task = configuration
        (task.rounds, task.targetAccuracy) = (rounds, nil)
        (task.privacy.noiseMultiplier, task.privacy.targetEpsilon) = (privacy?.noiseMultiplier, nil)
        var plan = try TaskPlan(task, model: model, population: population)
        plan.divisor = divisor
        return plan
    }

    /// Resolves a task. Calibrates the noise where asked; throws ``ConfigurationError`` for a plan that cannot
    /// be carried out and ``PrivacyRefusal`` for one whose budget affords not even one round.
    package init(_ configuration: TaskConfiguration, model: Model, population: Int) throws {
        self.configuration = configuration
        self.model = model
        self.population = population
        training = configuration.strategy.client.localTraining(configuration.training)
        try training.augment?.check(model)
        try configuration.checkStrategy()
        try configuration.compression?.check(configuration)
        try configuration.download?.check(configuration)
        try LocalParameterRules.check(configuration, model)
        try configuration.asynchronous?.check(configuration, population: population)
        try ForestRules.check(configuration, model)
        guard configuration.cohortSize <= population else {
            throw ConfigurationError(
                path: "task.\(configuration.cohortKey)",
                problem: "is \(configuration.cohortSize), above the \(population) clients")
        }
        example = try configuration.privacy.example.map {
            try ExamplePlan($0, of: configuration, dimension: model.trainedCount)
        }
        if example != nil, configuration.strategy.client.localWork == .gradient {
            throw ConfigurationError(
                path: "task.privacy.example",
                problem: "trains in private steps, which strategy \"\(configuration.strategy.name)\" "
                    + "has none of")
        }
        let isPrivate = configuration.privacy.mode != .none
        report = ReportLayout(
            update: ForestRules.updateCount(configuration, model),
            companion: configuration.strategy.client.companion,
            hasMetrics: isPrivate && configuration.metrics != nil,
            hasClippingIndicator: isPrivate && configuration.privacy.adaptiveClipping != nil,
            indicatorWithin: configuration.privacy.mode == .distributed)
        let cohort = try CohortPlan(configuration, population: population)
        if configuration.privacy.mode == .none {
            privacy = nil
            // Unclipped averaging: 2^-32 steps leave room for a sum of ±2^31 example-weighted units.
            codec = FixedPointCodec(bits: 64, scale: 0x1p32)
            divisor = .weights
        } else {
            let plan = try PrivacyPlan(configuration, cohort: cohort, dimension: report.vector.count)
            guard Self.updateShare(configuration.metrics, plan) > 0 else {
                throw ConfigurationError(
                    path: "task.evaluation.metrics_share",
                    problem:
                        "leaves nothing of the clipping norm for the update beside the clipping indicator, which takes "
                        + "\(plan.indicatorShare ?? 0) of it; lower it, or enlarge the cohort")
            }
            privacy = plan
            codec = plan.codec
            // With a robust rule local noise is in the single updates, and what the rule makes of them is no sum.
            let isNoSum = configuration.robust != nil && configuration.privacy.mode == .local
            // Of groups that are masked apart one sum is left, of one group's size.
            divisor = isNoSum ? .weights : .expectedCohort(cohort.expected / Double(cohort.groups))
        }
        greatestCohort = cohort.greatest
        greatestGroup = cohort.greatestGroup
        fewestOfGroup = try cohort.minimumOfGroup(configuration)
        rules = try cohort.rules(configuration, privacy)
        try configuration.robust?.check(configuration, minimumReports: rules.minimumReports)
        try MaskingChoice(self).check()
    }
}

/// How many clients a round draws, waits for and divides by.
struct CohortPlan {
    let sampling: CohortSampling
    /// Reports at which a round closes; nil where amplification or adjacency demand every report.
    let target: Int?
    /// Expected number of reports: what a private sum is divided by.
    let expected: Double
    /// Most reports that the ring must hold without wrapping (for Poisson sampling: but with probability 1e-15).
    let greatest: Int
    let population: Int
    /// Rounds in which a client takes part at most once, with tree noise; nil: no bound.
    let roundsPerTree: Int?
    /// How often a client takes part, with matrix noise; nil: no bound.
    let pattern: ParticipationPattern?
    /// Groups that clients are masked in.
    let groups: Int
    private let claimed: ClaimedSampling

    /// Throws ``ConfigurationError`` where trees ask for more clients than there are.
    init(_ configuration: TaskConfiguration, population: Int) throws {
        let cohort = configuration.cohortSize
        self.population = population
        claimed = configuration.privacy.sampling
        expected = Double(cohort)
        groups = configuration.secureAggregation.groups
        switch claimed {
        case .poisson:
            sampling = .poisson(probability: Double(cohort) / Double(population))
            greatest = min(population, cohort + Int(8 * Double(cohort).squareRoot()) + 32)
            target = nil
        case .fixedSize:
            sampling = .fixedSize(cohort)
            greatest = cohort
            target = nil
        case .none:
            let invited = min(population, Int((Double(cohort) * configuration.overSelection).rounded(.up)))
            sampling = .fixedSize(invited)
            greatest = invited
            // Closing at a target lets one client displace another: replace-one, or no privacy at all.
            let mayClose =
                configuration.privacy.mode == .none || configuration.privacy.adjacency == .replaceOne
            target = mayClose ? cohort : nil
        }
        roundsPerTree =
            configuration.privacy.usesTrees
            ? try Self.roundsPerTree(configuration, population: population) : nil
        pattern = try configuration.privacy.matrix?.pattern(configuration, population: population)
    }

    /// Every round of a tree needs a cohort that was in none of the tree's rounds before.
    private static func roundsPerTree(_ configuration: TaskConfiguration, population: Int) throws -> Int {
        let most = max(1, population / configuration.cohortSize)
        guard let asked = configuration.privacy.roundsPerTree else { return most }
        guard asked <= most else {
            throw ConfigurationError(
                path: "task.privacy.rounds_per_tree",
                problem:
                    "is \(asked), yet \(population) clients fill only \(most) rounds of \(configuration.cohortSize)"
                    + " without anyone taking part twice")
        }
        return asked
    }

    /// The task's `min_reports`, or half the cohort.
    ///
    /// Abandoning a Poisson round for want of reports would tell of its size, so there a minimum is refused.
    func minimumReports(_ configuration: TaskConfiguration) throws -> Int {
        if claimed == .poisson {
            guard configuration.minimumReports == nil else {
                throw ConfigurationError(
                    path: "task.min_reports",
                    problem:
                        "cannot be chosen under Poisson sampling, where abandoning a round tells of its size; remove it"
                )
            }
            return configuration.privacy.mode == .distributed ? leastLikely(configuration) : 0
        }
        if configuration.privacy.mode == .distributed, configuration.minimumReports == nil {
            // Noise shares are sized for the fewest survivors: the estimated drop-outs and no more.
            let kept = 1 - configuration.secureAggregation.dropoutRate
            return max(1, Int((Double(configuration.cohortSize) * kept).rounded(.down)))
        }
        return configuration.minimumReports ?? max(1, configuration.cohortSize / 2)
    }

    /// What the round engine goes by.
    func rules(_ configuration: TaskConfiguration, _ privacy: PrivacyPlan?) throws -> RoundEngine.Rules {
        var rules = RoundEngine.Rules(
            rounds: configuration.rounds, sampling: sampling, target: target,
            minimumReports: try minimumReports(configuration),
            deadlineSeconds: configuration.reportDeadline, abandonLimit: configuration.abandonLimit,
            affordableRounds: privacy?.affordableRounds ?? pattern?.rounds,
            participationWindow: roundsPerTree, pattern: pattern,
            chargesBeforeSum: configuration.privacy.mode == .distributed)
        rules.minimumShare = privacy?.minimumShare ?? 0
        if privacy != nil, configuration.privacy.sampling != .none {
            rules.schedule = RoundSchedule(
                reportDeadline: configuration.reportDeadline,
                masksReports: configuration.privacy.mode == .distributed)
        }
        return rules
    }

    /// Most clients of a group.
    var greatestGroup: Int { (greatest + groups - 1) / groups }

    /// Fewest reports of a group: its share of the round's fewest.
    func minimumOfGroup(_ configuration: TaskConfiguration) throws -> Int {
        let whole = try minimumReports(configuration)
        return groups == 1 ? whole : max(1, whole / groups)
    }

    /// That a Poisson cohort is too small for masked rounds, and what would do: keys that would be refused are not named.
    func tooFew(_ configuration: TaskConfiguration, corrupt rate: Double) -> ConfigurationError {
        let least = (configuration.cohortSize...max(configuration.cohortSize, population)).first { size in
            let fewest = leastLikely(configuration, of: Double(size))
            return fewest > 0 && fewest - Int((rate * Double(fewest)).rounded(.up)) > 0
        }
        let enough =
            least.map { "from a cohort_size of \($0) on it works" }
            ?? "even all \(population) clients are too few for it"
        return ConfigurationError(
            path: "task.cohort_size",
            problem:
                "is \(configuration.cohortSize): with sampling \"poisson\" a round may have no honest survivor, whose noise"
                + " alone counts in mode \"distributed\"; \(enough), or with sampling: \"none\" or \"fixed-size\" from few clients"
                + " on, or in mode \"local\"")
    }

    /// A cohort size that Poisson sampling falls below, in any round of the run, with probability at most δ/100
    /// (Chernoff: P[S < m] ≤ exp(−(µ − m)² / 2µ)); estimated drop-outs come off it.
    private func leastLikely(_ configuration: TaskConfiguration, of size: Double? = nil) -> Int {
        let expected = size ?? expected
        let chance = configuration.privacy.targetDelta / (100 * Double(configuration.rounds))
        let least = expected - (2 * expected * log(1 / chance)).squareRoot()
        return max(0, Int((least * (1 - configuration.secureAggregation.dropoutRate)).rounded(.down)))
    }
}
