import Foundation
import Testing

@testable import Privacy

@Suite struct TreeAggregationTests {
    /// Increments of steps 1 to `steps`; the source of a step is seeded by its number.
    private func increments(
        _ tree: TreeAggregation, steps: Int, dimension: Int, seed: UInt64
    ) throws -> [[Int64]] {
        try (1...steps).map { step in
            var noise = [Int64](repeating: 0, count: dimension)
            try noise.withUnsafeMutableBufferPointer {
                try tree.drawIncrement(step: step, into: $0) { SeededNoise(seed: seed &+ UInt64($0) << 32) }
            }
            return noise
        }
    }

    private func node(_ tree: TreeAggregation, _ step: Int, dimension: Int, seed: UInt64) throws -> [Int64] {
        var source = SeededNoise(seed: seed &+ UInt64(step) << 32)
        return try tree.mechanism.draw(count: dimension, from: &source)
    }

    @Test func prefixVarianceIsPopcountTimesNodeVariance() throws {
        let (parameters, expected) = try #require(try MechanismVectors.cases("tree_nodes").first)
        let steps = try #require(parameters["steps"] as? [Int])
        let nodes = try #require(expected["nodes_in_prefix_sum_popcount"] as? [Int])
        let tree = try TreeAggregation(mechanism: DiscreteGaussian(sigmaSquared: 9), leaves: 1 << 20)
        for (step, count) in zip(steps, nodes) {
            #expect(tree.prefixVariance(step: step) == Double(count) * 9)
        }
        let restarted = try TreeAggregation(mechanism: DiscreteGaussian(sigmaSquared: 9), leaves: 5)
        #expect(restarted.prefixVariance(step: 13) == Double(2 + 2 + 2) * 9)
    }

    // Independent coordinates stand for independent runs. Limits of six standard errors of the variance.
    @Test(.tags(.statistical), arguments: [1, 2, 3, 7, 8, 12, 13, 26]) func sumsHaveThatVariance(step: Int)
        throws
    {
        let count = 40_000
        let tree = try TreeAggregation(mechanism: RoundedGaussian(sigma: 50), leaves: 12)
        let increments = try increments(tree, steps: step, dimension: count, seed: 82)
        let sum = (0..<count).map { place in increments.reduce(0) { $0 + $1[place] } }
        let variance = sum.reduce(0) { $0 + Double($1) * Double($1) } / Double(count)
        #expect(abs(variance / tree.prefixVariance(step: step) - 1) < 6 * (2 / Double(count)).squareRoot())
    }

    /// Refined nodes against their definition, node by node, whatever is remembered of steps before.
    @Test(arguments: [1, 2, 5, 8, 16]) func refinedNodesAreWeightedByPrecision(leaves: Int) throws {
        let tree = try TreeAggregation(
            mechanism: DiscreteGaussian(sigmaSquared: 1e12), leaves: leaves, estimator: .honaker)
        let history = NoiseHistory()
        func increment(_ step: Int, _ history: NoiseHistory) throws -> [Int64] {
            var noise: [Int64] = [1, 2, 3]
            try noise.withUnsafeMutableBufferPointer {
                try tree.drawIncrement(step: step, into: $0, history: history) {
                    SeededNoise(seed: 84 &+ UInt64($0) << 32)
                }
            }
            return noise
        }
        /// The refined node of this level that ends at a step.
        func refined(_ step: Int, _ level: Int) throws -> [Double] {
            var source = SeededNoise(seed: 84 &+ UInt64(step) << 32)
            let own = try (0...level).map { _ in try tree.mechanism.draw(count: 3, from: &source) }[level]
            guard level > 0 else { return own.map(Double.init) }
            let (left, right) = (
                try refined(step - 1 << (level - 1), level - 1), try refined(step, level - 1)
            )
            // Variances 1 and twice that of a half.
            var half = 1.0
            for _ in 1..<level { half = 1 / (1 + 1 / (2 * half)) }
            let weight = 2 * half / (1 + 2 * half)
            return (0..<3).map { weight * Double(own[$0]) + (1 - weight) * (left[$0] + right[$0]) }
        }
        var sum = [Double](repeating: 0, count: 3)
        for step in 1...32 {
            let drawn = try increment(step, history)
            #expect(try drawn == increment(step, NoiseHistory()) && drawn == increment(step, history))
            sum = zip(sum, drawn).map { $0 + Double($1) }
            let start = (step - 1) / leaves * leaves
            var expected = [Double](repeating: 0, count: 3)
            for (tree, end) in (0...start / leaves).map({ ($0, $0 * leaves == start ? step - start : leaves) }
            ) {
                for level in 0..<5 where end >> level & 1 == 1 {
                    let node = try refined(tree * leaves + ((end >> level) << level), level)
                    expected = zip(expected, node).map(+)
                }
            }
            // Weights are off by 2^-17, of deviations of 10^6.
            #expect(zip(sum, expected).allSatisfy { abs($0 - $1) < 1000 })
        }
        #expect(abs(AggregationTree.variance(step: 4, .honaker) - 4.0 / 7) < 1e-12)
        #expect(tree.prefixVariance(step: 8) <= 8e12)
    }

