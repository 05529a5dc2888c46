internal import Encoding
internal import Federation
internal import Glibc
internal import Privacy
internal import Synchronization

/// What an observer sees of canaries in all that a run releases: for each a score, in units of the sensitivity, whose noise
/// has one deviation.
///
/// It sees noisy sums, which are what published models move by; with local noise single reports, as the server does; of trees
/// of noise their nodes, which are sums and differences of released sums. Where no sampling is claimed it knows who took part
/// in which round.
final class CanaryWatch: Sendable {
    private struct State {
        /// Canaries whose reports are in the round at hand.
        var present: Set<Int> = []
        /// Sums of projections, and of how many releases, by canary.
        var sums: [Double]
        var counts: [Int]
        var releases = 0
        /// The rounds of the present tree and the canaries in each, and its nodes that are not replaced yet, by step.
        var inRound: [Int: (round: Int, canaries: [Int])] = [:]
        var nodes: [Int: [Float]] = [:]
    }

    private let plan: TaskPlan
    private let directions: CanaryDirections
    private let state: Mutex<State>
    /// Whether single reports are seen rather than sums.
    let seesReports: Bool
    private let knowsCohorts: Bool
    /// Between the projections of a canary that is in and of one that is not, in units of the sensitivity.
    private let middle: Double

    init(_ plan: TaskPlan, claim: PrivacyConfiguration, canaries: Int, directions: CanaryDirections) {
        (self.plan, self.directions) = (plan, directions)
        seesReports = plan.configuration.privacy.mode == .local
        knowsCohorts = claim.sampling == .none
        middle = claim.adjacency == .replaceOne ? 0 : 0.5
        state = Mutex(
            State(sums: [Double](repeating: 0, count: canaries), counts: [Int](repeating: 0, count: canaries))
        )
    }

    /// Scores by canary: the greater, the likelier that it was in. A canary that was in no release scores 0. The middle between
    /// in and out is taken off, so that those who took part more often do not stand out.
    var scores: [Double] {
        state.withLock { state in
            zip(state.sums, state.counts).map { sum, count in
                count == 0 ? 0 : (sum - Double(count) * middle) / Double(count).squareRoot()
            }
        }
    }

    /// A canary's report is delivered in the round at hand.
    func delivered(_ canary: Int) { state.withLock { _ = $0.present.insert(canary) } }

    /// The server has a canary's report, noise and all: its integers.
    func sees(report: UnsafeBufferPointer<Int32>, of canary: Int, round: Int) {
        let unit = sensitivity
        let projection = withUnsafeTemporaryAllocation(of: Float.self, capacity: directions.count) { values in
            for place in values.indices { values[place] = Float(Double(report[place]) / unit) }
            return directions.projection(
                of: UnsafeBufferPointer(values), on: canary, round: round)
        }
        state.withLock { state in
            state.sums[canary] += projection
            state.counts[canary] += 1
        }
    }

    /// A round begins: nobody has reported.
    func beginRound() { state.withLock { $0.present = [] } }

    /// A round's noisy sum is released.
    func sees(_ sum: RingVector, round: Int, rotation: RandomRotation?) {
        guard !seesReports else { return }
        // One unit of what is decoded is the sensitivity.
        let codec = FixedPointCodec(bits: plan.codec.bits, scale: sensitivity)
        var values = codec.decode(sum, count: plan.report.vector.count, dividedBy: 1)
        if let rotation { values.withUnsafeMutableBufferPointer { rotation.inverse($0) } }
        values.removeLast(values.count - directions.count)
        state.withLock { state in
            state.releases += 1
            if let tree = plan.privacy?.tree {
                grow(tree, values, round, &state)
            } else {
                let canaries = knowsCohorts ? state.present.sorted() : Array(state.sums.indices)
                look(for: canaries, of: round, in: values, &state)
            }
        }
    }

    private var sensitivity: Double { plan.privacy?.rounding.sensitivity.l2 ?? 1 }

    private func look(for canaries: [Int], of round: Int, in values: [Float], _ state: inout State) {
        values.withUnsafeBufferPointer { values in
            for canary in canaries {
                state.sums[canary] += directions.projection(of: values, on: canary, round: round)
                state.counts[canary] += 1
            }
        }
    }

    /// The node that this round ends is its sum and the nodes that it replaces; its noise is its own. A canary is in every
    /// node that its round is below.
    private func grow(_ tree: TreeAggregation, _ values: [Float], _ round: Int, _ state: inout State) {
        let step = state.releases
        if tree.isFirstOfTree(step: step) { (state.inRound, state.nodes) = ([:], [:]) }
        state.inRound[step] = (round, state.present.sorted())
        var node = values
        for replaced in tree.replaced(by: step) {
            guard let below = state.nodes.removeValue(forKey: replaced) else { continue }
            for place in node.indices { node[place] += below[place] }
        }
        for leaf in tree.leaves(below: step) {
            guard let (round, canaries) = state.inRound[leaf] else { continue }
            look(for: canaries, of: round, in: node, &state)
        }
        state.nodes[step] = node
    }
}
