internal import Glibc

/// Rényi divergence bounds of one unsampled release.
enum MechanismRenyi {
    /// Divergence of a `rho`-zCDP release is `rho × order`; nil for mechanisms that are not zCDP-linear here.
    static func concentration(of mechanism: PrivacyEvent.Mechanism, steps: Int) -> Double? {
        switch mechanism {
        case .gaussian(let multiplier):
            return 0.5 / (multiplier * multiplier)
        case .matrix(let parameters):
            return 0.5 / (parameters.noiseMultiplier * parameters.noiseMultiplier)
        case .discreteGaussian(let parameters) where parameters.shares == nil:
            // Canonne, Kamath & Steinke 2020, theorem 14 (any dimension).
            let l2 = parameters.sensitivity.l2
            return 0.5 * l2 * l2 / parameters.sigmaSquared
        case .tree(let multiplier, let participations):
            // Kairouz et al. 2021 (DP-FTRL): a unit touches one root-to-leaf path of each tree it takes part in.
            let height = AggregationTree.height(leaves: steps)
            return Double(participations) * Double(height) * 0.5 / (multiplier * multiplier)
        case .discreteGaussian, .skellam, .laplace:
            return nil
        }
    }

    /// Divergence bound at one order of one release without sampling; integer orders from 2 on for Skellam.
    static func divergence(of mechanism: PrivacyEvent.Mechanism, order: Double, steps: Int) -> Double {
        if let rho = concentration(of: mechanism, steps: steps) { return rho * order }
        switch mechanism {
        case .discreteGaussian(let parameters):
            return summedDiscreteGaussian(parameters, order: order)
        case .skellam(let variance, let sensitivity):
            return skellam(variance: variance, sensitivity: sensitivity, order: order)
        case .laplace(let scale):
            return laplace(scale: scale, order: order)
        case .gaussian, .tree, .matrix:
            preconditionFailure("zCDP mechanisms are handled above")
        }
    }

    /// Laplace (Mironov 2017, table II).
    private static func laplace(scale: Double, order: Double) -> Double {
        let up = (order - 1) / scale + log(order / (2 * order - 1))
        let down = -order / scale + log((order - 1) / (2 * order - 1))
        return max(0, LogArithmetic.add(up, down)) / (order - 1)
    }

    /// Skellam (Agarwal, Kairouz & Liu 2021, theorem 3.5 and corollary 3.6), `variance` being the total.
    private static func skellam(
        variance: Double, sensitivity: PrivacyEvent.IntegerSensitivity, order: Double
    ) -> Double {
        let l1 = sensitivity.effectiveL1
        let square = sensitivity.l2 * sensitivity.l2
        let penalty = min(
            ((2 * order - 1) * square + 6 * l1) / (4 * variance * variance), 1.5 * l1 / variance)
        return order * square / (2 * variance) + penalty
    }

    /// Sum of discrete Gaussian shares (Kairouz, Liu & Steinke 2021, theorem 1), which is close to, but not, a
    /// discrete Gaussian: tau bounds the difference a coordinate.
    private static func summedDiscreteGaussian(
        _ parameters: PrivacyEvent.DiscreteGaussianParameters, order: Double
    ) -> Double {
        let sensitivity = parameters.sensitivity
        let dimension = Double(sensitivity.dimension)
        let tau = parameters.shares.map(shareGap) ?? 0
        let ratio = sensitivity.l2 / parameters.totalVariance.squareRoot()
        let l1Ratio = sensitivity.effectiveL1 / parameters.totalVariance.squareRoot()
        let first = 0.5 * order * ratio * ratio + tau * dimension
        let second = 0.5 * order * (ratio * ratio + 2 * tau * l1Ratio + tau * tau * dimension)
        let third =
            0.5 * order * (ratio + tau * dimension.squareRoot()) * (ratio + tau * dimension.squareRoot())
        return min(first, second, third)
    }

    /// `tau = 10 Σ_{j=1}^{n-1} exp(-2π² σ_local² j / (j + 1))`, σ_local² the variance of a share in grid units.
    static func shareGap(_ shares: PrivacyEvent.DiscreteGaussianParameters.Shares) -> Double {
        guard shares.clients > 1 else { return 0 }
        let rate = 2 * Double.pi * Double.pi * shares.localVariance
        // From j/(j+1) ≥ 1/2 every term is below exp(-rate/2); none matters once that underflows.
        guard rate < 1500 else { return 0 }
        var sum = 0.0
        for index in 1..<shares.clients { sum += exp(-rate * Double(index) / Double(index + 1)) }
        return 10 * sum
    }
}
