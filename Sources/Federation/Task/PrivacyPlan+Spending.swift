package import Privacy

/// What rounds of a task cost, and whom against.
extension PrivacyPlan {
    /// What the ledger charges for a round against whoever sees the released models, `charge` being the round's
    /// number among the charged ones, from 1: its event, or a whole tree's or matrix's with its first round. Where a client is in
    /// no more than some of the rounds, those after as many change nothing for it: their noise is that of rounds in which its
    /// update is; the others say nothing of it, and so many like steps compose to the same whichever they are, also where that is
    /// chosen as they come (Smith and Thakurta 2022).
    package func events(charge: Int) -> [PrivacyEvent] { isCharged(charge) ? [roundEvent] : [] }

    /// The same against other members of a cohort.
    package func membersEvents(charge: Int) -> [PrivacyEvent] { isCharged(charge) ? [membersEvent] : [] }

    /// The same against the server; one that bounds nothing where no noise stands before it.
    package func serverEvents(charge: Int) -> [PrivacyEvent] {
        guard let serverEvent else { return [Self.unprotected(configuration.adjacency)] }
        return isCharged(charge) ? [serverEvent] : []
    }

    private func isCharged(_ charge: Int) -> Bool {
        guard let roundsPerEvent else { return charge == counted(charge) }
        return (charge - 1) % roundsPerEvent == 0
    }

    /// Charged rounds that one event covers, which the first of them is charged with; nil: each has its own.
    package var roundsPerEvent: Int? { tree?.leaves ?? matrix?.pattern.rounds }

    /// Of so many charged rounds, those that one client is in at most.
    func counted(_ rounds: Int) -> Int { min(rounds, participations ?? rounds) }

    /// The least number of charged rounds that have so many events.
    package func rounds(events: Int) -> Int {
        guard let roundsPerEvent, events > 0 else { return events }
        return (events - 1) * roundsPerEvent + 1
    }

    /// The guarantee after `rounds` charged rounds against whoever sees the released models.
    package func spent(rounds: Int, accountant: AccountantKind? = nil) throws -> PrivacyGuarantee {
        try Self.guarantee(roundEvent, configuration, rounds: counted(rounds), accountant: accountant)
    }

    /// The guarantee after `rounds` charged rounds against other members of the cohorts, colluding ones at the rate that
    /// the task assumes.
    package func spentAgainstMembers(rounds: Int, accountant: AccountantKind? = nil) throws
        -> PrivacyGuarantee
    {
        try Self.guarantee(membersEvent, configuration, rounds: counted(rounds), accountant: accountant)
    }

    /// ε after `rounds` by Rényi accounting alone, which takes no time and is never below the truth: for every
    /// round's record. Falls back to the configured accountant where Rényi accounting does not know the event.
    package func epsilonQuickly(rounds: Int) throws -> Double {
        guard let roundCurve else { return try spent(rounds: rounds).epsilon }
        return epsilon(of: roundCurve, rounds: rounds)
    }

    /// The same against the server; infinite where nothing bounds it.
    package func epsilonAgainstServerQuickly(rounds: Int) throws -> Double {
        guard let serverCurve else { return try spentAgainstServer(rounds: rounds)?.epsilon ?? .infinity }
        return epsilon(of: serverCurve, rounds: rounds)
    }

    /// The same against other members.
    package func epsilonAgainstMembersQuickly(rounds: Int) throws -> Double {
        guard let membersCurve else { return try spentAgainstMembers(rounds: rounds).epsilon }
        return epsilon(of: membersCurve, rounds: rounds)
    }

    /// ε after `rounds` charged rounds against whoever sees the released models, exact and at once; nil where no formula
    /// gives it.
    package func epsilonByFormula(rounds: Int) throws -> Double? {
        try epsilonByFormula(roundEvent, rounds: rounds)
    }

    /// The same against other members of the cohorts.
    package func epsilonAgainstMembersByFormula(rounds: Int) throws -> Double? {
        try epsilonByFormula(membersEvent, rounds: rounds)
    }

    private func epsilonByFormula(_ event: PrivacyEvent, rounds: Int) throws -> Double? {
        guard configuration.accountant != .rdp, event.hasClosedForm else { return nil }
        guard rounds > 0 else { return 0 }
        return try Self.guarantee(event, configuration, rounds: counted(rounds), accountant: .pld).epsilon
    }

    private func epsilon(of curve: RenyiCurve, rounds: Int) -> Double {
        var total = RenyiCurve(orders: curve.orders)
        total.add(curve, steps: roundsPerEvent.map { (rounds + $0 - 1) / $0 } ?? counted(rounds))
        return total.epsilon(delta: Self.accountedDelta(configuration)).epsilon
    }

    /// The same against the server; nil: unbounded.
    package func spentAgainstServer(rounds: Int, accountant: AccountantKind? = nil) throws
        -> PrivacyGuarantee?
    {
        try serverEvent.map {
            try Self.guarantee($0, configuration, rounds: counted(rounds), accountant: accountant)
        }
    }

    /// The δ left for the noise: abandoning a round for want of survivors tells of the cohort's size, and under
    /// Poisson sampling the plan keeps the chance of that within a hundredth of δ over the whole run.
    static func accountedDelta(_ configuration: PrivacyConfiguration) -> Double {
        let tellsOfSize = configuration.mode == .distributed && configuration.sampling == .poisson
        return tellsOfSize ? 0.99 * configuration.targetDelta : configuration.targetDelta
    }

    static func guarantee(
        _ event: PrivacyEvent, _ configuration: PrivacyConfiguration, rounds: Int, accountant: AccountantKind?
    ) throws -> PrivacyGuarantee {
        return try PrivacyGuarantee.of(
            [event.overRounds(rounds)], delta: accountedDelta(configuration),
            accountant: accountant ?? configuration.accountant)
    }
}
