internal import Glibc

/// What an audit by one run came to (Steinke, Nasr and Jagielski 2023, arXiv 2305.08846): each canary was in with chance
/// 1/2, secretly; of some of them it was guessed whether they were.
package struct OneRunGuesses: Hashable, Sendable {
    /// Canaries, guessed or not.
    package let canaries: Int
    /// Those that a guess was made of.
    package let guesses: Int
    /// Right guesses.
    package let correct: Int

    /// Most canaries: arithmetic takes time and memory in proportion.
    package static let mostCanaries = 1 << 20

    /// Throws ``AccountingError`` unless 1 ≤ canaries ≤ 2^20 and 0 ≤ correct ≤ guesses ≤ canaries.
    package init(canaries: Int, guesses: Int, correct: Int) throws(AccountingError) {
        try AccountingError.require(
            (1...Self.mostCanaries).contains(canaries), "canaries", canaries,
            "must lie between 1 and \(Self.mostCanaries)")
        try AccountingError.require(
            (0...canaries).contains(guesses), "guesses", guesses, "must lie between 0 and the canaries")
        try AccountingError.require(
            (0...guesses).contains(correct), "correct", correct, "must lie between 0 and the guesses")
        (self.canaries, self.guesses, self.correct) = (canaries, guesses, correct)
    }

    /// The chance at most, under (ε, δ)-differential privacy, of so many right guesses or more (theorem 5.2 there). Throws
    /// ``AccountingError`` for an ε below 0 or a δ outside 0…1.
    package func pValue(epsilon: Double, delta: Double) throws(AccountingError) -> Double {
        try AccountingError.require(epsilon >= 0, "epsilon", epsilon, "must be at least 0")
        try PrivacyGuarantee.requireDelta(delta)
        return pValue(BinomialTails(trials: guesses), epsilon, delta)
    }

    /// The greatest ε that these guesses refute at this significance; 0 where they refute none. Throws
    /// ``AccountingError`` for a δ or a significance outside its range.
    package func epsilonLowerBound(delta: Double, significance: Double) throws(AccountingError) -> Double {
        try PrivacyGuarantee.requireDelta(delta)
        try Self.requireSignificance(significance)
        let tails = BinomialTails(trials: guesses)
        return Self.last { pValue(tails, $0, delta) < significance }
    }

    /// The same where neighbouring runs are as hard to tell apart as two normal distributions of equal deviation: a mechanism
    /// that is none of these may be wrongly refuted. The greatest ε of such a mechanism at this δ that the guesses
    /// refute (Mahloujifar, Melis and Chaudhuri 2024, arXiv 2410.22235, algorithm 3).
    package func gaussianEpsilonLowerBound(delta: Double, significance: Double) throws(AccountingError)
        -> Double
    {
        try PrivacyGuarantee.requireDelta(delta)
        try Self.requireSignificance(significance)
        let mu = Self.last { refutes(mu: $0, significance) }
        return AnalyticGaussian(mu: mu).epsilon(delta: delta)
    }

    /// Throws ``AccountingError`` unless the significance lies strictly between 0 and 1.
    static func requireSignificance(_ significance: Double) throws(AccountingError) {
        try AccountingError.require(
            significance > 0 && significance < 1, "significance", significance,
            "must lie between 0 and 1, and be neither")
    }

    private func pValue(_ tails: BinomialTails, _ epsilon: Double, _ delta: Double) -> Double {
        guard epsilon.isFinite else { return 1 }
        let logChance = -LogArithmetic.onePlusExp(-epsilon)
        let masses = tails.masses(logChance: logChance, logOther: logChance - epsilon)
        let beta = masses[correct...].reversed().reduce(0, +)
        // The greatest mean of the masses just below: what δ can move up to the number of right guesses.
        var (alpha, below) = (0.0, 0.0)
        for step in 0..<correct {
            below += masses[correct - 1 - step]
            alpha = max(alpha, below / Double(step + 1))
        }
        return min(1, beta + 2 * Double(canaries) * delta * alpha)
    }

    /// Whether a mechanism whose neighbours are `mu` deviations apart makes so many right guesses less often than that.
    private func refutes(mu: Double, _ significance: Double) -> Bool {
        let (all, made) = (Double(canaries), Double(guesses))
        var right = significance * Double(correct) / all
        var wrong = significance * (made - Double(correct)) / all
        for place in stride(from: correct - 1, through: 0, by: -1) {
            let next = max(wrong, NormalDistribution.shifted(right, by: -mu))
            // What does not change now never will.
            if next == wrong { break }
            right = min(1, right + Double(place) / (made - Double(place)) * (next - wrong))
            wrong = next
        }
        return right + wrong > made / all
    }

    /// The greatest number, from 0 on, for which `refutes`; 0 where it does not at 0.
    private static func last(_ refutes: (Double) -> Bool) -> Double {
        guard refutes(0) else { return 0 }
        var (low, high) = (0.0, 1.0)
        while refutes(high), high < 0x1p20 { (low, high) = (high, 2 * high) }
        for _ in 0..<100 where high - low > 1e-12 * high {
            let middle = 0.5 * (low + high)
            if refutes(middle) { low = middle } else { high = middle }
        }
        return low
    }
}
