internal import Glibc

/// Tails of the binomial distribution, exact to rounding however small they are.
struct BinomialTails {
    /// Independent trials.
    let trials: Int
    /// Logarithms of the number of ways to choose k of the trials, by k.
    private let logWays: [Double]

    init(trials: Int) {
        self.trials = trials
        logWays = (0...trials).map { LogArithmetic.binomial(trials, $0) }
    }

    /// `P(X = k)` for every k, where one trial succeeds with chance e^logChance and fails with e^logOther.
    func masses(logChance: Double, logOther: Double) -> [Double] {
        (0...trials).map { exp(logWays[$0] + Double($0) * logChance + Double(trials - $0) * logOther) }
    }
}

/// Exact bounds on a chance by the number of successes (Clopper and Pearson 1934): each fails at most as often as its
/// significance says.
package enum ClopperPearson {
    /// The greatest chance that so many successes, or more, refute.
    package static func lower(successes: Int, trials: Int, significance: Double) -> Double {
        guard successes > 0, trials > 0 else { return 0 }
        let least = Double(successes) / Double(trials)
        return bisect(0, least) { upperTail(successes, trials, chance: $0) < significance }
    }

    /// The least chance that so many successes, or fewer, refute.
    package static func upper(successes: Int, trials: Int, significance: Double) -> Double {
        1 - lower(successes: trials - successes, trials: trials, significance: significance)
    }

    /// The end of a run of chances, from `low` on, for which `holds`; it does not at `high`.
    private static func bisect(_ low: Double, _ high: Double, _ holds: (Double) -> Bool) -> Double {
        var (low, high) = (low, high)
        for _ in 0..<200 where high - low > 1e-15 * high {
            let middle = 0.5 * (low + high)
            if holds(middle) { low = middle } else { high = middle }
        }
        return low
    }

    /// `P(X ≥ k)` of so many trials. Terms are added from k on, until what is left is beneath rounding.
    static func upperTail(_ k: Int, _ trials: Int, chance: Double) -> Double {
        if k <= 0 || chance >= 1 { return 1 }
        if chance <= 0 || k > trials { return 0 }
        // Above the mean terms only shrink; below it the other tail is the smaller one.
        if Double(k) <= Double(trials) * chance {
            return 1 - upperTailFromMean(trials - k + 1, trials, chance: 1 - chance)
        }
        return upperTailFromMean(k, trials, chance: chance)
    }

    private static func upperTailFromMean(_ k: Int, _ trials: Int, chance: Double) -> Double {
        guard k <= trials else { return 0 }
        let odds = chance / (1 - chance)
        let first =
            LogArithmetic.binomial(trials, k) + Double(k) * log(chance) + Double(trials - k) * log1p(-chance)
        var (sum, term, place) = (0.0, 1.0, k)
        while place <= trials, term > 1e-18 * sum {
            sum += term
            term *= Double(trials - place) / Double(place + 1) * odds
            place += 1
        }
        return min(1, exp(first) * sum)
    }
}
