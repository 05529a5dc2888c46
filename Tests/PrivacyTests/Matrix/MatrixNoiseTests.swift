import Foundation
import Testing

@testable import Privacy

@Suite struct MatrixNoiseTests {
    private func noise(rounds: Int, separation: Int, multiplier: Double = 2) throws -> MatrixNoise {
        let pattern = ParticipationPattern(rounds: rounds, separation: separation)
        return try MatrixNoise(
            .bands(StrategySearch.bands(separation, under: pattern)), name: "bands", pattern: pattern,
            noiseMultiplier: multiplier, contribution: 1000, dimension: 5)
    }

    private func buffered(rounds: Int, separation: Int, contribution: Double = 1e6) throws -> MatrixNoise {
        let pattern = ParticipationPattern(rounds: rounds, separation: separation)
        return try MatrixNoise(
            .buffers(StrategySearch.buffers(2, under: pattern)), name: "buffers", pattern: pattern,
            noiseMultiplier: 2, contribution: contribution, dimension: 5)
    }

    private func draw(
        _ matrix: MatrixNoise, round: Int, _ history: NoiseHistory, dimension: Int = 5, seed: UInt64 = 3
    ) throws -> [Int64] {
        var row = [Int64](repeating: 7, count: dimension)
        try row.withUnsafeMutableBufferPointer {
            try matrix.draw(round: round, into: $0, history: history) {
                SeededNoise(seed: seed &+ UInt64($0) << 32)
            }
        }
        return row
    }

    /// One unit in one coefficient draws other noise, and is told by the fingerprint; so is whatever else decides.
    @Test func theFingerprintTellsMatricesApart() throws {
        let pattern = ParticipationPattern(rounds: 12, separation: 3)
        func fingerprint(_ second: Double, multiplier: Double = 2) throws -> String {
            try MatrixNoise(
                .bands(ToeplitzStrategy(coefficients: [1, second, 0.25])), name: "bands", pattern: pattern,
                noiseMultiplier: multiplier, contribution: 1000, dimension: 5
            ).fingerprint
        }
        #expect(try fingerprint(0.5) == fingerprint(0.5))
        let others = try [
            fingerprint(0.5), fingerprint(0.5 + 0x1p-16), fingerprint(0.5, multiplier: 2.5),
            noise(rounds: 12, separation: 3).fingerprint, buffered(rounds: 12, separation: 3).fingerprint,
            buffered(rounds: 12, separation: 4).fingerprint,
        ]
        #expect(Set(others).count == others.count)
    }

    /// C w is z up to the roundings, which do not add up: what a round adds is exactly what is left of z.
    @Test(arguments: [1, 2, 4, 9]) func theMatrixTakesItBackToIndependentNoise(separation: Int) throws {
        let matrix = try noise(rounds: 40, separation: separation)
        let history = NoiseHistory()
        let rows = try (1...40).map { try draw(matrix, round: $0, history) }
        let fine = try RoundedGaussian(sigma: matrix.deviation * 0x1p16)
        for round in 1...40 {
            var source = SeededNoise(seed: 3 &+ UInt64(round) << 32)
            let drawn = try fine.draw(count: 5, from: &source)
            for place in 0..<5 {
                let product = matrix.strategy.coefficients.enumerated().reduce(0.0) { sum, term in
                    term.offset < round
                        ? sum + term.element * Double(rows[round - 1 - term.offset][place]) : sum
                }
                #expect(abs(product - Double(drawn[place]) / 0x1p16) <= 0.5 + 1e-6)
            }
        }
    }

    /// The same of buffers, but for what they are allowed to be off by, which the sensitivity has in it.
    @Test func buffersTakeItBackUpToTheirSlack() throws {
        let matrix = try buffered(rounds: 200, separation: 50)
        let history = NoiseHistory()
        let rows = try (1...200).map { try draw(matrix, round: $0, history) }
        let fine = try RoundedGaussian(sigma: matrix.deviation * 0x1p16)
        for round in stride(from: 1, through: 200, by: 7) {
            var source = SeededNoise(seed: 3 &+ UInt64(round) << 32)
            let drawn = try fine.draw(count: 5, from: &source)
            for place in 0..<5 {
                let product = matrix.strategy.coefficients.prefix(round).enumerated().reduce(0.0) {
                    sum, term in
                    sum + term.element * Double(rows[round - 1 - term.offset][place])
                }
                #expect(abs(product - Double(drawn[place]) / 0x1p16) <= 0.5 + 200 * 0x1p-21 + 1e-5)
            }
            #expect(try draw(matrix, round: round, NoiseHistory()) == rows[round - 1])
        }
        let exact = try matrix.strategy.sensitivity(under: matrix.pattern)
        #expect(matrix.sensitivity > exact && matrix.sensitivity < exact * (1 + 1e-6))
        // Where a contribution is a few grid units what buffers are off by counts.
        let coarse = try buffered(rounds: 200, separation: 50, contribution: 0.01)
        #expect(coarse.sensitivity > exact * 1.0001)
    }

