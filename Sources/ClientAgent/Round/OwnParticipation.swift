internal import Federation
internal import Messages
internal import Privacy

/// How often this agent was in a run, by its own ledger, held against what the noise of the run covers.
///
/// It counts every round that it charged, whether or not the server has the report, and measures distance in numbers of
/// rounds, which the server's charged rounds are at most as far apart as. So it sees a server that draws it too often, or too
/// soon in rounds that all count, and not one that abandons rounds in between: that the server's engine keeps. A server that
/// abandons rounds may find an agent unwilling.
struct OwnParticipation {
    /// Why the agent stays out of a round: the reason that the server is told, and one line.
    struct Refusal: Equatable {
        let reason: FailureReport.Reason
        let text: String
    }

    /// Rounds that were charged.
    let count: Int

    /// Why the agent stays out of any further round of a task; nil where it does not.
    func refusal(under task: TaskConfiguration) -> Refusal? {
        guard let most = task.asynchronous?.maximalParticipations, count >= most else { return nil }
        return Refusal(
            reason: .budget, text: "this agent has taken part in all \(most) steps that the task allows it")
    }

    /// Why the agent stays out of a round, the last one that it charged being `last`, 0 for none; nil where the plan allows
    /// it, or bounds nothing.
    func refusal(of round: Int, after last: Int, under plan: TaskPlan) -> Refusal? {
        guard round > last else { return Refusal(reason: .busy, text: "this round was charged before") }
        guard let pattern = plan.rules.pattern else { return nil }
        guard count < pattern.participations else {
            return Refusal(
                reason: .budget,
                text:
                    "this agent has taken part in all \(pattern.participations) rounds that the noise covers")
        }
        guard last == 0 || round - last >= pattern.separation else {
            return Refusal(
                reason: .busy,
                text: "this agent was in round \(last), and the noise covers rounds that are"
                    + " \(pattern.separation) apart")
        }
        return nil
    }
}
