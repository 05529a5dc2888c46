package import Privacy

/// What a run of like rounds has spent after each of them.
///
/// The configured accountant may take a second a question, too long for every round. Rényi accounting is
/// instantaneous and never below the truth; ε grows with the rounds, so the configured accountant's value for
/// the last planned round bounds all before it. The lesser of the two is stated: exact at the end, sound before.
package final class Spending {
    private let plan: TaskPlan
    private var released = Known()
    private var server = Known()
    private var members = Known()
    private var single = Known()

    /// What has been worked out for one of the budgets.
    private struct Known {
        var quick: [Int: Double] = [:]
        var planned: Double?
    }

    /// What rounds of this plan spend.
    package init(_ plan: TaskPlan) { self.plan = plan }

    /// All that the run may charge against whoever sees the released models; empty where nothing is private.
    package var plannedEvents: [PrivacyEvent] {
        guard let privacy = plan.privacy else { return [] }
        return [privacy.roundEvent.overRounds(privacy.counted(plan.plannedRounds))]
    }

    /// ε after that many rounds against whoever sees the released models; infinite where nothing bounds it.
    package func epsilon(rounds: Int) throws -> Double {
        guard let privacy = plan.privacy else { return .infinity }
        return try bound(
            rounds, &released, quickly: { try privacy.epsilonQuickly(rounds: $0) },
            exactly: { try privacy.spent(rounds: $0).epsilon })
    }

    /// The same against the server, which no sampling hides from.
    package func epsilonAgainstServer(rounds: Int) throws -> Double {
        guard let privacy = plan.privacy, privacy.serverEvent != nil else { return .infinity }
        return try bound(
            rounds, &server, quickly: { try privacy.epsilonAgainstServerQuickly(rounds: $0) },
            exactly: { try privacy.spentAgainstServer(rounds: $0)?.epsilon ?? .infinity })
    }

    /// The same against other members of the cohorts.
    package func epsilonAgainstMembers(rounds: Int) throws -> Double {
        guard let privacy = plan.privacy else { return .infinity }
        return try bound(
            rounds, &members, quickly: { try privacy.epsilonAgainstMembersQuickly(rounds: $0) },
            exactly: { try privacy.spentAgainstMembers(rounds: $0).epsilon })
    }

    /// ε of a single record after that many rounds, in each of which its client took part; nil where clients add no noise
    /// for each example. By Rényi accounting, which is instantaneous, and the configured δ.
    package func epsilonOfExample(rounds: Int) throws -> Double? {
        guard let example = plan.example else { return nil }
        let delta = plan.configuration.privacy.targetDelta
        return try bound(
            rounds, &single,
            quickly: {
                try PrivacyGuarantee.of([example.event(rounds: $0)], delta: delta, accountant: .rdp).epsilon
            }, exactly: { try example.epsilon(rounds: $0, delta: delta) })
    }

    // MARK: What a ledger counts

    /// ε of a ledger's events, composed, against whoever sees the released models. Of rounds of this plan it is that of
    /// ``epsilon(rounds:)``; other events are composed as they are.
    package func epsilon(of events: [PrivacyEvent]) throws -> Double {
        guard let privacy = plan.privacy else { return .infinity }
        return try epsilon(of: events, each: privacy.roundEvent) {
            try epsilon(rounds: privacy.rounds(events: $0))
        }
    }

    /// The same against the server.
    package func epsilonAgainstServer(of events: [PrivacyEvent]) throws -> Double {
        guard let event = plan.privacy?.serverEvent else { return .infinity }
        return try epsilon(of: events, each: event) { try epsilonAgainstServer(rounds: $0) }
    }

    /// The same against other members of the cohorts; `nil` events, which a ledger of 0.1.0 has, bound nothing.
    package func epsilonAgainstMembers(of events: [PrivacyEvent]?) throws -> Double {
        guard let privacy = plan.privacy, let events else { return .infinity }
        return try epsilon(of: events, each: privacy.membersEvent) {
            try epsilonAgainstMembers(rounds: privacy.rounds(events: $0))
        }
    }

    /// The same of a single record; nil where clients add no noise for each example.
    package func epsilonOfExample(of events: [PrivacyEvent]) throws -> Double? {
        guard let example = plan.example else { return nil }
        return try epsilon(of: events, each: example.event(rounds: 1)) {
            try epsilonOfExample(rounds: $0) ?? .infinity
        }
    }

    private func epsilon(
        of events: [PrivacyEvent], each event: PrivacyEvent, ofRounds epsilon: (Int) throws -> Double
    ) throws -> Double {
        guard let first = events.first else { return 0 }
        if events.count == 1, let count = first.repetitions(of: event) { return try epsilon(count) }
        let configuration = plan.configuration.privacy
        return try PrivacyGuarantee.of(
            events, delta: PrivacyPlan.accountedDelta(configuration), accountant: configuration.accountant
        ).epsilon
    }

    private func bound(
        _ rounds: Int, _ known: inout Known, quickly: (Int) throws -> Double, exactly: (Int) throws -> Double
    ) throws -> Double {
        if rounds == 0 { return 0 }
        let last = min(plan.rules.rounds, plan.rules.affordableRounds ?? plan.rules.rounds)
        let quick = try known.quick[rounds] ?? quickly(rounds)
        known.quick[rounds] = quick
        guard rounds <= last else { return quick }
        let planned = try known.planned ?? exactly(last)
        known.planned = planned
        return min(quick, planned)
    }
}
