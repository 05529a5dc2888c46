import Foundation
import Testing

@testable import Compute

/// Layer norm and RMS norm of rows against their definitions in double precision.
@Suite struct NormalisationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var examples = 1
        var positions = 1
        var columns = 2
        var isCentred = true
        var testDescription: String {
            "\(examples) × \(positions) rows of \(columns), \(isCentred ? "layer" : "RMS") norm"
        }
    }

    static let cases: [Case] = [false, true].flatMap { isCentred in
        [(1, 1, 2), (3, 1, 15), (2, 5, 16), (2, 3, 33), (4, 2, 64), (3, 4, 65), (2, 3, 200)].map {
            Case(examples: $0.0, positions: $0.1, columns: $0.2, isCentred: isCentred)
        }
    }

    private static let epsilon: Float = 0.01

    @Test(arguments: cases) func theOutputIsTheDefinition(_ item: Case) {
        let bench = Bench(item)
        let wanted = Self.naive(item, bench.x.map(Double.init), bench)
        for (found, wanted) in zip(bench.run().output, wanted) { #expect(abs(Double(found) - wanted) < 1e-5) }
    }

    @Test(arguments: cases) func theGradientIsThatOfDifferences(_ item: Case) {
        let bench = Bench(item)
        let delta = bench.run().delta
        let start = bench.x.map(Double.init)
        for seed in 1...3 as ClosedRange<UInt64> {
            let direction = numbers(start.count, seed: 30 + seed).map(Double.init)
            func value(_ sign: Double) -> Double {
                let moved = zip(start, direction).map { $0 + sign * 1e-5 * $1 }
                return zip(Self.naive(item, moved, bench), bench.outputDelta).reduce(0) {
                    $0 + $1.0 * Double($1.1)
                }
            }
            let numeric = (value(1) - value(-1)) / 2e-5
            let exact = zip(delta, direction).reduce(0) { $0 + Double($1.0) * $1.1 }
            #expect(abs(numeric - exact) < 1e-4 * Double(start.count).squareRoot())
        }
    }

    /// Of gain and bias, as a sum over rows and as the norm of each example's own sum.
    @Test(arguments: cases, [0, 1] as [Float]) func gainAndBiasGetSumsOverRows(_ item: Case, keep: Float) {
        let bench = Bench(item)
        let statistics = bench.run().statistics
        let (rows, columns) = (item.examples * item.positions, item.columns)
        var gain = [Float](repeating: keep == 0 ? .nan : 3, count: columns)
        var bias = gain
        NormKernels.normaliseGradient(
            gain: &gain, bias: &bias, bench.outputDelta, bench.x, statistics: statistics, rows: rows,
            columns: columns, scale: -2, keep: keep)
        var norms = [Float](repeating: 1, count: item.examples)
        NormKernels.addNormaliseNorms(
            to: &norms, bench.outputDelta, bench.x, statistics: statistics, examples: item.examples,
            positions: item.positions, columns: columns, ofGain: true, ofBias: item.isCentred)
        var wantedNorms = [Double](repeating: 1, count: item.examples)
        for column in 0..<columns {
            let sums = (0..<item.examples).map { example in
                (0..<item.positions).reduce((gain: 0.0, bias: 0.0)) { sum, position in
                    let row = example * item.positions + position
                    let normal = Self.normal(item, bench.x.map(Double.init), row: row)
                    let delta = Double(bench.outputDelta[row * columns + column])
                    return (sum.gain + delta * normal[column], sum.bias + delta)
                }
            }
            let (ofGain, ofBias) = sums.reduce((0.0, 0.0)) { ($0.0 + $1.gain, $0.1 + $1.bias) }
            #expect(abs(Double(gain[column]) - (3 * Double(keep) - 2 * ofGain)) < 1e-4)
            #expect(abs(Double(bias[column]) - (3 * Double(keep) - 2 * ofBias)) < 1e-4)
            for (example, sum) in sums.enumerated() {
                wantedNorms[example] += sum.gain * sum.gain + (item.isCentred ? sum.bias * sum.bias : 0)
            }
        }
        for (found, wanted) in zip(norms, wantedNorms) {
            #expect(abs(Double(found) - wanted) < 1e-4 * wanted)
        }
    }

    /// A row that is no number must not come out as one.
    @Test(arguments: [false, true]) func whatIsNoNumberStaysNone(isCentred: Bool) {
        var bench = Bench(Case(examples: 2, positions: 1, columns: 40, isCentred: isCentred))
        bench.x[3] = .nan
        let output = bench.run().output
        #expect(output[..<40].allSatisfy { $0.isNaN } && output[40...].allSatisfy { $0.isFinite })
    }

    // x̂ of one row.
    private static func normal(_ item: Case, _ x: [Double], row: Int) -> [Double] {
        let values = x[(row * item.columns)..<((row + 1) * item.columns)]
        let mean = item.isCentred ? values.reduce(0, +) / Double(item.columns) : 0
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(item.columns)
        return values.map { ($0 - mean) / (variance + Double(epsilon)).squareRoot() }
    }

    private static func naive(_ item: Case, _ x: [Double], _ bench: Bench) -> [Double] {
        (0..<(item.examples * item.positions)).flatMap { row in
            normal(item, x, row: row).enumerated().map { column, value in
                Double(bench.gain[column]) * value + (item.isCentred ? Double(bench.bias[column]) : 0)
            }
        }
    }

    /// Numbers for one case, and a forward and a backward pass over them.
    private struct Bench {
        let item: Case
        var x: [Float]
        let gain: [Float]
        let bias: [Float]
        let outputDelta: [Float]

        init(_ item: Case) {
            self.item = item
            let count = item.examples * item.positions * item.columns
            x = numbers(count, seed: 1).map { 3 * $0 + 0.5 }
            gain = numbers(item.columns, seed: 2)
            bias = numbers(item.columns, seed: 3)
            outputDelta = numbers(count, seed: 4)
        }

        func run() -> (output: [Float], delta: [Float], statistics: [Float]) {
            let rows = item.examples * item.positions
            var output = [Float](repeating: .nan, count: x.count)
            var delta = output
            var statistics = [Float](repeating: .nan, count: 2 * rows)
            if item.isCentred {
                NormKernels.normalise(
                    &output, statistics: &statistics, x, gain: gain, bias: bias, rows: rows,
                    columns: item.columns, epsilon: epsilon)
            } else {
                NormKernels.normalise(
                    &output, statistics: &statistics, x, gain: gain, bias: nil, rows: rows,
                    columns: item.columns, epsilon: epsilon)
            }
            NormKernels.normaliseBackward(
                &delta, outputDelta, x, statistics: statistics, gain: gain, isCentred: item.isCentred,
                rows: rows, columns: item.columns)
            return (output, delta, statistics)
        }
    }
}

/// Values between -1 and 1.
private func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed, purpose: .test, client: count)
    return (0..<count).map { _ in 2 * random.uniform() - 1 }
}
