package import Configuration
package import Learning

/// The `task` section as a user writes it: the same in a scenario and in a server's file.
package struct TaskConfiguration: Sendable {
    /// Where the published models are evaluated.
    package enum Holdout: String, Sendable, CaseIterable { case server, federated, none }

    package var name: String
    package var model: ModelSpec
    package var training: TrainingOptions
    package var strategy: Strategy
    /// The rule that takes the place of the mean; nil: the mean.
    package var robust: RobustAggregation?
    /// Steps over a buffer of updates in the place of rounds; nil: rounds.
    package var asynchronous: AsynchronousAggregation?
    /// How updates travel in fewer bytes; nil: whole.
    package var compression: Compression?
    /// How published models travel in fewer bytes; nil: as they are.
    package var download: ModelGrid?
    /// Rounds to publish.
    package var rounds: Int
    /// Reports wanted a round; in an asynchronous task those of a step.
    package var cohortSize: Int
    /// The key that says ``cohortSize``, below `task`.
    package var cohortKey: String {
        asynchronous == nil ? "cohort_size" : "\(AsynchronousAggregation.key).buffer"
    }
    /// Invited clients = ceil(`cohortSize` × this).
    package var overSelection: Double
    /// Fewest reports that may be released; nil: the plan decides.
    package var minimumReports: Int?
    /// Seconds from invitation to the closing of a round.
    package var reportDeadline: Double
    /// Rounds abandoned in a row after which a deployed run stalls and a simulated one ends.
    package var abandonLimit: Int
    /// Seconds after which a report leaves the agent, whatever its data: at once when local work is done where nothing
    /// is hidden from the server, on a grid where this is nil.
    package var reportAfter: Double?
    package var privacy: PrivacyConfiguration
    package var secureAggregation: SecureAggregationConfiguration
    /// Evaluate every so many rounds; the last is always evaluated.
    package var evaluateEvery: Int
    package var holdout: Holdout
    /// How clients' metrics ride in the vector; nil unless `holdout` is `federated`.
    package var metrics: MetricsPlan?
    /// End early at this hold-out accuracy; nil: never.
    package var targetAccuracy: Double?

    /// What columns and classes mean at every site, as published models carry it (`Preprocessing` of Datasets); nil: the
    /// server's or the scenario's data say it.
    package var schema: JSONValue?
    /// What clients' tables are asked, in a task of kind `statistics`; nil where a model is trained.
    package var statistics: StatisticsPlan?

    /// The key of ``model``.
    package static let modelKey = "model"
    /// The key of ``schema``, which agents find in the published model.
    package static let schemaKey = "schema"
    /// The key of ``abandonLimit``: the one that agents need not know.
    package static let abandonLimitKey = "abandon_limit"

    /// Reads and checks the section; refuses unknown keys.
    package init(_ written: Section) throws {
        let (section, statistics) = try StatisticsPlan.expanding(written)
        self.statistics = statistics
        name = try section.string("name") ?? "task"
        guard let model = section.value(Self.modelKey) else {
            throw section.error(
                Self.modelKey, "is missing; for example { preset: \"mlp\", hidden: [64], classes: 10 }")
        }
        self.model = try ModelSpec(model, path: "\(section.path).model")
        guard let training = try section.section("training") else {
            throw section.error("training", "is missing; for example { batch_size: 10, learning_rate: 0.1 }")
        }
        self.training = try TrainingOptions(training)
        strategy = try statistics?.strategy() ?? StrategyCatalog.make(section.section("strategy"))
        robust = try section.section("robust").map { try RobustAggregation($0) }
        (compression, download) = try Compression.read(section.section("compression"))
        guard let rounds = try section.integer("rounds", in: 1...10_000_000) else {
            throw section.error("rounds", "is missing: how many global models to publish")
        }
        self.rounds = rounds
        asynchronous = try section.section("asynchronous").map { try AsynchronousAggregation($0) }
        if asynchronous != nil { try AsynchronousAggregation.refuseKeysOfRounds(section) }
        guard
            let cohort = try asynchronous?.buffer ?? section.integer("cohort_size", in: 1...100_000_000)
        else {
            throw section.error("cohort_size", "is missing: how many clients report in a round")
        }
        cohortSize = cohort
        overSelection =
            try section.number("over_selection", expected: "a number from 1 to 10") { $0 >= 1 && $0 <= 10 }
            ?? 1
        minimumReports =
            try asynchronous?.buffer ?? section.integer("min_reports", in: 1...100_000_000)
        reportDeadline = try section.seconds("report_deadline") ?? 600
        abandonLimit = try section.integer(Self.abandonLimitKey, in: 1...1_000_000) ?? 10
        reportAfter = try section.seconds("report_after")
        schema = section.value(Self.schemaKey)
        privacy = try PrivacyConfiguration(
            section.section("privacy"), boundsParticipations: asynchronous != nil)
        let evaluation = try section.section("evaluation")
        evaluateEvery = try evaluation?.integer("every", in: 1...10_000_000) ?? 1
        holdout =
            try evaluation?.choice("holdout", of: Holdout.self)
            ?? (self.model.keepsLocalParameters ? Holdout.none : .server)
        targetAccuracy = try evaluation?.number(
            "target_accuracy", expected: "a number above 0 and up to 1"
        ) { $0 > 0 && $0 <= 1 }
        if holdout == .federated { metrics = try evaluation.map { try MetricsPlan($0) } }
        try evaluation?.finish()
        secureAggregation = try SecureAggregationConfiguration(section.section("secure_aggregation"))
        try section.finish()
        try check(section)
        try statistics?.check(privacy)
    }

    /// Groups are for a rule across them, and their noise counts on a number of members that is known beforehand.
    private func checkGroups(_ section: Section) throws {
        let groups = secureAggregation.groups
        guard groups > 1 else { return }
        let key = "secure_aggregation.groups"
        guard privacy.mode == .distributed else {
            throw section.error(
                key, "goes with privacy.mode \"distributed\", whose masks hide single updates")
        }
        guard robust != nil else {
            throw section.error(
                key,
                "costs noise, for each group's sum bears all that one sum would: it goes with task.robust, a rule across the"
                    + " groups; leave it out to mask all members together")
        }
        guard privacy.sampling != .poisson else {
            throw section.error(
                key,
                "does not go with sampling \"poisson\", where a group might have hardly anybody; use \"none\" or \"fixed-size\""
            )
        }
        guard groups <= cohortSize / 2 else {
            throw section.error(
                key, "is \(groups): a cohort of \(cohortSize) fills at most \(cohortSize / 2) groups of two")
        }
    }

    private func check(_ section: Section) throws {
        if let minimumReports, minimumReports > cohortSize {
            throw section.error("min_reports", "is \(minimumReports), above the cohort_size of \(cohortSize)")
        }
        if let reportAfter {
            guard reportAfter > 0, reportAfter < reportDeadline else {
                throw section.error("report_after", "must be above 0 and below report_deadline")
            }
        }
        if holdout == .federated, privacy.mode == .none {
            throw ConfigurationError(
                path: "\(section.path).evaluation.holdout",
                problem: "\"federated\" needs a private mode, whose noise covers what clients say")
        }
        if holdout == .federated, privacy.example != nil {
            throw ConfigurationError(
                path: "\(section.path).evaluation.holdout",
                problem:
                    "\"federated\" tells of single records what privacy.example does not cover; remove one of the two"
            )
        }
        switch (privacy.mode, secureAggregation.enabled) {
        case (.distributed, false?):
            throw section.error(
                "secure_aggregation.enabled",
                "must be true: with mode \"distributed\" only masked sums may be seen")
        case (.central, true?), (.local, true?), (.none, true?):
            throw section.error("secure_aggregation.enabled", "goes with privacy.mode \"distributed\"")
        default: break
        }
        guard secureAggregation.scheme == .masks || privacy.mode == .distributed else {
            throw section.error("secure_aggregation.scheme", "goes with privacy.mode \"distributed\"")
        }
        try checkGroups(section)
        guard privacy.sampling == .none || overSelection == 1 else {
            throw section.error(
                "over_selection",
                "amplification by sampling counts all who are selected: put the number into cohort_size instead"
            )
        }
    }
}