    /// A restart has no history, a round may be asked for again, and what another run had is of no use.
    @Test(arguments: [false, true]) func everyRoundComesOutTheSameWhateverIsRemembered(hasBuffers: Bool)
        throws
    {
        let matrix = try hasBuffers ? buffered(rounds: 12, separation: 4) : noise(rounds: 12, separation: 4)
        let history = NoiseHistory()
        let rows = try (1...12).map { try draw(matrix, round: $0, history) }
        for round in [12, 1, 7, 8, 8, 9, 3] {
            #expect(try draw(matrix, round: round, NoiseHistory()) == rows[round - 1])
            #expect(try draw(matrix, round: round, history) == rows[round - 1])
        }
        #expect(try draw(matrix, round: 5, history, dimension: 3) == Array(rows[4].prefix(3)))
    }

    // Independent coordinates stand for independent runs. Limits of six standard errors of a variance.
    @Test(.tags(.statistical), arguments: [1, 2, 5, 20]) func sumsHaveTheVarianceThatTheErrorSays(round: Int)
        throws
    {
        let count = 20_000
        let matrix = try noise(rounds: 20, separation: 4)
        let history = NoiseHistory()
        var sum = [Double](repeating: 0, count: count)
        for number in 1...round {
            for (place, value) in try draw(matrix, round: number, history, dimension: count, seed: 91)
                .enumerated()
            {
                sum[place] += Double(value)
            }
        }
        let variance = sum.reduce(0) { $0 + $1 * $1 } / Double(count)
        let square = matrix.deviation * matrix.deviation
        let expected = matrix.strategy.greatestSquaredError(rounds: round) * square
        #expect(abs(variance / expected - 1) < 6 * (2 / Double(count)).squareRoot())
        #expect(matrix.greatestDeviation >= matrix.deviation)
    }

    @Test func itStatesWhatItIs() throws {
        let matrix = try noise(rounds: 100, separation: 4, multiplier: 0.6)
        let stated = PrivacyEvent(
            mechanism: matrix.event(for: .init(l2: 1000, dimension: 5)), adjacency: .zeroOut)
        guard case .matrix(let parameters) = stated.mechanism else {
            Issue.record("another event: \(stated)")
            return
        }
        #expect(abs(parameters.noiseMultiplier - 0.6) < 1e-12)
        #expect(parameters.separation == 4 && parameters.participations == 25 && parameters.rounds == 100)
        #expect(parameters.bands == 4 && parameters.strategy == "bands")
        // The coefficients that integers are multiplied with, not those that were looked for.
        #expect(matrix.strategy.coefficients.allSatisfy { $0 * 65536 == ($0 * 65536).rounded() })
        let sensitivity = try matrix.strategy.sensitivity(under: matrix.pattern)
        #expect(parameters.sensitivity >= sensitivity && parameters.sensitivity < sensitivity * (1 + 1e-9))
        let plain = PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: parameters.noiseMultiplier), adjacency: .zeroOut)
        for accountant in AccountantKind.allCases {
            let costs = try [stated, plain].map {
                try PrivacyGuarantee.of([$0], delta: 1e-5, accountant: accountant)
            }
            #expect(costs[0].epsilon == costs[1].epsilon)
        }
        let read = try PrivacyEvent.list(fromJSON: PrivacyEvent.json(of: [stated]))
        #expect(read == [stated])
    }

    @Test func eventsThatCannotBeAreRefused() throws {
        let matrix = try noise(rounds: 10, separation: 4)
        guard case .matrix(let right) = matrix.event(for: .init(l2: 1000)) else { return }
        func refuse(_ change: (inout MatrixRelease) -> Void) {
            var parameters = right
            change(&parameters)
            let event = PrivacyEvent(mechanism: .matrix(parameters), adjacency: .zeroOut)
            #expect(throws: AccountingError.self) { try event.validate() }
        }
        refuse { $0.participations = 4 }
        refuse { $0.participations = 0 }
        refuse { $0.separation = 0 }
        refuse { $0.rounds = 0 }
        refuse { $0.bands = 11 }
        refuse { $0.sensitivity = 0.9 }
        refuse { $0.sensitivity = .infinity }
        refuse { $0.noiseMultiplier = -1 }
        refuse { $0.strategy = "" }
        for event in [
            PrivacyEvent(mechanism: .matrix(right)),
            PrivacyEvent(
                mechanism: .matrix(right), sampling: .poisson(probability: 0.1), adjacency: .zeroOut),
        ] {
            #expect(throws: AccountingError.self) { try event.validate() }
        }
    }

    private struct Broken: NoiseSource {
        mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws {
            throw CocoaError(.fileReadUnknown)
        }
    }

    @Test func nothingIsLeftOfARoundThatCannotBeDrawn() throws {
        let matrix = try noise(rounds: 6, separation: 2)
        let history = NoiseHistory()
        let right = try (1...3).map { try draw(matrix, round: $0, history) }
        var row: [Int64] = [1, 2, 3, 4, 5]
        #expect(throws: CocoaError.self) {
            try row.withUnsafeMutableBufferPointer {
                try matrix.draw(round: 4, into: $0, history: history) { _ in Broken() }
            }
        }
        #expect(row == [0, 0, 0, 0, 0])
        #expect(try draw(matrix, round: 3, history) == right[2])
        for round in [0, 7, -1] {
            #expect(throws: MatrixError.roundsExceeded(round: round, rounds: 6)) {
                try draw(matrix, round: round, history)
            }
        }
        #expect(throws: MechanismError.self) { try noise(rounds: 6, separation: 2, multiplier: 1e40) }
    }
}
