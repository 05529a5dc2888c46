internal import Encoding
internal import Federation
internal import Synchronization

/// The server's noise of one round, drawn by whichever worker is free while the others train: ahead of the sum that
/// it will hide, and at no time of its own.
final class NoiseAhead: Sendable {
    private let plan: TaskPlan
    private let origin: NoiseOrigin
    private let round: Int
    private let drawn = Mutex<Result<RingVector, any Error>?>(nil)

    /// The noise of a round; nil where the server adds none of the round's own.
    init?(plan: TaskPlan, origin: NoiseOrigin, round: Int) {
        guard let privacy = plan.privacy, privacy.configuration.mode == .central, privacy.tree == nil else {
            return nil
        }
        self.plan = plan
        self.origin = origin
        self.round = round
    }

    /// Whether the noise is still to be drawn.
    var isDue: Bool { drawn.withLock { $0 == nil } }

    /// Draws the noise; an error is kept for ``add(to:)``. Calls must not overlap.
    func draw() {
        let result = Result { () throws -> RingVector in
            var noise = RingVector(zeros: plan.reportDimension, bits: plan.codec.bits)
            try origin.draw(client: 0, round: round) { source in
                try plan.privacy?.addCentralNoise(to: &noise, from: &source)
            }
            return noise
        }
        drawn.withLock { $0 = result }
    }

    /// Adds the noise to the round's exact sum, drawing it where no worker has. Throws what the source threw;
    /// nothing may then be released.
    func add(to sum: inout RingVector) throws {
        if isDue { draw() }
        if let noise = try drawn.withLock({ try $0?.get() }) { sum.add(noise) }
    }
}
