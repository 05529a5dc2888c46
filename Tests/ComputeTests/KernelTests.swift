import Foundation
import Testing

@testable import Compute

/// Elementwise kernels against Foundation's functions, at lengths that leave every kind of remainder.
@Suite struct KernelTests {
    struct Activation: Sendable, CustomStringConvertible {
        let description: String
        let kernel: @Sendable (UnsafeMutablePointer<Float>, UnsafePointer<Float>, Int) -> Void
        let reference: @Sendable (Double) -> Double
    }

    static let activations = [
        Activation(description: "relu", kernel: { Kernels.rectify($0, $1, slope: 0, count: $2) }) {
            max($0, 0)
        },
        Activation(description: "leaky", kernel: { Kernels.rectify($0, $1, slope: 0.1, count: $2) }) {
            $0 > 0 ? $0 : 0.1 * $0
        },
        Activation(description: "sigmoid", kernel: { Kernels.sigmoid($0, $1, count: $2) }) {
            1 / (1 + exp(-$0))
        },
        Activation(description: "tanh", kernel: { Kernels.tanh($0, $1, count: $2) }) { tanh($0) },
        Activation(description: "gelu", kernel: { Kernels.gelu($0, $1, count: $2) }) {
            $0 * 0.5 * erfc(-$0 / 2.0.squareRoot())
        },
        Activation(description: "gelu, by tanh", kernel: { Kernels.geluTanh($0, $1, count: $2) }) {
            $0 / 2 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
        },
        Activation(description: "silu", kernel: { Kernels.silu($0, $1, count: $2) }) { $0 / (1 + exp(-$0)) },
    ]

    struct Slope: Sendable, CustomStringConvertible {
        let description: String
        let kernel:
            @Sendable (UnsafeMutablePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, Int) -> Void
    }

    /// The gradients that are taken from the input, by the name of their activation.
    static let slopes = [
        Slope(description: "gelu", kernel: { Kernels.geluBackward($0, $1, input: $2, count: $3) }),
        Slope(
            description: "gelu, by tanh", kernel: { Kernels.geluTanhBackward($0, $1, input: $2, count: $3) }),
        Slope(description: "silu", kernel: { Kernels.siluBackward($0, $1, input: $2, count: $3) }),
    ]

    @Test(arguments: slopes, [1, 7, 16, 37]) func slopesAreThoseOfDifferences(slope: Slope, count: Int) throws
    {
        let function = try #require(Self.activations.first { $0.description == slope.description }).reference
        for scale in [0.1, 2, 20] as [Float] {
            let input = spread(count, scale)
            let delta = spread(count, 1)
            let found = mapped(input) { out, input in slope.kernel(out, delta, input, count) }
            for index in 0..<count {
                let x = Double(input[index])
                let wanted = Double(delta[index]) * (function(x + 1e-4) - function(x - 1e-4)) / 2e-4
                #expect(abs(Double(found[index]) - wanted) < 2e-6)
            }
        }
    }

