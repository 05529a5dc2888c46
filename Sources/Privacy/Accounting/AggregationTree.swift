internal import Glibc

/// The binary tree of noisy partial sums behind DP-FTRL (Kairouz et al. 2021; Dwork et al. 2010).
package enum AggregationTree {
    /// Nodes on the path from a leaf to the root of a tree over `leaves` steps: `⌈log₂(leaves + 1)⌉`.
    package static func height(leaves: Int) -> Int {
        precondition(leaves >= 0, "a tree has no negative number of leaves")
        return Int.bitWidth - leaves.leadingZeroBitCount
    }

    /// Noise nodes summed for the prefix of the first `step` leaves (without Honaker's reduction); the prefix
    /// carries this many times a node's variance.
    package static func nodesInPrefix(step: Int) -> Int { step.nonzeroBitCount }

    /// Variance of that prefix's noise, in variances of a node.
    package static func variance(step: Int, _ estimator: TreeAggregation.Estimator) -> Double {
        switch estimator {
        case .prefix: return Double(nodesInPrefix(step: step))
        case .honaker:
            return (0..<height(leaves: step)).reduce(0) {
                $0 + (step >> $1 & 1 == 1 ? refined(level: $1) : 0)
            }
        }
    }

    /// Variance of a node that its halves refine: that of two independent estimates, its own of variance 1 and the sum of
    /// the halves', weighted by precision.
    private static func refined(level: Int) -> Double { 1 / (2 - exp2(Double(-level))) }

    /// Binary digits of weights.
    static let weightDigits: Int64 = 16
    static let weightUnit: Int64 = 1 << weightDigits

    /// Weight of a node's own noise beside the sum of its halves, in units of 2^-16.
    static func weight(level: Int) -> Int64 { Int64((refined(level: level) * Double(weightUnit)).rounded()) }
}
