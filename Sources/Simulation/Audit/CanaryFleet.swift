internal import Compute
internal import Federation
internal import Privacy

/// Clients whose updates are made up for an audit, in a run that is otherwise the scenario's.
struct CanaryFleet: Sendable {
    /// What one client sends in place of what it would train.
    struct Part: Sendable {
        /// Number of its direction.
        let direction: Int
        /// Whether the direction is the same in all rounds.
        var isSteady = false
        /// Its length before clipping, in clipping norms; below 0 for the other way.
        let length: Double
    }

    /// By client; honest ones have none.
    private(set) var parts: [Int: Part]
    /// Clients that never report.
    var absent: Set<Int> = []
    let directions: CanaryDirections
    /// What is seen of canaries in what is released; nil where nobody looks for single ones.
    var watch: CanaryWatch?
    /// What each release moved the model by; nil where nobody looks.
    var movements: ReleaseMovements?

    /// How many times the clipping norm a made-up update is long: clipping has work to do, and is missed where it is missing.
    static let overshoot = 8.0

    init(_ parts: [Int: Part], directions: CanaryDirections) {
        (self.parts, self.directions) = (parts, directions)
    }

    /// Canaries in places that are drawn from the seed, each in with chance 1/2: one that is in sends its own direction, one
    /// that is not what a client without data sends, no change, or, where data are replaced, its direction backwards.
    /// `places` says which canary holds each of the drawn places, one after another.
    /// `claim` says which data are neighbours and whether cohorts are secret.
    init(
        places: [Int], isIn: [Bool], clients: Int, plan: TaskPlan, claim: PrivacyConfiguration, seed: UInt64
    ) {
        var generator = SeededGenerator(seed: seed, purpose: .audit, round: 1)
        var order = Array(0..<clients)
        order.shuffle(using: &generator)
        let out = claim.adjacency == .replaceOne ? -Self.overshoot : 0
        let parts = zip(order, places).map { client, canary in
            (client, Part(direction: canary, length: isIn[canary] ? Self.overshoot : out))
        }
        self.init(
            Dictionary(uniqueKeysWithValues: parts), directions: CanaryDirections(plan, seed: seed))
        watch = CanaryWatch(plan, claim: claim, canaries: isIn.count, directions: directions)
    }

    /// So many tosses of a coin, from the seed.
    static func coins(_ count: Int, seed: UInt64) -> [Bool] {
        var generator = SeededGenerator(seed: seed, purpose: .audit, round: 2)
        return (0..<count).map { _ in generator.next() >> 63 == 1 }
    }

    /// Has a client send what one without data sends.
    mutating func silence(_ client: Int) { parts[client] = Part(direction: 0, length: 0) }

    /// Writes what a client sends; false, and nothing is written, for honest clients.
    func write(
        updateOf client: Int, round: Int, clippingNorm: Double,
        into values: UnsafeMutableBufferPointer<Float>
    ) -> Bool {
        guard let part = parts[client] else { return false }
        if part.length == 0 {
            values.update(repeating: 0)
        } else {
            directions.write(
                part.direction, round: part.isSteady ? 0 : round, scale: part.length * clippingNorm,
                into: values)
        }
        return true
    }
}
