import Foundation
import Testing

@testable import Privacy

/// The arithmetic of audits against published and independent values.
@Suite struct AuditBoundTests {
    private static let vectors = try? AuditVectors.load()

    @Test func theVectorsAreThere() throws {
        let vectors = try AuditVectors.load()
        #expect(vectors.oneRun.count >= 11 && vectors.oneRunGaussian.count >= 8)
    }

    @Test(arguments: vectors?.oneRun ?? []) func oneRunEqualsThePublishedValues(_ known: AuditVectors.OneRun)
        throws
    {
        let guesses = try OneRunGuesses(
            canaries: known.canaries, guesses: known.guesses, correct: known.correct)
        let bound = try guesses.epsilonLowerBound(delta: known.delta, significance: known.significance)
        #expect(abs(bound - known.epsilonLowerBound) < 1e-6)
        let p = try guesses.pValue(epsilon: 1, delta: known.delta)
        #expect(abs(p - (known.pValueAtEpsilon1 ?? -1)) < 1e-6)
    }

    @Test(arguments: vectors?.oneRunGaussian ?? [])
    func theGaussianFormEqualsIndependentValues(_ known: AuditVectors.OneRun) throws {
        let guesses = try OneRunGuesses(
            canaries: known.canaries, guesses: known.guesses, correct: known.correct)
        let bound = try guesses.gaussianEpsilonLowerBound(
            delta: known.delta, significance: known.significance)
        #expect(abs(bound - known.epsilonLowerBound) < 1e-6)
    }

    @Test(arguments: vectors?.clopperPearson ?? [])
    func exactBinomialBounds(_ known: AuditVectors.ExactBinomial) {
        let lower = ClopperPearson.lower(
            successes: known.successes, trials: known.trials, significance: known.significance)
        let upper = ClopperPearson.upper(
            successes: known.successes, trials: known.trials, significance: known.significance)
        #expect(abs(lower - known.lower) < 1e-9 && abs(upper - known.upper) < 1e-9)
    }

    /// Two samples with exactly this distance between their means, in deviations.
    @Test(arguments: vectors?.normalShift ?? []) func theNormalBoundIsThatOfNonCentralT(
        _ known: AuditVectors.Shift
    ) throws {
        func sample(_ count: Int) -> [Double] { (0..<count).map { $0 % 2 == 0 ? 1 : -1 } }
        var (inside, outside) = (sample(known.inside), sample(known.outside))
        let freedom = Double(known.inside + known.outside - 2)
        let squares = (inside + outside).reduce(0) { $0 + $1 * $1 }
        let shift = known.estimate * (squares / freedom).squareRoot()
        inside = inside.map { $0 + shift }
        outside = outside.map { $0 * 1 }
        let found = try #require(NormalShift(inside: inside, outside: outside))
        #expect(abs(found.estimate - known.estimate) < 1e-9)
        #expect(abs(found.lowerBound(significance: known.significance) - known.lowerBound) < 1e-6)
    }

    @Test(arguments: vectors?.gaussianPair ?? []) func theEpsilonOfTwoGaussians(_ known: AuditVectors.Pair) {
        let pair = GaussianPair(distance: known.distance, inside: known.inside, outside: known.outside)
        #expect(abs(pair.epsilon(delta: known.delta) - known.epsilon) < 1e-5 * max(1, known.epsilon))
    }

    /// At equal deviations it is the Gaussian mechanism's own ε.
    @Test(arguments: [0.1, 1, 3]) func equalGaussiansAreTheGaussianMechanism(mu: Double) {
        let pair = GaussianPair(distance: 2 * mu, inside: 2, outside: 2)
        #expect(abs(pair.epsilon(delta: 1e-5) - AnalyticGaussian(mu: mu).epsilon(delta: 1e-5)) < 1e-9)
    }

    /// The sum as the paper has it, without thrift.
    @Test(arguments: [10, 100, 400], [0, 0.5, 2.0]) func pValuesEqualThePlainFormula(
        guesses: Int, epsilon: Double
    ) throws {
        let q = 1 / (1 + exp(-epsilon))
        func mass(_ k: Int) -> Double {
            exp(lgamma(Double(guesses) + 1) - lgamma(Double(k) + 1) - lgamma(Double(guesses - k) + 1))
                * pow(q, Double(k)) * pow(1 - q, Double(guesses - k))
        }
        func tail(_ k: Int) -> Double { (k...guesses).reduce(0) { $0 + mass($1) } }
        for correct in [1, guesses / 2, guesses * 9 / 10, guesses] {
            let audit = try OneRunGuesses(canaries: 1000, guesses: guesses, correct: correct)
            let alpha = (1...correct).map { (tail(correct - $0) - tail(correct)) / Double($0) }.max() ?? 0
            for delta in [0, 1e-5, 1e-3, 0.5] {
                let plain = min(1, tail(correct) + 2000 * delta * alpha)
                #expect(abs(try audit.pValue(epsilon: epsilon, delta: delta) - plain) < 1e-9)
            }
        }
    }

    @Test func moreRightGuessesNeverLowerABound() throws {
        for gaussian in [false, true] {
            var last = 0.0
            for correct in stride(from: 100, through: 200, by: 5) {
                let guesses = try OneRunGuesses(canaries: 500, guesses: 200, correct: correct)
                let bound =
                    gaussian
                    ? try guesses.gaussianEpsilonLowerBound(delta: 1e-5, significance: 0.05)
                    : try guesses.epsilonLowerBound(delta: 1e-5, significance: 0.05)
                #expect(bound >= last)
                last = bound
            }
            #expect(last > 1)
        }
    }

    @Test(arguments: [(0, 0, 0), (10, 11, 1), (10, 5, 6), (10, -1, 0), (1 << 21, 1, 1)])
    func impossibleCountsAreRefused(canaries: Int, guesses: Int, correct: Int) {
        #expect(throws: AccountingError.self) {
            try OneRunGuesses(canaries: canaries, guesses: guesses, correct: correct)
        }
    }

    @Test func rangesAreChecked() throws {
        let guesses = try OneRunGuesses(canaries: 10, guesses: 10, correct: 9)
        #expect(throws: AccountingError.self) { try guesses.pValue(epsilon: -1, delta: 0) }
        #expect(throws: AccountingError.self) { try guesses.pValue(epsilon: .nan, delta: 0) }
        #expect(throws: AccountingError.self) { try guesses.epsilonLowerBound(delta: 2, significance: 0.1) }
        for significance in [0, 1, -1, Double.nan] {
            #expect(throws: AccountingError.self) {
                try guesses.epsilonLowerBound(delta: 0, significance: significance)
            }
        }
        // No chance of a bound where nothing was guessed.
        let none = try OneRunGuesses(canaries: 10, guesses: 0, correct: 0)
        #expect(try none.epsilonLowerBound(delta: 0, significance: 0.5) == 0)
        #expect(try none.gaussianEpsilonLowerBound(delta: 0.1, significance: 0.5) == 0)
    }

    @Test func valuesThatAreAllAlikeAreInfinitelyFarApartOrNotAtAll() throws {
        let apart = try #require(NormalShift(inside: [1, 1, 1], outside: [0, 0]))
        #expect(try apart.epsilonLowerBound(delta: 1e-5, significance: 0.01) == .infinity)
        let alike = try #require(NormalShift(inside: [1, 1, 1], outside: [1, 1]))
        #expect(alike.lowerBound(significance: 0.01) == 0)
        #expect(NormalShift(inside: [], outside: [1, 2, 3]) == nil)
        #expect(NormalShift(inside: [.nan], outside: [1, 2, 3]) == nil)
    }
}
