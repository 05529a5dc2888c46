internal import Glibc

/// Amplification of any Rényi curve by sampling; `curve(α)` is the divergence bound of the unsampled mechanism.
enum SubsamplingAmplification {
    /// Poisson sampling at an integer order (Zhu & Wang 2019, theorem 5), never above the unsampled bound.
    ///
    /// The curve must bound both directions of the neighbouring relation. For noise that is symmetric about zero,
    /// such as all of ours, a reflection swaps the two neighbours; then the direction from the sampled release to
    /// the plain one is the worse (Mironov, Talwar & Zhang 2019, theorem 5, whose proof needs no density), and its
    /// moment is the binomial sum without the factor 3 of the general case.
    static func poisson(
        order: Int, probability: Double, isSymmetric: Bool = false, curve: (Int) -> Double
    ) -> Double {
        let unamplified = curve(order)
        guard probability < 1, unamplified > 0 else { return unamplified }
        let logTaken = log(probability)
        let logLeft = log1p(-probability)
        let alpha = Double(order)
        var sum = LogSum()
        sum.add((alpha - 1) * logLeft + log1p((alpha - 1) * probability))
        for taken in 2...order {
            let power = Double(taken)
            var term = LogArithmetic.binomial(order, taken) + power * logTaken + (alpha - power) * logLeft
            term += (power - 1) * curve(taken)
            sum.add(taken == 2 || isSymmetric ? term : term + log(3))
        }
        return min(unamplified, max(0, sum.logarithm) / (alpha - 1))
    }

    /// Sampling without replacement under replace-one at an integer order (Wang, Balle & Kasiviswanathan 2019,
    /// theorem 9), from upper bounds of the curve alone.
    ///
    /// `logDifferenceMoment(l)`, where known, is `log E_Q[(P/Q - 1)^l]` for even l, which gives the tighter
    /// theorem 27.
    static func withoutReplacement(
        order: Int, fraction: Double, curve: (Int) -> Double, logDifferenceMoment: ((Int) -> Double)? = nil
    ) -> Double {
        logMomentWithoutReplacement(
            order: order, fraction: fraction, curve: curve, logDifferenceMoment: logDifferenceMoment)
            / Double(order - 1)
    }

    /// The same at any real order above 1: the logarithm of the moment is convex in the order, and therefore
    /// below its chord between neighbouring integers (corollary 10 of the paper).
    static func withoutReplacement(
        order: Double, fraction: Double, curve: (Int) -> Double, logDifferenceMoment: ((Int) -> Double)? = nil
    ) -> Double {
        let below = Int(order.rounded(.down))
        let weight = order - Double(below)
        func logMoment(_ integer: Int) -> Double {
            integer == 1
                ? 0
                : logMomentWithoutReplacement(
                    order: integer, fraction: fraction, curve: curve, logDifferenceMoment: logDifferenceMoment
                )
        }
        let chord =
            weight == 0
            ? logMoment(below) : (1 - weight) * logMoment(below) + weight * logMoment(below + 1)
        return chord / (order - 1)
    }

    private static func logMomentWithoutReplacement(
        order: Int, fraction: Double, curve: (Int) -> Double, logDifferenceMoment: ((Int) -> Double)?
    ) -> Double {
        let logFraction = log(fraction)
        var excess = LogSum()
        for taken in 2...order {
            let bound: Double
            if taken == 2 {
                bound = min(log(4) + LogArithmetic.expMinusOne(curve(2)), log(2) + curve(2))
            } else {
                let plain = log(2) + Double(taken - 1) * curve(taken)
                guard let logDifferenceMoment else {
                    excess.add(LogArithmetic.binomial(order, taken) + Double(taken) * logFraction + plain)
                    continue
                }
                let even = logDifferenceMoment(taken / 2 * 2)
                let next = logDifferenceMoment((taken + 1) / 2 * 2)
                bound = min(plain, log(4) + 0.5 * (even + next))
            }
            excess.add(LogArithmetic.binomial(order, taken) + Double(taken) * logFraction + bound)
        }
        return LogArithmetic.onePlusExp(excess.logarithm)
    }
}

/// Even moments of `P/Q - 1` for two unit-distance Gaussians of standard deviation σ, which the tight bound for
/// sampling without replacement needs.
struct GaussianDifferenceMoments {
    /// Logarithms of moments 2, 4, …; index `l / 2 - 1`.
    private let logarithms: [Double]

    /// Moments up to the even number at or above `order`.
    init(noiseMultiplier: Double, upTo order: Int) {
        logarithms = (1...((order + 1) / 2)).map { half in
            Self.logMoment(2 * half, noiseMultiplier)
        }
    }

    /// `log E[(P/Q - 1)^power]`, power even.
    func callAsFunction(_ power: Int) -> Double { logarithms[power / 2 - 1] }

    /// Trapezoidal rule on the non-negative integrand: forward differences of the closed form would cancel.
    private static func logMoment(_ power: Int, _ sigma: Double) -> Double {
        // The integrand is entire. Its mass lies within 12σ of 0 … l where the exponential rules, and of ±√l σ
        // where (exp(z) - 1)^l is still a power.
        let step = min(sigma / 8, sigma * sigma / 4)
        let margin = (12 + Double(power).squareRoot()) * sigma
        let (from, to) = (-margin - 1, Double(power) + margin)
        var sum = LogSum()
        let count = Int(((to - from) / step).rounded(.up))
        for index in 0...count {
            let x = from + Double(index) * step
            let exponent = (2 * x - 1) / (2 * sigma * sigma)
            let ratio = exponent > 0 ? LogArithmetic.expMinusOne(exponent) : log(-expm1(exponent))
            sum.add(-0.5 * (x / sigma) * (x / sigma) + Double(power) * ratio)
        }
        return sum.logarithm + log(step / sigma) - NormalDistribution.logRootTwoPi
    }
}
