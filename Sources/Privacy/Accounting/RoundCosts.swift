/// What a round costs, and whom against, as events that add up over the rounds of a run.
package struct RoundCosts: Hashable, Sendable {
    /// Against whoever sees the released models; empty where nothing bounds it, and in a tree of rounds after its first.
    package var released: [PrivacyEvent]
    /// Against the server. An unbounded event where it sees exact sums or updates.
    package var server: [PrivacyEvent]
    /// Of a single record of a client; empty where clients train without per-example privacy.
    package var example: [PrivacyEvent]
    /// Against other members of the cohort.
    package var members: [PrivacyEvent]

    package init(
        released: [PrivacyEvent], server: [PrivacyEvent], example: [PrivacyEvent] = [],
        members: [PrivacyEvent] = []
    ) {
        (self.released, self.server) = (released, server)
        (self.example, self.members) = (example, members)
    }
}
