internal import Glibc

/// Two normal distributions, as fitted to the scores of canaries that were in and of those that were not (Andrew et al.
/// 2024, arXiv 2302.03098, section 3).
///
/// What follows from a fit is an estimate and no bound: it holds with no stated confidence.
package struct GaussianPair: Hashable, Sendable {
    private let distance: Double
    private let inside: Double
    private let outside: Double

    /// Means `distance` apart, with these standard deviations.
    package init(distance: Double, inside: Double, outside: Double) {
        (self.distance, self.inside, self.outside) = (distance, inside, outside)
    }

    /// The fit to two samples; nil where one is empty or not finite.
    package init?(fitting inside: [Double], and outside: [Double]) {
        guard let within = Moments(inside), let without = Moments(outside),
            (within.mean + without.mean + within.squares + without.squares).isFinite
        else { return nil }
        self.init(
            distance: within.mean - without.mean, inside: within.deviation, outside: without.deviation)
    }

    /// The ε at this δ between the two, the greater of both directions; infinite where a deviation is 0 and they differ.
    package func epsilon(delta: Double) -> Double {
        if distance == 0, inside == outside { return 0 }
        guard inside > 0, outside > 0, distance.isFinite else { return .infinity }
        return max(
            Self.epsilon(delta, distance, inside, outside), Self.epsilon(delta, distance, outside, inside))
    }

    private static func epsilon(
        _ delta: Double, _ distance: Double, _ first: Double, _ second: Double
    ) -> Double {
        if excess(0, distance, first, second) <= delta { return 0 }
        var (low, high) = (0.0, 1.0)
        while excess(high, distance, first, second) > delta, high < 0x1p30 { (low, high) = (high, 2 * high) }
        for _ in 0..<200 where high - low > 1e-12 * high {
            let middle = 0.5 * (low + high)
            if excess(middle, distance, first, second) > delta { low = middle } else { high = middle }
        }
        return high
    }

    /// P(S) − e^ε Q(S) for P = N(distance, first²), Q = N(0, second²) and the S for which it is greatest: where the
    /// logarithm of the densities' ratio, a polynomial of degree two, is above ε.
    private static func excess(
        _ epsilon: Double, _ distance: Double, _ first: Double, _ second: Double
    ) -> Double {
        let (p, q) = (1 / (first * first), 1 / (second * second))
        let (a, b) = (0.5 * (q - p), distance * p)
        let c = -0.5 * distance * distance * p + log(second / first) - epsilon
        func above(_ x: Double) -> Double {
            NormalDistribution.upperTail((x - distance) / first)
                - exp(epsilon + NormalDistribution.logUpperTail(x / second))
        }
        func below(_ x: Double) -> Double {
            NormalDistribution.upperTail((distance - x) / first)
                - exp(epsilon + NormalDistribution.logUpperTail(-x / second))
        }
        if abs(a) < 1e-12 * (p + q) {
            return b == 0 ? 0 : max(0, b > 0 ? above(-c / b) : below(-c / b))
        }
        let discriminant = b * b - 4 * a * c
        // Above everywhere, where it is at most 1 − e^ε, or nowhere.
        guard discriminant > 0 else { return 0 }
        let root = discriminant.squareRoot()
        let ends = [(-b - root) / (2 * a), (-b + root) / (2 * a)].sorted()
        return max(0, a > 0 ? below(ends[0]) + above(ends[1]) : above(ends[0]) - above(ends[1]))
    }
}
