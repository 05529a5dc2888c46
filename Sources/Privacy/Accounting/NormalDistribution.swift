internal import Glibc

/// The standard normal distribution, accurate far into its tails.
enum NormalDistribution {
    /// `log √(2π)`.
    static let logRootTwoPi = 0.918_938_533_204_672_741_8

    /// `P(X > x)`.
    static func upperTail(_ x: Double) -> Double { 0.5 * erfc(x * 0.5.squareRoot()) }

    /// `log P(X > x)`, also where the probability underflows.
    static func logUpperTail(_ x: Double) -> Double {
        if x < -1 { return log1p(-0.5 * erfc(-x * 0.5.squareRoot())) }
        if x < 30 { return log(upperTail(x)) }
        // Asymptotic series of Mills' ratio; the omitted term is below 1e-13 at x = 30.
        let square = 1 / (x * x)
        let series = square * (1 - square * (3 - square * (15 - square * (105 - square * 945))))
        return -0.5 * x * x - logRootTwoPi - log(x) + log1p(-series)
    }

    /// The x with `log P(X > x) = logProbability`, rounded away from the tail by at most 1e-9.
    static func upperQuantile(logProbability: Double) -> Double {
        var low = -40.0
        var high = (max(0, -2 * logProbability)).squareRoot() + 2
        while high - low > 1e-9 * max(1, high) {
            let middle = 0.5 * (low + high)
            if logUpperTail(middle) > logProbability { low = middle } else { high = middle }
        }
        return high
    }

    /// `Φ(Φ⁻¹(p) + shift)`, Φ being the distribution function.
    static func shifted(_ probability: Double, by shift: Double) -> Double {
        if probability <= 0 { return 0 }
        if probability >= 1 { return 1 }
        return upperTail(-(quantile(probability) + shift))
    }

    /// The x with `P(X ≤ x) = probability`, strictly between 0 and 1, to about 1e-15 relative to its deviation.
    static func quantile(_ probability: Double) -> Double {
        if probability > 0.5 { return -quantile(1 - probability) }
        // A first guess good to a thousandth (Abramowitz and Stegun 26.2.23), then Newton's method on the logarithm.
        let t = (-2 * log(probability)).squareRoot()
        var x =
            (2.515517 + t * (0.802853 + t * 0.010328))
            / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
        let target = log(probability)
        for _ in 0..<4 {
            let logTail = logUpperTail(-x)
            let slope = exp(-0.5 * x * x - logRootTwoPi - logTail)
            x -= (logTail - target) / slope
        }
        return x
    }
}
