/// How often one unit may be in the releases of a run: never twice within `separation` rounds, and in no more than
/// `participations` of `rounds`.
package struct ParticipationPattern: Hashable, Sendable {
    /// Rounds of the run.
    package let rounds: Int
    /// Least distance |i − j| of two rounds that one unit is in: 1 allows every round.
    package let separation: Int
    /// Most rounds that one unit is in, at most what the separation leaves room for.
    package let participations: Int

    /// `participations` nil, or more than fit: as many as the separation leaves room for. Numbers below 1 count as 1.
    package init(rounds: Int, separation: Int, participations: Int? = nil) {
        self.rounds = max(1, rounds)
        self.separation = max(1, separation)
        let room = 1 + (self.rounds - 1) / self.separation
        self.participations = min(room, max(1, participations ?? room))
    }

    /// Most rounds that fit with no other bound than the separation.
    package var room: Int { 1 + (rounds - 1) / separation }

    /// Whether a unit that was last in round `last` and in `count` rounds so far may be in round `next`. Rounds are counted
    /// from 1; `last` is nil for a unit that was in none.
    package func allows(next: Int, last: Int?, count: Int) -> Bool {
        guard next >= 1, next <= rounds, count < participations else { return false }
        guard let last else { return true }
        return next >= last && next - last >= separation
    }
}
