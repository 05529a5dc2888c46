internal import Federation
internal import Privacy

/// How often this agent was in a run, by its own ledger, held against what the noise of the run covers.
///
/// It counts every round that it charged, whether or not the server has the report, and measures distance in numbers of
/// rounds, which the server's charged rounds are at most as far apart as. So it sees a server that draws it too often, or too
/// soon in rounds that all count, and not one that abandons rounds in between: that the server's engine keeps. A server that
/// abandons rounds may find an agent unwilling.
struct OwnParticipation {
    /// Number of the last round that was charged; 0 for none.
    let last: Int
    /// Rounds that were charged.
    let count: Int

    /// Why the agent stays out of a round; nil where the plan allows it, or bounds nothing.
    func refusal(of round: Int, under plan: TaskPlan) -> String? {
        guard let pattern = plan.rules.pattern else { return nil }
        guard count < pattern.participations else {
            return "this agent has taken part in all \(pattern.participations) rounds that the noise covers"
        }
        guard last == 0 || round - last >= pattern.separation else {
            return
                "this agent was in round \(last), and the noise covers rounds that are \(pattern.separation) apart"
        }
        return nil
    }
}
