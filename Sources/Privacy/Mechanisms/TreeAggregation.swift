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
package struct TreeAggregation: Sendable {
    /// Steps of one tree. A unit may contribute to one of them; its next contribution is in a later tree.
    package let leaves: Int
    /// Noise of one node.
    package let mechanism: any PrivacyMechanism

    /// Throws `MechanismError.unprovedForTrees` when no curve for trees covers the mechanism's noise.
    package init(mechanism: any PrivacyMechanism, leaves: Int) throws(MechanismError) {
        precondition(leaves > 0, "a tree has leaves")
        guard Self.multiplier(of: mechanism, for: .init(l2: 1)) != nil else {
            throw .unprovedForTrees(mechanism: mechanism.name)
        }
        self.mechanism = mechanism
        self.leaves = leaves
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
        let finished = (step / leaves) * AggregationTree.nodesInPrefix(step: leaves)
        return Double(finished + AggregationTree.nodesInPrefix(step: step % leaves)) * mechanism.variance
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
    /// When a source throws, `noise` is zeroed and nothing may be released.
    package func drawIncrement<Source: NoiseSource>(
        step: Int, into noise: UnsafeMutableBufferPointer<Int64>, source: (_ step: Int) throws -> Source
    ) throws {
        precondition(step > 0, "steps are numbered from 1")
        do {
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
        case .skellam, .laplace, .tree: nil
        }
    }
}
