/// An agent's own demands on a round, whatever the plan says.
package struct AggregationPolicy: Sendable {
    /// Fewest members, and fewest survivors, with which this agent's vector may be summed; at least 2.
    package let minimalSurvivors: Int
    /// Most members: among more, more corrupt ones could take the places of those who bring noise.
    package let maximalMembers: Int
    /// Rates and security under which degree and threshold must keep this agent's secrets.
    package let assumptions: SecurityAssumptions
    /// The only members this agent will be summed with; nil trusts whatever the verifier accepts.
    package let pinnedMembers: Set<MemberIdentity>?

    /// A policy; a minimum below 2 counts as 2, since the sum of one member is its vector.
    package init(
        minimalSurvivors: Int, maximalMembers: Int = .max, assumptions: SecurityAssumptions,
        pinnedMembers: Set<MemberIdentity>? = nil
    ) {
        self.minimalSurvivors = max(2, minimalSurvivors)
        self.maximalMembers = maximalMembers
        self.assumptions = assumptions
        self.pinnedMembers = pinnedMembers
    }
}

/// The last round of each run that an agent took part in. The agent keeps it on disk and enters a round before
/// it advertises keys: no round is ever taken part in twice.
package struct ParticipationRecord: Codable, Equatable, Sendable {
    /// Last round by run.
    package private(set) var lastRounds: [String: Int]

    /// No rounds yet.
    package init() { lastRounds = [:] }

    /// Notes the round, or throws `repeatedRound` unless it is later than all before it in its run.
    package mutating func enter(run: String, round: Int) throws(SecureAggregationError) {
        if let last = lastRounds[run], round <= last { throw .repeatedRound(run: run, round: round) }
        lastRounds[run] = round
    }
}
