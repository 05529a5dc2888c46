/// How long a step waits for members that are late, where its end is no matter of schedule: once no more are missing than the
/// plan expects to drop out, four times as long as those that came took, a quarter of the step's time at least, and two seconds.
/// A member that is gone would else cost every step its whole deadline.
///
/// What it goes by are the times at which messages of keys, shares and signatures come: none of them says anything of data.
struct StepPatience: Sendable {
    /// Part of the round's members that may be missing without being waited for.
    let dropoutRate: Double
    private var began: Instant
    private var last: Instant

    private static let factor = 4.0
    private static let leastSeconds = 2.0

    /// Patience with a step that begins at `now`.
    init(dropoutRate: Double, from now: Instant) {
        self.dropoutRate = dropoutRate
        (began, last) = (now, now)
    }

    /// Another step begins.
    mutating func begin(at now: Instant) { (began, last) = (now, now) }

    /// A message has come.
    mutating func note(at now: Instant) { if now > last { last = now } }

    /// Whether so many of a round's members may be missing, whichever steps they went missing in.
    func bears(missing: Int, of members: Int) -> Bool { Double(missing) <= dropoutRate * Double(members) }

    /// When the step of a round of so many members ends with `arrived` there: `deadline`, or before it.
    func end(of members: Int, arrived: Int, deadline: Instant) -> Instant {
        guard arrived > 0, bears(missing: members - arrived, of: members) else { return deadline }
        let taken = last.seconds - began.seconds
        let share = (deadline.seconds - began.seconds) / Self.factor
        return min(deadline, last.advanced(bySeconds: max(Self.leastSeconds, Self.factor * taken, share)))
    }
}
