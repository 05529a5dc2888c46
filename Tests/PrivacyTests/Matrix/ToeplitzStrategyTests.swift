import Foundation
import Testing

@testable import Privacy

/// Strategies against published values, and their sensitivities against every pattern there is.
@Suite struct ToeplitzStrategyTests {
    private func expectClose(_ found: Double, _ expected: Double?, tolerance: Double = 1e-6) throws {
        let expected = try #require(expected)
        #expect(abs(found - expected) <= tolerance * abs(expected), "\(found), not \(expected)")
    }

    @Test func squareRootsAreThePublishedOnes() throws {
        for vector in try MatrixVectors.read().toeplitzSqrt {
            let count = try #require(vector.n)
            let strategy = ToeplitzStrategy.squareRoot(bands: count)
            let head = try #require(vector.strategyCoefsHead)
            #expect(zip(strategy.coefficients, head).allSatisfy { abs($0 - $1) < 1e-12 })
            try expectClose(strategy.coefficients.reduce(0, +), vector.sum)
            let inverse = strategy.inverse(count: count)
            #expect(zip(inverse, try #require(vector.noisingHead)).allSatisfy { abs($0 - $1) < 1e-12 })
            let once = ParticipationPattern(rounds: count, separation: count)
            try expectClose(try strategy.squaredSensitivity(under: once), vector.sensitivitySquared)
        }
    }