    // Node by node: the sum at leaf t is that at t with its lowest one bit removed, plus t's own node; a new tree
    // begins on top of what the old one came to.
    @Test(arguments: [1, 2, 3, 5, 8, 13, 64]) func sumsShareTheNodesTheyShould(leaves: Int) throws {
        let tree = try TreeAggregation(mechanism: DiscreteGaussian(sigmaSquared: 1e12), leaves: leaves)
        let increments = try increments(tree, steps: 64, dimension: 3, seed: 83)
        var prefixes = [[Int64](repeating: 0, count: 3)]
        for step in 1...64 {
            let start = (step - 1) / leaves * leaves
            let leaf = step - start
            let parent = prefixes[start + (leaf & (leaf - 1))]
            prefixes.append(zip(parent, try node(tree, step, dimension: 3, seed: 83)).map(+))
            #expect(zip(prefixes[step - 1], increments[step - 1]).map(+) == prefixes[step])
        }
    }

    /// Every leaf is under at most `height` nodes: what tree accounting composes.
    @Test(arguments: [1, 2, 3, 4, 7, 8, 10, 31, 32, 100]) func noLeafIsUnderMoreNodesThanAccounted(
        leaves: Int
    ) throws {
        let tree = try TreeAggregation(mechanism: DiscreteGaussian(sigmaSquared: 1), leaves: leaves)
        var covering = [Int](repeating: 0, count: leaves + 1)
        for step in 1...leaves {
            let width = 1 << step.trailingZeroBitCount
            for leaf in (step - width + 1)...step { covering[leaf] += 1 }
        }
        #expect(covering.max() == tree.height)
    }

    @Test func aFailingSourceReleasesNothing() throws {
        let tree = try TreeAggregation(mechanism: DiscreteGaussian(sigmaSquared: 4), leaves: 8)
        // The fresh node of step 4 is drawn; one of those that it replaces fails.
        var noise = [Int64](repeating: 7, count: 4)
        var hasThrown = false
        do {
            try noise.withUnsafeMutableBufferPointer {
                try tree.drawIncrement(step: 4, into: $0) { FailingNoise(fillsLeft: $0 == 4 ? 100 : 0) }
            }
        } catch is FailingNoise.Exhausted {
            hasThrown = true
        }
        #expect(hasThrown && noise == [0, 0, 0, 0])
    }

    @Test func eventsStateTheNodeMultiplier() throws {
        let sensitivity = PrivacyEvent.IntegerSensitivity(l2: 5)
        let discrete = try TreeAggregation(mechanism: DiscreteGaussian(sigmaSquared: 100), leaves: 1)
        #expect(discrete.event(for: sensitivity) == .tree(noiseMultiplier: 2, participations: 1))
        let rounded = try TreeAggregation(mechanism: RoundedGaussian(sigma: 10), leaves: 1)
        #expect(rounded.event(for: sensitivity) == .tree(noiseMultiplier: 2, participations: 1))
        #expect(throws: MechanismError.self) {
            try TreeAggregation(mechanism: Skellam(variance: 100), leaves: 1)
        }
        #expect(throws: MechanismError.self) {
            try TreeAggregation(mechanism: DiscreteLaplace(scale: 100), leaves: 1)
        }
    }
}
