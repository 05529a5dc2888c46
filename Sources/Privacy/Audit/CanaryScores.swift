/// Scores of canaries, each by itself in a run with chance 1/2, and whether it was: what the audits of one run look at.
///
/// The greater a score, the likelier its canary was in. Scores may depend on everything that was released, and on nothing
/// else.
package struct CanaryScores: Sendable {
    /// By canary.
    package let scores: [Double]
    /// By canary, whether it was in.
    package let isIn: [Bool]

    /// Shares of the canaries that are guessed, one after another: where little can be told, few guesses tell most.
    package static let guessedShares = [0.02, 0.05, 0.1, 0.2, 0.5, 1]

    /// Scores and memberships of the same canaries, in the same order, which tells nothing of who was in.
    package init(scores: [Double], isIn: [Bool]) {
        precondition(scores.count == isIn.count, "a score and a membership a canary")
        (self.scores, self.isIn) = (scores, isIn)
    }

    /// Scores of those that were in.
    package var inside: [Double] { zip(scores, isIn).filter(\.1).map(\.0) }
    /// Scores of the others.
    package var outside: [Double] { zip(scores, isIn).filter { !$0.1 }.map(\.0) }

    /// A bound, and the guesses that give it.
    package struct Finding: Hashable, Sendable {
        package let guesses: OneRunGuesses
        package let epsilonLowerBound: Double
    }

    /// The plain bound, which assumes nothing of the mechanism. `significance` is shared out over ``guessedShares``, of which
    /// the best is taken. Throws ``AccountingError`` for a δ or a significance out of range, or without canaries.
    package func oneRun(delta: Double, significance: Double) throws(AccountingError) -> Finding {
        try best(significance) { (guesses, each) throws(AccountingError) in
            try guesses.epsilonLowerBound(delta: delta, significance: each)
        }
    }

    /// The bound of Gaussian mechanisms (``OneRunGuesses/gaussianEpsilonLowerBound(delta:significance:)``).
    package func oneRunGaussian(delta: Double, significance: Double) throws(AccountingError) -> Finding {
        try best(significance) { (guesses, each) throws(AccountingError) in
            try guesses.gaussianEpsilonLowerBound(delta: delta, significance: each)
        }
    }

    /// The guesses where half of them are that the best scored were in, half that the worst scored were not. Equal scores are
    /// in the order of canaries.
    package func guesses(share: Double) throws(AccountingError) -> OneRunGuesses {
        let order = scores.indices.sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1] }
        let half = min(order.count / 2, max(1, Int(Double(order.count) * share / 2)))
        let right = order.prefix(half).count { isIn[$0] } + order.suffix(half).count { !isIn[$0] }
        return try OneRunGuesses(canaries: scores.count, guesses: 2 * half, correct: right)
    }

    private func best(
        _ significance: Double, _ bound: (OneRunGuesses, Double) throws(AccountingError) -> Double
    ) throws(AccountingError) -> Finding {
        let each = significance / Double(Self.guessedShares.count)
        var best: Finding?
        for share in Self.guessedShares {
            let guesses = try guesses(share: share)
            let finding = Finding(guesses: guesses, epsilonLowerBound: try bound(guesses, each))
            if let known = best, known.epsilonLowerBound >= finding.epsilonLowerBound { continue }
            best = finding
        }
        guard let best else {
            throw .invalidParameter(name: "canaries", value: "0", requirement: "there must be some")
        }
        return best
    }
}
