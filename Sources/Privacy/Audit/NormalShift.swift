internal import Glibc

/// How far apart two samples are whose values are independent and normal, of one deviation: in deviations, with an exact
/// bound.
///
/// It assumes what Gaussian noise gives: scores of random directions in the sum of many clients' updates and of Gaussian
/// noise. In return it finds what no count of guesses can, such as noise that is half of what is claimed.
package struct NormalShift: Hashable, Sendable {
    /// Difference of the means, `inside` less `outside`, in deviations; infinite where the values of each sample are all
    /// alike.
    package let estimate: Double
    private let counts: (inside: Int, outside: Int)

    /// Nil where a sample is empty, both together have less than three values, or one is not finite.
    package init?(inside: [Double], outside: [Double]) {
        guard let within = Moments(inside), let without = Moments(outside),
            inside.count + outside.count > 2
        else { return nil }
        counts = (inside.count, outside.count)
        let freedom = Double(inside.count + outside.count - 2)
        let deviation = ((within.squares + without.squares) / freedom).squareRoot()
        let difference = within.mean - without.mean
        guard difference.isFinite, deviation.isFinite else { return nil }
        estimate = difference == 0 ? 0 : difference / deviation
    }

    /// The greatest distance that the samples refute at this significance, at least 0: Student's t of two samples whose
    /// means differ is non-central.
    package func lowerBound(significance: Double) -> Double {
        guard estimate.isFinite else { return max(0, estimate) }
        let root = (1 / (1 / Double(counts.inside) + 1 / Double(counts.outside))).squareRoot()
        let statistic = estimate * root
        let chi = ChiDistribution(freedom: counts.inside + counts.outside - 2)
        func isRefuted(_ distance: Double) -> Bool {
            chi.mean { NormalDistribution.upperTail(statistic * $0 - distance * root) } < significance
        }
        guard isRefuted(0) else { return 0 }
        var (low, high) = (0.0, max(1, estimate))
        while isRefuted(high) { (low, high) = (high, 2 * high) }
        for _ in 0..<100 where high - low > 1e-10 * high {
            let middle = 0.5 * (low + high)
            if isRefuted(middle) { low = middle } else { high = middle }
        }
        return low
    }

    /// The greatest ε at this δ that the samples refute, of a Gaussian mechanism.
    package func epsilonLowerBound(delta: Double, significance: Double) throws(AccountingError) -> Double {
        try PrivacyGuarantee.requireDelta(delta)
        try OneRunGuesses.requireSignificance(significance)
        return AnalyticGaussian(mu: lowerBound(significance: significance)).epsilon(delta: delta)
    }

    package static func == (left: NormalShift, right: NormalShift) -> Bool {
        left.estimate == right.estimate && left.counts == right.counts
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(estimate)
        hasher.combine(counts.inside)
        hasher.combine(counts.outside)
    }
}

/// Mean of a sample and the sum of squares about it.
struct Moments {
    let mean: Double
    let squares: Double
    let count: Int

    /// Nil for an empty sample.
    init?(_ values: [Double]) {
        guard !values.isEmpty else { return nil }
        count = values.count
        let mean = values.reduce(0, +) / Double(count)
        self.mean = mean
        squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }

    /// The sample's deviation; 0 for one value.
    var deviation: Double { count < 2 ? 0 : (squares / Double(count - 1)).squareRoot() }
}

/// √(χ²/ν), as an integral over it.
private struct ChiDistribution {
    private var places: [Double] = []
    private var weights: [Double] = []

    /// ν at least 1.
    init(freedom: Int) {
        let nu = Double(freedom)
        // Twelve deviations about the mean; the deviation is about 1/√(2ν).
        let reach = 12 / (2 * nu).squareRoot()
        let (low, high) = (max(1e-9, 1 - reach), 1 + reach)
        let steps = 800
        let width = (high - low) / Double(steps)
        let constant = log(2.0) + nu / 2 * log(nu / 2) - LogArithmetic.logGamma(nu / 2)
        for step in 0...steps {
            let place = low + width * Double(step)
            let density = exp(constant + (nu - 1) * log(place) - nu * place * place / 2)
            // Simpson's rule.
            let factor = step == 0 || step == steps ? 1.0 : step % 2 == 1 ? 4.0 : 2.0
            places.append(place)
            weights.append(density * factor * width / 3)
        }
    }

    /// The mean of a function.
    func mean(_ function: (Double) -> Double) -> Double {
        zip(places, weights).reduce(0) { $0 + $1.1 * function($1.0) }
    }
}
