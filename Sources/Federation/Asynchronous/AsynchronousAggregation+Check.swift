internal import Configuration
internal import Learning
internal import Privacy

/// What does not go with asynchronous steps.
extension AsynchronousAggregation {
    /// Keys of `task` that say how rounds are made up, and what says it here.
    private static let keysOfRounds = [
        ("cohort_size", "asynchronous.buffer says how many updates make a step"),
        ("over_selection", "asynchronous.concurrency says how many clients train at the same time"),
        ("min_reports", "every step has exactly asynchronous.buffer updates"),
    ]

    /// Throws ``ConfigurationError`` where `task` says how rounds are made up, of which there are none.
    static func refuseKeysOfRounds(_ task: Section) throws {
        for (key, remedy) in keysOfRounds where task.value(key) != nil {
            throw task.error(key, "is for rounds, and asynchronous tasks have none: leave it out; \(remedy)")
        }
    }

    /// Whether asynchronous steps are sound in the task. Throws ``ConfigurationError`` where they are not.
    func check(_ task: TaskConfiguration, population: Int) throws {
        func refuse(_ key: String, _ problem: String) -> ConfigurationError {
            ConfigurationError(path: "task.\(key)", problem: problem)
        }
        for (key, value) in [("buffer", buffer), ("concurrency", concurrency)] where value > population {
            throw refuse("asynchronous.\(key)", "is \(value), above the \(population) clients")
        }
        if let maximalParticipations {
            let (wanted, overflows) = buffer.multipliedReportingOverflow(by: task.rounds)
            let (most, isAny) = population.multipliedReportingOverflow(by: maximalParticipations)
            guard isAny || (!overflows && wanted <= most) else {
                throw refuse(
                    "asynchronous.max_participations",
                    "is \(maximalParticipations): \(population) clients give at most \(most) updates, fewer than \(task.rounds)"
                        + " rounds of \(buffer) take; raise it, or lower rounds")
            }
        }
        try checkPrivacy(task.privacy, refuse)
        if task.compression != nil {
            throw refuse(
                "compression",
                "does not go with task.asynchronous: what it leaves out is kept for, or drawn by, a round that all have in common"
            )
        }
        if task.robust != nil {
            throw refuse(
                "robust",
                "does not go with task.asynchronous: its rules compare changes of one model, and a buffer has changes of several"
            )
        }
        let strategy = task.strategy
        guard strategy.client.companion == nil, !strategy.server.publishesState,
            strategy.client.personalTraining(task.training) == nil
        else {
            throw refuse(
                "strategy.name",
                "\"\(strategy.name)\" has clients keep, send or get more than a change of the model, from round to round; with"
                    + " task.asynchronous choose one that does not, such as \"fedavg\" or \"fedadam\"")
        }
        if task.model.keepsLocalParameters {
            throw refuse(
                "model", "has parameters that stay at the client, which task.asynchronous does not know")
        }
        if task.holdout == .federated {
            throw refuse(
                "evaluation.holdout",
                "\"federated\" would mix what clients say of different models; with task.asynchronous use \"server\" or \"none\""
            )
        }
    }

    /// Without rounds there is no common cohort to mask in, and none that was drawn at random; what bounds a client's part is
    /// how often it takes part. Who does depends on who did before, so that only zero-out neighbours, whose client's data
    /// count for nothing while it is there as long, have the same steps.
    private func checkPrivacy(
        _ privacy: PrivacyConfiguration, _ refuse: (String, String) -> ConfigurationError
    ) throws {
        switch privacy.mode {
        case .none: return
        case .distributed:
            throw refuse(
                "privacy.mode",
                "\"distributed\" needs a cohort that masks together, which task.asynchronous has not; use mode \"central\" or"
                    + " \"local\"")
        case .central:
            guard maximalParticipations != nil else {
                throw refuse(
                    "asynchronous.max_participations",
                    "is missing: with mode \"central\" noise is accounted by how often one client takes part at most"
                )
            }
        case .local: break
        }
        guard privacy.sampling == .none else {
            throw refuse(
                "privacy.sampling", "claims a draw that task.asynchronous does not make: use \"none\"")
        }
        guard !privacy.noisesOverRounds else {
            throw refuse(
                "privacy.mechanism",
                "\"\(privacy.mechanism)\" is for rounds; with task.asynchronous use \"gaussian\"")
        }
        guard privacy.adjacency == .zeroOut else {
            throw refuse(
                "privacy.adjacency",
                "must be \"zero-out\" (the default) with task.asynchronous: who takes part depends on who did before"
            )
        }
        guard privacy.adaptiveClipping == nil else {
            throw refuse(
                "privacy.adaptive_clipping",
                "does not go with task.asynchronous: updates of one step would be clipped to different norms")
        }
    }
}
