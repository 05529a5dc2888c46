internal import Encoding
internal import Federation
internal import Privacy

/// What all clients of a round have in common.
struct SharedRound {
    let number: Int
    let rotation: RandomRotation?
    let masking: MaskedRound?
    /// Noise that each client adds; nil where clients add none.
    let share: (any PrivacyMechanism)?
    /// Invited clients.
    let members: Int
    /// The server's noise; nil where it adds none of the round's own.
    let noise: NoiseAhead?
    /// Sums of the groups that clients would be masked in; nil where all are summed together, or truly masked.
    var groups: GroupedSums?
    /// Single reports, where a robust rule looks at them or a buffer is filled; nil where they are summed as they come.
    var kept: KeptReports?
    /// The full buffer's updates; empty in a round.
    var buffered: [BufferedReport] = []
    /// The hostile clients' round; nil where there are none.
    var attack: HostileRound?
}
