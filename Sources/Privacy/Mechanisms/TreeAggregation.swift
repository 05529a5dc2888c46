/// Noise of prefix sums by binary trees (Dwork et al. 2010; DP-FTRL, Kairouz et al. 2021, appendix B).
///
/// Steps are numbered from 1 and grouped into trees of `leaves` steps. The t-th step of a tree ends exactly one
/// node, which covers the 2^level steps up to it, level being the number of t's trailing zero bits; the noise of
/// the prefix sum up to t is that of the nodes of t's binary expansion, so its variance is popcount(t) times a
/// node's. What a trainer that follows increments needs is the difference of two prefix noises: the fresh node
/// less the nodes that it replaces.
///
/// Nothing is kept. A node's noise is drawn from the source that its step names and drawn again, the same, when
/// a later step replaces it: a source must give one step's bytes always alike, different steps' independently,
/// and stay as secret as the exact sums. A round that is played again after a crash thus gets the same noise.
///
/// With Honaker's estimator (Honaker 2015; Kairouz et al. 2021, appendix B.1) a step draws every node that it ends, and a node
/// counts with what its two halves say of the same sum: at level h its variance falls to 2^h / (2^(h+1) − 1) of a node's
/// own. It costs the same, for a unit is in no more nodes than the path has. Weights are multiples of 2^-16 that come to 1
/// with those of the halves, and each estimate is rounded to the grid, which the sums are on: it stays a function of the
/// noisy nodes exactly.
package struct TreeAggregation: Sendable {
    /// What a prefix sum is made of.
    package enum Estimator: String, Hashable, Sendable, CaseIterable {
        /// The nodes of its binary expansion.
        case prefix
        /// The same, each refined by all nodes below it.
        case honaker
    }

    /// Steps of one tree. A unit may contribute to one of them; its next contribution is in a later tree.
    package let leaves: Int
    /// Noise of one node.
    package let mechanism: any PrivacyMechanism
    package let estimator: Estimator

    /// Throws `MechanismError.unprovedForTrees` when no curve for trees covers the mechanism's noise.
    package init(
        mechanism: any PrivacyMechanism, leaves: Int, estimator: Estimator = .prefix
    ) throws(MechanismError) {
        precondition(leaves > 0, "a tree has leaves")
        guard Self.multiplier(of: mechanism, for: .init(l2: 1)) != nil else {
            throw .unprovedForTrees(mechanism: mechanism.name)
        }
        self.mechanism = mechanism
        self.leaves = leaves
        self.estimator = estimator
    }

    /// Nodes on a path from leaf to root: the most that one contribution is part of.
    package var height: Int { AggregationTree.height(leaves: leaves) }

    /// Trees begun in `steps` steps: the most that one unit can have taken part in.
    package func trees(steps: Int) -> Int { (steps + leaves - 1) / leaves }

    /// Whether a step is the first of its tree.
    package func isFirstOfTree(step: Int) -> Bool { (step - 1) % leaves == 0 }

    /// Variance of one coordinate of the noise in the sum of all steps up to `step`, grid units squared: what
    /// each finished tree and the present one have come to.
    package func prefixVariance(step: Int) -> Double {
        let finished = Double(step / leaves) * AggregationTree.variance(step: leaves, estimator)
        return (finished + AggregationTree.variance(step: step % leaves, estimator)) * mechanism.variance
    }

    /// Steps whose nodes step `step` replaces, from the lowest level up; in the same tree, all before it.
    package func replaced(by step: Int) -> [Int] {
        let leaf = (step - 1) % leaves + 1
        return (0..<leaf.trailingZeroBitCount).map { step - 1 << $0 }
    }

    /// Steps that the node which step `step` ends covers: those up to it whose sum it hides.
    package func leaves(below step: Int) -> ClosedRange<Int> {
        let leaf = (step - 1) % leaves + 1
        return step - (1 << leaf.trailingZeroBitCount) + 1...step
    }

    /// Writes the noise to add to the release of step `step`'s own sum: prefix noise at the step less that at
    /// the step before, first steps of trees excepted, whose noise is all their own.
    ///
    /// When a source throws, `noise` is zeroed and nothing may be released. `history` belongs to these sources alone; only
    /// refined nodes are kept in it.
    package func drawIncrement<Source: NoiseSource>(
        step: Int, into noise: UnsafeMutableBufferPointer<Int64>, history: NoiseHistory = NoiseHistory(),
        source: (_ step: Int) throws -> Source
    ) throws {
        precondition(step > 0, "steps are numbered from 1")
        do {
            guard estimator == .prefix else {
                let first = (step - 1) / leaves * leaves
                return try history.advance(to: step, after: first, into: noise, kept: height) {
                    number, levels in
                    var fresh = try source(number)
                    try drawRefined(leaf: number - first, into: noise, levels: &levels, from: &fresh)
                }
            }
            var fresh = try source(step)
            try mechanism.draw(into: noise, from: &fresh)
            let replaced = replaced(by: step)
            guard !replaced.isEmpty else { return }
            var node = [Int64](repeating: 0, count: noise.count)
            try node.withUnsafeMutableBufferPointer { node in
                for earlier in replaced {
                    var again = try source(earlier)
                    try mechanism.draw(into: node, from: &again)
                    for index in 0..<noise.count { noise[index] &-= node[index] }
                }
            }
        } catch {
            noise.update(repeating: 0)
            throw error
        }
    }

    /// The increment of a step whose source is given; `levels` are the refined nodes of the prefix before, by level, and
    /// then of this one.
    private func drawRefined(
        leaf: Int, into noise: UnsafeMutableBufferPointer<Int64>, levels: inout [[Int64]],
        from source: inout some NoiseSource
    ) throws {
        var estimate = [Int64](repeating: 0, count: noise.count)
        try estimate.withUnsafeMutableBufferPointer { try mechanism.draw(into: $0, from: &source) }
        noise.update(repeating: 0)
        let top = leaf.trailingZeroBitCount
        var node = [Int64](repeating: 0, count: top > 0 ? noise.count : 0)
        for level in 0..<top {
            try node.withUnsafeMutableBufferPointer { try mechanism.draw(into: $0, from: &source) }
            let own = AggregationTree.weight(level: level + 1)
            let unit = AggregationTree.weightUnit
            for index in 0..<noise.count {
                let left = levels[level][index]
                noise[index] &-= left
                let halves = (unit - own) &* (left &+ estimate[index])
                estimate[index] = (own &* node[index] &+ halves &+ unit / 2) >> AggregationTree.weightDigits
            }
        }
        for index in 0..<noise.count { noise[index] &+= estimate[index] }
        levels[top] = estimate
    }

    /// What one tree costs a unit that takes part at most once in it: the multiplier is a node's. Neighbours:
    /// one unit's contributions set to zero, or (with twice the sensitivity) replaced.
    package func event(for sensitivity: PrivacyEvent.IntegerSensitivity) -> PrivacyEvent.Mechanism {
        // The initialiser made sure that there is one.
        .tree(
            noiseMultiplier: Self.multiplier(of: mechanism, for: sensitivity) ?? 0, participations: 1)
    }

    /// The Gaussian's and the discrete Gaussian's zCDP is Δ² / (2 σ²) (Bun, Steinke 2016; Canonne, Kamath,
    /// Steinke 2020, theorem 4), which is what tree accounting composes.
    private static func multiplier(
        of mechanism: any PrivacyMechanism, for sensitivity: PrivacyEvent.IntegerSensitivity
    ) -> Double? {
        switch mechanism.event(for: sensitivity) {
        case .gaussian(let multiplier): multiplier
        case .discreteGaussian(let parameters): parameters.sigmaSquared.squareRoot() / sensitivity.l2
        case .skellam, .laplace, .tree, .matrix: nil
        }
    }
}