    @Test func sensitivitiesAndErrorsUnderAPatternAreThePublishedOnes() throws {
        for vector in try MatrixVectors.read().toeplitzMinsep {
            let rounds = try #require(vector.n)
            let pattern = ParticipationPattern(
                rounds: rounds, separation: try #require(vector.minSep),
                participations: vector.maxParticipations)
            let strategy = ToeplitzStrategy.squareRoot(bands: try #require(vector.bands))
            try expectClose(try strategy.squaredSensitivity(under: pattern), vector.sensitivitySquared)
            try expectClose(strategy.meanSquaredError(rounds: rounds), vector.perQueryErrorMean)
            try expectClose(strategy.greatestSquaredError(rounds: rounds), vector.perQueryErrorMax)
        }
    }

    @Test func bandsAreFoundThatLoseNoMoreThanThePublishedOnes() throws {
        for vector in try MatrixVectors.read().bandedOptimal {
            guard case .numbers(let coefficients)? = vector.coefs else {
                throw CocoaError(.fileReadCorruptFile)
            }
            let (rounds, bands) = (try #require(vector.n), try #require(vector.bands))
            let once = ParticipationPattern(rounds: rounds, separation: rounds)
            let published = try ToeplitzStrategy(coefficients: coefficients)
            let expected = try #require(vector.meanSquaredErrorTimesSensitivitySquared)
            try expectClose(try published.loss(under: once), expected)
            let found = StrategySearch.bands(bands, under: once)
            #expect(found.bands == bands)
            #expect(try found.loss(under: once) <= expected * (1 + 1e-6))
        }
    }

    @Test func bufferedMatricesHaveThePublishedSensitivitiesAndErrors() throws {
        let vectors = try MatrixVectors.read()
        for vector in vectors.blt + vectors.bltPublished.filter({ ($0.n ?? 0) <= 1000 }) {
            let rounds = try #require(vector.n)
            let buffered = try BufferedToeplitz(
                decays: try #require(vector.bufDecay), scales: try #require(vector.outputScale))
            let strategy = try buffered.strategy(rounds: rounds)
            let pattern = ParticipationPattern(
                rounds: rounds, separation: try #require(vector.minSep),
                participations: vector.maxParticipations)
            let square = try strategy.squaredSensitivity(under: pattern)
            try expectClose(square, vector.sensitivitySquared)
            let (mean, most) = (
                strategy.meanSquaredError(rounds: rounds), strategy.greatestSquaredError(rounds: rounds)
            )
            if vector.rmseLoss != nil {
                try expectClose((square * mean).squareRoot(), vector.rmseLoss)
                try expectClose((square * most).squareRoot(), vector.maxLoss)
                // A search finds buffers that are about as good, those of the vectors being of the least greatest error.
                let found = try StrategySearch.buffers(buffered.decays.count, under: pattern).strategy(
                    rounds: rounds)
                #expect(try found.loss(under: pattern) <= square * mean * 1.01)
            } else {
                try expectClose(mean, vector.errorMean)
                try expectClose(most, vector.errorMax)
            }
        }
    }

    /// What two deployed federations said of themselves, by the exact curve of the one Gaussian that a run is.
    @Test func deployedFederationsCostWhatTheySaid() throws {
        for vector in try MatrixVectors.read().deployed {
            let (multiplier, norm) = (try #require(vector.multiplier), try #require(vector.squaredColumnNorm))
            let participations = try #require(vector.maxParticipations)
            let sensitivity = (Double(participations) * norm).squareRoot()
            let event = PrivacyEvent(
                mechanism: .matrix(
                    .init(
                        noiseMultiplier: multiplier / sensitivity, strategy: "bands",
                        bands: try #require(vector.bands), sensitivity: max(1, sensitivity),
                        rounds: try #require(vector.rounds), separation: try #require(vector.minSep),
                        participations: participations)), adjacency: .zeroOut)
            try expectClose(
                try #require(try RDPAccountant([event]).concentration), vector.rho, tolerance: 1e-9)
            let guarantee = try PrivacyGuarantee.of([event], delta: try #require(vector.delta))
            try expectClose(guarantee.epsilon, vector.epsilon)
        }
    }

    /// Every pattern of a few rounds is tried, with contributions that point where they add up most.
    @Test(arguments: [1, 2, 3, 4, 7, 12], [1, 2, 3, 5]) func sensitivityIsThatOfTheWorstPattern(
        rounds: Int, separation: Int
    ) throws {
        var state = UInt64(rounds * 100 + separation)
        for participations in 1...3 {
            let pattern = ParticipationPattern(
                rounds: rounds, separation: separation, participations: participations)
            var strategies = (1...rounds).map { ToeplitzStrategy.squareRoot(bands: $0) }
            strategies.append(StrategySearch.bands(separation, under: pattern))
            // Any coefficients at all, negative and growing ones too, where columns do not meet.
            let some = (0..<min(separation, rounds)).map { _ -> Double in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Double(Int64(bitPattern: state) >> 40) / 0x1p20
            }
            strategies.append(try ToeplitzStrategy(coefficients: [2.5] + some.dropFirst()))
            for strategy in strategies {
                let worst = Self.patterns(pattern).map { Self.squaredNorm(strategy, $0, rounds) }.max() ?? 0
                #expect(abs(try strategy.squaredSensitivity(under: pattern) - worst) < 1e-9)
            }
        }
    }

    /// Sets of rounds that the pattern allows.
    private static func patterns(_ pattern: ParticipationPattern) -> [[Int]] {
        (0..<1 << pattern.rounds).compactMap { bits in
            let rounds = (0..<pattern.rounds).filter { bits >> $0 & 1 == 1 }
            var (last, count): (Int?, Int) = (nil, 0)
            for round in rounds {
                guard pattern.allows(next: round + 1, last: last, count: count) else { return nil }
                (last, count) = (round + 1, count + 1)
            }
            return rounds
        }
    }

    /// ‖Σ ± C e_i‖² with the signs that make it greatest.
    private static func squaredNorm(_ strategy: ToeplitzStrategy, _ columns: [Int], _ rounds: Int) -> Double {
        (0..<1 << max(0, columns.count - 1)).map { signs in
            var sum = [Double](repeating: 0, count: rounds)
            for (place, column) in columns.enumerated() {
                let sign: Double = signs >> place & 1 == 1 ? -1 : 1
                for (lag, coefficient) in strategy.coefficients.enumerated() where column + lag < rounds {
                    sum[column + lag] += sign * coefficient
                }
            }
            return sum.reduce(0) { $0 + $1 * $1 }
        }.max() ?? 0
    }

    @Test func whatIsNotProvedIsRefused() throws {
        let pattern = ParticipationPattern(rounds: 10, separation: 2)
        for coefficients in [[1, 0.5, 0.6], [1, -0.5, -0.6], [1, 0.5, -0.1]] {
            let strategy = try ToeplitzStrategy(coefficients: coefficients)
            #expect(throws: MatrixError.unproved) { try strategy.sensitivity(under: pattern) }
        }
        for coefficients in [[], [0, 1], [-1], [.nan], [1, .infinity]] as [[Double]] {
            #expect(throws: MatrixError.badCoefficients) { try ToeplitzStrategy(coefficients: coefficients) }
        }
        for (decays, scales) in [
            ([], []), ([0.5], [0.6, 0.1]), ([1], [0.5]), ([0.5], [1.5]), ([0.5], [-0.1]),
        ] {
            #expect(throws: MatrixError.badCoefficients) {
                try BufferedToeplitz(decays: decays as [Double], scales: scales as [Double])
            }
        }
    }

    /// One unit in every round leaves nothing to gain; the longer it stays away, the more there is.
    @Test func searchIsNeverWorseThanTheSquareRootAndAWorkloadIsItsOwn() throws {
        for (rounds, separation) in [(100, 1), (100, 4), (100, 25), (37, 37), (1, 1)] {
            let pattern = ParticipationPattern(rounds: rounds, separation: separation)
            for workload in [MatrixWorkload.sums, .momentum(0.9)] {
                let root = try ToeplitzStrategy.squareRoot(bands: separation).loss(workload, under: pattern)
                let found = StrategySearch.bands(separation, workload, under: pattern)
                #expect(found.bands <= separation)
                #expect(try found.loss(workload, under: pattern) <= root)
                let other = StrategySearch.bands(
                    separation, workload == .sums ? .momentum(0.9) : .sums, under: pattern)
                #expect(
                    try found.loss(workload, under: pattern) <= other.loss(workload, under: pattern)
                        * (1 + 1e-6))
            }
        }
    }

    /// The figures that the choice rests on: 1000 clients in cohorts of 250, 100 rounds, unit multiplier.
    @Test func bandsOfFourRoundsAreAsGoodAsComputedElsewhere() throws {
        let pattern = ParticipationPattern(rounds: 100, separation: 4)
        #expect(pattern.participations == 25)
        let cut = try ToeplitzStrategy.squareRoot(bands: 4).loss(under: pattern).squareRoot() / 250
        let found = try StrategySearch.bands(4, under: pattern).loss(under: pattern).squareRoot() / 250
        #expect(abs(cut - 0.0820) < 5e-5 && abs(found - 0.0783) < 5e-5)
    }
}