    @Test(arguments: [1, 3, 16, 21]) func swigluGatesItsSecondHalf(half: Int) {
        let rows = 3
        let input = spread(2 * rows * half, 4)
        let delta = spread(rows * half, 1)
        let output = mapped(input, count: rows * half) { Kernels.swiglu($0, $1, rows: rows, half: half) }
        let inputDelta = mapped(input) { out, input in
            Kernels.swigluBackward(out, delta, input: input, rows: rows, half: half)
        }
        func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }
        for row in 0..<rows {
            for column in 0..<half {
                let gate = Double(input[2 * row * half + column])
                let value = Double(input[(2 * row + 1) * half + column])
                let change = Double(delta[row * half + column])
                #expect(abs(Double(output[row * half + column]) - silu(gate) * value) < 1e-5)
                let slope = (silu(gate + 1e-4) - silu(gate - 1e-4)) / 2e-4
                #expect(abs(Double(inputDelta[2 * row * half + column]) - change * value * slope) < 1e-5)
                #expect(abs(Double(inputDelta[(2 * row + 1) * half + column]) - change * silu(gate)) < 1e-5)
            }
        }
    }

    @Test(arguments: activations, [1, 7, 16, 37])
    func activationsEqualTheirDefinition(activation: Activation, count: Int) {
        for scale in [0.01, 1, 5, 30] as [Float] {
            let input = spread(count, scale)
            let output = mapped(input) { activation.kernel($0, $1, count) }
            for (x, y) in zip(input, output) {
                #expect(abs(Double(y) - activation.reference(Double(x))) < 5e-7 * max(1, Double(abs(x))))
            }
        }
    }

    @Test(arguments: [5, 63, 64, 130]) func softmaxEqualsItsDefinition(columns: Int) {
        let input = spread(2 * columns, 6)
        let output = mapped(input) { Kernels.softmax($0, $1, rows: 2, columns: columns) }
        for row in 0..<2 {
            let powers = input[(row * columns)..<((row + 1) * columns)].map { exp(Double($0)) }
            let sum = powers.reduce(0, +)
            for column in 0..<columns {
                #expect(abs(Double(output[row * columns + column]) - powers[column] / sum) < 1e-6)
            }
        }
    }

    /// A label of -1 is ignored: no loss, and a delta of zero, whatever the logits are.
    @Test(arguments: [5, 64, 200]) func crossEntropyIgnoresRowsWithoutALabel(columns: Int) {
        var logits = spread(3 * columns, 4)
        var delta = [Float](repeating: .nan, count: 3 * columns)
        let whole = loss(&delta, logits, [0, 2, 1], columns)
        let (first, last) = (delta[..<columns], delta[(2 * columns)...])
        logits[columns + 1] = .nan
        var again = [Float](repeating: .nan, count: 3 * columns)
        let without = loss(&again, logits, [0, -1, 1], columns)
        #expect(again[..<columns] == first && again[(2 * columns)...] == last)
        #expect(again[columns..<(2 * columns)].allSatisfy { $0 == 0 })
        #expect(without > 0 && without < whole)
    }

    @Test func softmaxOfALongRowThatHoldsNoNumberIsNone() {
        for place in [0, 17, 99] {
            var input = spread(100, 1)
            input[place] = .nan
            let output = mapped(input) { Kernels.softmax($0, $1, rows: 1, columns: 100) }
            #expect(output.allSatisfy { $0.isNaN })
        }
    }

    @Test func softmaxOfLargeAndNotFiniteLogits() {
        let output = mapped([1000, 999, -1000, 0, .nan, 0]) { Kernels.softmax($0, $1, rows: 2, columns: 3) }
        #expect(abs(output[0] - 0.7310586) < 1e-6 && abs(output[1] - 0.2689414) < 1e-6 && output[2] < 1e-30)
        #expect(output[3...].allSatisfy { $0.isNaN })
    }

    /// Rows of classes, and of a vocabulary, which are handled one by one.
    @Test(arguments: [7, 64, 81, 300]) func crossEntropyInPlaceEqualsCrossEntropyApart(columns: Int) {
        let logits = spread(3 * columns, 4)
        let labels: [Int32] = [0, Int32(columns - 1), 3]
        var apart = [Float](repeating: 0, count: 3 * columns)
        var inPlace = logits
        let losses = labels.withUnsafeBufferPointer { labels -> [Double] in
            guard let labels = labels.baseAddress else { return [] }
            let first = apart.withUnsafeMutableBufferPointer { delta in
                logits.withUnsafeBufferPointer { logits in
                    loss(delta.baseAddress, logits.baseAddress, labels, columns)
                }
            }
            let second = inPlace.withUnsafeMutableBufferPointer { delta in
                loss(delta.baseAddress, UnsafePointer(delta.baseAddress), labels, columns)
            }
            return [first, second]
        }
        #expect(losses.count == 2 && losses[0] == losses[1])
        #expect(apart == inPlace)
        var expected = 0.0
        for row in 0..<3 {
            let exponentials = (0..<columns).map { exp(Double(logits[columns * row + $0])) }
            let sum = exponentials.reduce(0, +)
            expected -= log(exponentials[Int(labels[row])] / sum)
            for column in 0..<columns {
                let oneHot: Double = Int(labels[row]) == column ? 1 : 0
                #expect(
                    abs(Double(apart[columns * row + column]) - 0.5 * (exponentials[column] / sum - oneHot))
                        < 1e-6)
            }
        }
        #expect(abs(losses[0] - expected) < 1e-5)
    }

    @Test(arguments: [(3, 5), (1, 1), (10, 64), (4, 65), (7, 200)])
    func rowReductionsEqualTheirSums(rows: Int, columns: Int) {
        let x = spread(rows * columns, 2)
        let sums = mapped(x, count: columns) { out, x in
            Kernels.sumRows(into: out, x, rows: rows, columns: columns, scale: 3, keep: 0)
        }
        for column in 0..<columns {
            let sum = (0..<rows).reduce(0.0) { $0 + Double(x[$1 * columns + column]) }
            #expect(abs(Double(sums[column]) - 3 * sum) < 1e-4)
        }
        let norms = mapped(x, count: rows, start: 0) { out, x in
            Kernels.addOuterProductNorms(
                to: out, x, columns: columns, x, columns: columns, offset: 1, rows: rows)
        }
        for row in 0..<rows {
            let square = x[(row * columns)..<((row + 1) * columns)].reduce(0.0) {
                $0 + Double($1) * Double($1)
            }
            #expect(abs(Double(norms[row]) - (square + 1) * square) < 1e-5 * (square + 1) * square)
        }
    }

    @Test func gatherReadsBytesAndFloats() {
        let indices: [Int32] = [2, 0, 2]
        let bytes = Examples(
            count: 3, featureShape: [2], features: .bytes([0, 51, 102, 153, 204, 255], scale: 1 / 255),
            targets: .classes([0, 0, 0], count: 1))
        let floats = Examples(
            count: 3, featureShape: [2], features: .floats([0, 0.2, 0.4, 0.6, 0.8, 1]),
            targets: .classes([0, 0, 0], count: 1))
        for examples in [bytes, floats] {
            let found = mapped([0], count: 6) { out, _ in
                indices.withUnsafeBufferPointer { Kernels.gather(examples, $0, into: out) }
            }
            for (value, expected) in zip(found, [0.8, 1, 0, 0.2, 0.8, 1] as [Float]) {
                #expect(abs(value - expected) < 1e-6)
            }
        }
    }

    /// Tokens arrive with their bits as they are, also those that would be a float's signalling NaN.
    @Test func gatherKeepsTokensAsTheyAre() {
        let indices: [Int32] = [2, 0, 2]
        let tokens: [Int32] = [0, 1, 0x7fa0_0001, 3, 0x7fff_fffe, 5]
        let examples = Examples(
            count: 3, featureShape: [2], features: .tokens(tokens, vocabulary: 0x7fff_ffff),
            targets: .tokens([1, -1, 0, 1, -1, -1], length: 2, classes: 2), lengths: [1, 2, 1])
        let found = mapped([0], count: 6) { out, _ in
            indices.withUnsafeBufferPointer {
                Kernels.prefetch(examples, $0)
                Kernels.gather(examples, $0, into: out)
            }
        }
        #expect(found.map { Int32(bitPattern: $0.bitPattern) } == [0x7fff_fffe, 5, 0, 1, 0x7fff_fffe, 5])
    }

    @Test(arguments: [[3, 0], [-1, 0], [.min, 0], [0, .max]] as [[Int32]])
    func examplesRefuseTokensOutsideTheVocabulary(_ tokens: [Int32]) async {
        await #expect(processExitsWith: .failure) { [tokens] in
            _ = Examples(
                count: 1, featureShape: [2], features: .tokens(tokens, vocabulary: 3),
                targets: .tokens([0, 0], length: 2, classes: 1))
        }
    }

    @Test(arguments: [[-2, 0], [2, 0], [.min, 0]] as [[Int32]])
    func examplesRefuseTargetsOutsideTheClasses(_ targets: [Int32]) async {
        await #expect(processExitsWith: .failure) { [targets] in
            _ = Examples(
                count: 1, featureShape: [2], features: .tokens([0, 0], vocabulary: 3),
                targets: .tokens(targets, length: 2, classes: 2))
        }
    }

    @Test(arguments: [0, 3, -1, .min] as [Int32])
    func examplesRefuseLengthsOutsideTheSequence(_ length: Int32) async {
        await #expect(processExitsWith: .failure) { [length] in
            _ = Examples(
                count: 1, featureShape: [2], features: .tokens([0, 0], vocabulary: 3),
                targets: .classes([0], count: 1), lengths: [length])
        }
    }

    private func loss(
        _ delta: UnsafeMutablePointer<Float>?, _ logits: UnsafePointer<Float>?,
        _ labels: UnsafePointer<Int32>,
        _ columns: Int
    ) -> Double {
        guard let delta, let logits else { return .nan }
        return Kernels.softmaxCrossEntropy(
            delta: delta, logits: logits, labels: labels, rows: 3, columns: columns, scale: 0.5)
    }

    private func spread(_ count: Int, _ scale: Float) -> [Float] {
        var random = SeededGenerator(seed: 4, purpose: .test, client: count)
        return (0..<count).map { _ in (2 * random.uniform() - 1) * scale }
    }

    private func mapped(
        _ input: [Float], count: Int? = nil, start: Float = .nan,
        _ body: (UnsafeMutablePointer<Float>, UnsafePointer<Float>) -> Void
    ) -> [Float] {
        var output = [Float](repeating: start, count: count ?? input.count)
        output.withUnsafeMutableBufferPointer { output in
            input.withUnsafeBufferPointer { input in
                if let out = output.baseAddress, let from = input.baseAddress { body(out, from) }
            }
        }
        return output
    }
}
