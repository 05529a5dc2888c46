/// Which data sets count as neighbours (`privacy.md`, section 3). The unit is the client, or the record where
/// an event says so.
package enum Adjacency: String, Codable, Hashable, Sendable, CaseIterable {
    /// One unit more or less. Sensitivity of a clipped sum: the clipping norm.
    case addOrRemoveOne = "add-or-remove-one"
    /// One unit's data exchanged for others'. Sensitivity of a clipped sum: twice the clipping norm.
    case replaceOne = "replace-one"
    /// One unit's contribution set to zero. Sensitivity of a clipped sum: the clipping norm.
    case zeroOut = "zero-out"
}

/// One release, or `steps` like releases, as data that accountants compose.
///
/// The object that adds noise emits its event. The sampler and the adjacency are part of it, so that a plan
/// whose real sampling differs from the accounted one cannot be expressed.
package struct PrivacyEvent: Hashable, Sendable {
    /// The noise of one release. Multipliers and sensitivities are relative to, or those of, the stated adjacency.
    package enum Mechanism: Hashable, Sendable {
        /// Continuous Gaussian, or its rounding onto a grid (post-processing): sigma = multiplier × sensitivity.
        case gaussian(noiseMultiplier: Double)
        /// Discrete Gaussian of Canonne, Kamath and Steinke 2020 on the integers.
        case discreteGaussian(DiscreteGaussianParameters)
        /// Difference of two Poisson variables: total `variance` on the integers (Agarwal et al. 2021).
        case skellam(variance: Double, sensitivity: IntegerSensitivity)
        /// Laplace, or its rounding: scale divided by the L1 sensitivity.
        case laplace(scaleOverSensitivity: Double)
        /// Tree aggregation (DP-FTRL): noise multiplier of each node; each participation is in a fresh tree.
        case tree(noiseMultiplier: Double, participations: Int)
        /// The correlated noise of a whole run (matrix mechanism).
        case matrix(MatrixRelease)
    }

    /// Sensitivity of an integer vector sum, in grid units.
    package struct IntegerSensitivity: Hashable, Sendable {
        /// L2 bound.
        package var l2: Double
        /// L1 bound, or nil for the worst case `l2 × min(√dimension, l2)`.
        package var l1: Double?
        /// Number of coordinates.
        package var dimension: Int

        package init(l2: Double, l1: Double? = nil, dimension: Int = 1) {
            self.l2 = l2
            self.l1 = l1
            self.dimension = dimension
        }
    }

    /// Discrete Gaussian noise, drawn whole (`shares` nil) or as a sum of shares (Kairouz et al. 2021).
    package struct DiscreteGaussianParameters: Hashable, Sendable {
        /// Variance parameter of the whole noise, grid units squared.
        package var sigmaSquared: Double
        package var sensitivity: IntegerSensitivity
        /// Number of summed shares and the variance parameter of each; nil when drawn whole.
        package var shares: Shares?

        package struct Shares: Hashable, Sendable {
            package var clients: Int
            package var localVariance: Double

            package init(clients: Int, localVariance: Double) {
                self.clients = clients
                self.localVariance = localVariance
            }
        }

        package init(sigmaSquared: Double, sensitivity: IntegerSensitivity, shares: Shares? = nil) {
            self.sigmaSquared = sigmaSquared
            self.sensitivity = sensitivity
            self.shares = shares
        }
    }

    /// How the units of a release were chosen.
    package enum Sampling: Hashable, Sendable {
        /// No amplification is claimed.
        case none
        /// Each unit independently with this probability.
        case poisson(probability: Double)
        /// Poisson with this probability out of `population`, cut at random to `maximum` units when more were
        /// drawn (Ganesh 2025, arXiv 2508.15089); costs more than plain Poisson.
        case truncatedPoisson(probability: Double, population: Int, maximum: Int)
        /// `cohort` of `population` without replacement; implies replace-one adjacency.
        case fixedSize(population: Int, cohort: Int)
    }

    package var mechanism: Mechanism
    package var sampling: Sampling
    package var adjacency: Adjacency
    /// Number of like releases, composed.
    package var steps: Int

    package init(
        mechanism: Mechanism, sampling: Sampling = .none, adjacency: Adjacency = .addOrRemoveOne,
        steps: Int = 1
    ) {
        self.mechanism = mechanism
        self.sampling = sampling
        self.adjacency = adjacency
        self.steps = steps
    }
}
