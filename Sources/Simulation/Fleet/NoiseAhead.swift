internal import Federation
internal import Privacy
internal import Synchronization

/// The server's noise of one round, drawn by whichever worker is free while the others train: ahead of the sum that
/// it will hide, and at no time of its own.
final class NoiseAhead: Sendable {
    private let plan: TaskPlan
    private let origin: NoiseOrigin
    private let round: Int
    private let drawn = Mutex<Result<DrawnNoise?, any Error>?>(nil)

    /// The noise of a round; nil where the server adds none of the round's own.
    init?(plan: TaskPlan, origin: NoiseOrigin, round: Int) {
        guard plan.privacy?.drawsAhead == true else { return nil }
        self.plan = plan
        self.origin = origin
        self.round = round
    }

    /// Whether the noise is still to be drawn.
    var isDue: Bool { drawn.withLock { $0 == nil } }

    /// Draws the noise; an error is kept for ``noise()``. Calls must not overlap.
    func draw() {
        let result = Result { () throws -> DrawnNoise? in
            try origin.draw(client: 0, round: round) { source in
                try plan.privacy?.drawAhead(coordinates: plan.report.count, from: &source)
            }
        }
        drawn.withLock { $0 = result }
    }

    /// The noise, drawn now where no worker has. Throws what the source threw; nothing may then be released.
    func noise() throws -> DrawnNoise? {
        if isDue { draw() }
        return try drawn.withLock { try $0?.get() }
    }
}

/// The server's noise of one simulated round.
struct SimulatedNoise: ServerNoiseSources {
    let origin: NoiseOrigin
    let round: Int
    let journal: any SimulationJournal
    /// The round's own noise, where the server adds any.
    let ahead: NoiseAhead?
    let history: NoiseHistory

    func fresh() throws -> AnyNoiseSource { try origin.source(client: 0, round: round) }

    func keyed(step: Int) throws -> AnyNoiseSource {
        switch origin {
        case .seeded: try origin.source(client: 0, round: step)
        case .secure: .secret(try journal.treeNoiseSource(step: step))
        }
    }

    func drawnAhead() throws -> DrawnNoise? { try ahead?.noise() }
}
