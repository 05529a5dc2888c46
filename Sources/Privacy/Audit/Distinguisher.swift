internal import Glibc

/// What a threshold on a statistic tells of many releases with a unit and as many without: exact binomial bounds, which
/// assume nothing but that releases are independent of one another.
package struct Distinguisher: Sendable {
    private let inside: [Double]
    private let outside: [Double]

    /// Most thresholds that are tried.
    private static let mostThresholds = 500

    /// The statistic's values with the unit and without it, in the order of the releases.
    package init(inside: [Double], outside: [Double]) { (self.inside, self.outside) = (inside, outside) }

    /// The greatest ε at this δ that the values refute. The threshold is chosen on the first half of the values; the bound is
    /// of the second half alone, so that the choice costs nothing. Throws ``AccountingError`` for a δ or a significance out
    /// of range.
    package func epsilonLowerBound(delta: Double, significance: Double) throws(AccountingError) -> Double {
        try PrivacyGuarantee.requireDelta(delta)
        try OneRunGuesses.requireSignificance(significance)
        let first = Counts(inside.prefix(inside.count / 2), outside.prefix(outside.count / 2))
        let second = Counts(inside.suffix(inside.count / 2), outside.suffix(outside.count / 2))
        guard first.isUsable, second.isUsable else { return 0 }
        var best: (rule: Rule, epsilon: Double)?
        for threshold in first.thresholds(atMost: Self.mostThresholds) {
            for isAbove in [true, false] {
                let rule = Rule(threshold: threshold, isAbove: isAbove)
                let epsilon = first.epsilon(rule, delta, significance)
                if epsilon > best?.epsilon ?? 0 { best = (rule, epsilon) }
            }
        }
        guard let best else { return 0 }
        return second.epsilon(best.rule, delta, significance)
    }
}

/// A guess: above a threshold the unit is in, or below it the unit is not.
private struct Rule {
    let threshold: Double
    let isAbove: Bool
}

/// Values of the statistic in ascending order.
private struct Counts {
    private let inside: [Double]
    private let outside: [Double]

    init(_ inside: ArraySlice<Double>, _ outside: ArraySlice<Double>) {
        (self.inside, self.outside) = (inside.sorted(), outside.sorted())
    }

    var isUsable: Bool { !inside.isEmpty && !outside.isEmpty }

    /// Places between values, evenly over the ranks, and all of the outermost fifty of either end.
    func thresholds(atMost count: Int) -> [Double] {
        let all = (inside + outside).sorted()
        let step = max(1, all.count / count)
        return all.indices.filter { $0 % step == 0 || $0 < 50 || $0 >= all.count - 50 }.map { all[$0] }
    }

    /// By which of the two samples a rule is obeyed more often than e^ε times the other's rate and δ.
    func epsilon(_ rule: Rule, _ delta: Double, _ significance: Double) -> Double {
        let (often, rarely) = rule.isAbove ? (inside, outside) : (outside, inside)
        let hits = Self.obeyed(rule, often)
        let alarms = Self.obeyed(rule, rarely)
        let rate = ClopperPearson.lower(
            successes: hits, trials: often.count, significance: significance / 2)
        let falseRate = ClopperPearson.upper(
            successes: alarms, trials: rarely.count, significance: significance / 2)
        guard rate > delta, falseRate > 0 else { return 0 }
        return max(0, log((rate - delta) / falseRate))
    }

    private static func obeyed(_ rule: Rule, _ sorted: [Double]) -> Int {
        var (low, high) = (0, sorted.count)
        // Values below the threshold, and for the other side those not above it.
        while low < high {
            let middle = (low + high) / 2
            let isBefore = rule.isAbove ? sorted[middle] < rule.threshold : sorted[middle] <= rule.threshold
            if isBefore { low = middle + 1 } else { high = middle }
        }
        return rule.isAbove ? sorted.count - low : low
    }
}
