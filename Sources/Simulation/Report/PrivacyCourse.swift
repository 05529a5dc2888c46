internal import Federation

/// ε round by round as a reader wants it: exact where that costs nothing, else the bound that the record states.
///
/// `rounds.jsonl` keeps what the run said while it ran. Its bound is level at the end, because it is never above what all
/// planned rounds spend: drawn as it is, it reads as if the budget had been spent early.
struct PrivacyCourse {
    private let plan: PrivacyPlan
    private let summary: SimulationSummary
    /// Numbers of the rounds that were charged, ascending.
    private let charged: [Int]
    private let released: [Double?]
    private let members: [Double?]

    /// The course of a run of `plan` that charged these rounds and ended with `summary`.
    init(plan: PrivacyPlan, summary: SimulationSummary, charged: [Int]) throws {
        (self.plan, self.summary, self.charged) = (plan, summary, charged)
        let counts = 0...charged.count
        released = try counts.map { try plan.epsilonByFormula(rounds: $0) }
        members = try counts.map { try plan.epsilonAgainstMembersByFormula(rounds: $0) }
    }

    /// The records with the best known ε: by formula in every round, and by the configured accountant where all that was
    /// charged is in it.
    func stated(_ records: [RoundRecord]) -> [RoundRecord] {
        var count = 0
        return records.map { record in
            while count < charged.count, charged[count] <= record.round { count += 1 }
            var stated = record
            if record.epsilon != nil, let exact = released[count] { stated.epsilon = exact }
            if record.epsilonMembers != nil, let exact = members[count] { stated.epsilonMembers = exact }
            guard count == charged.count, count > 0 else { return stated }
            stated.epsilon = summary.epsilon ?? stated.epsilon
            stated.epsilonServer = summary.epsilonServer ?? stated.epsilonServer
            stated.epsilonMembers = summary.epsilonMembers ?? stated.epsilonMembers
            return stated
        }
    }
}
