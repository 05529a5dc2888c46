import Foundation
import Testing

@testable import Compute

/// Attention in tiles against its definition in double precision, and its gradient against differences of that.
@Suite struct AttentionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var time = 1
        var length = 1
        var heads = 1
        var keyHeads = 1
        var size = 4
        var isCausal = true
        var base: Double?
        var testDescription: String {
            "\(length) of \(time), heads \(heads)/\(keyHeads) of \(size), causal \(isCausal), base \(base ?? 0)"
        }
    }

    /// Lengths around those of a tile (32 queries, 64 keys), heads around those of vectors.
    static let cases: [Case] = [false, true].flatMap { isCausal in
        [
            Case(isCausal: isCausal),
            Case(time: 7, length: 7, heads: 2, keyHeads: 2, size: 3, isCausal: isCausal),
            Case(time: 32, length: 32, heads: 3, keyHeads: 1, size: 8, isCausal: isCausal),
            Case(time: 33, length: 33, heads: 1, keyHeads: 1, size: 17, isCausal: isCausal),
            Case(time: 64, length: 63, heads: 2, keyHeads: 1, size: 16, isCausal: isCausal),
            Case(time: 65, length: 65, heads: 1, keyHeads: 1, size: 5, isCausal: isCausal),
            Case(time: 70, length: 1, heads: 2, keyHeads: 2, size: 4, isCausal: isCausal),
            Case(time: 131, length: 97, heads: 4, keyHeads: 2, size: 6, isCausal: isCausal),
            Case(time: 9, length: 9, heads: 2, keyHeads: 2, size: 6, isCausal: isCausal, base: 10_000),
            Case(time: 100, length: 83, heads: 3, keyHeads: 3, size: 10, isCausal: isCausal, base: 500),
            Case(time: 67, length: 67, heads: 4, keyHeads: 2, size: 34, isCausal: isCausal, base: 10_000),
        ]
    }

    @Test(arguments: cases) func theOutputIsTheDefinition(_ item: Case) {
        let bench = AttentionBench(item)
        let (output, _) = bench.run(bench.input)
        let wanted = Self.naive(item, bench.input.map(Double.init))
        #expect(output.count == wanted.count)
        for (found, wanted) in zip(output, wanted) { #expect(abs(Double(found) - wanted) < 1e-5) }
    }

    /// Along random directions: ⟨∂input, direction⟩ is the derivative of ⟨output, ∂output⟩.
    @Test(arguments: cases) func theGradientIsThatOfDifferences(_ item: Case) {
        let bench = AttentionBench(item)
        let (_, delta) = bench.run(bench.input)
        let start = bench.input.map(Double.init)
        let width = bench.attention.inputWidth
        for seed in 1...4 as ClosedRange<UInt64> {
            let direction = numbers(start.count, seed: 50 + seed).map(Double.init)
            let step = 1e-5
            func value(_ sign: Double) -> Double {
                let moved = zip(start, direction).map { $0 + sign * step * $1 }
                let outputs = Self.naive(item, moved).prefix(item.length * bench.attention.outputWidth)
                return zip(outputs, bench.outputDelta).reduce(0) { $0 + $1.0 * Double($1.1) }
            }
            let numeric = (value(1) - value(-1)) / (2 * step)
            let exact = zip(delta, direction).reduce(0) { $0 + Double($1.0) * $1.1 }
            #expect(abs(numeric - exact) < 1e-4 * Double(item.length * item.heads).squareRoot() + 1e-5)
        }
        #expect(delta[(item.length * width)...].allSatisfy { $0 == 0 })
        #expect(item.length == 1 || delta.contains { $0 != 0 })
    }

    /// What lies at positions beyond the length is not seen, not even where it is no number.
    @Test(arguments: cases) func whatIsBeyondTheLengthIsNotRead(_ item: Case) {
        let bench = AttentionBench(item)
        let (output, delta) = bench.run(bench.input)
        var spoiled = bench.input
        for index in (item.length * bench.attention.inputWidth)..<spoiled.count { spoiled[index] = .nan }
        let (again, deltaAgain) = bench.run(spoiled)
        #expect(output == again && delta == deltaAgain)
        #expect(output[(item.length * bench.attention.outputWidth)...].allSatisfy { $0 == 0 })
    }

    @Test func scoresFarApartStayFinite() {
        let item = Case(time: 80, length: 80, size: 4, isCausal: false)
        let bench = AttentionBench(item)
        let large = bench.input.map { 60 * $0 }
        let wanted = Self.naive(item, large.map(Double.init))
        for (found, wanted) in zip(bench.run(large).output, wanted) {
            #expect(abs(Double(found) - wanted) < 2e-2 * max(1, abs(wanted)))
        }
    }

    @Test func workGrowsWithTheLengthNotItsSquare() {
        func work(_ time: Int) -> Int {
            Attention(time: time, heads: 2, keyHeads: 2, headSize: 16, isCausal: true, rotaryBase: 100)
                .workCount
        }
        #expect(work(4096) - work(2048) == 2 * (work(2048) - work(1024)))
    }

    // softmax(q kᵀ / √size) v, position by position.
    private static func naive(_ item: Case, _ input: [Double]) -> [Double] {
        let (size, width) = (item.size, (item.heads + 2 * item.keyHeads) * item.size)
        func vector(_ position: Int, _ head: Int, isTurned: Bool) -> [Double] {
            let plain = Array(input[(position * width + head * size)...].prefix(size))
            guard isTurned, let base = item.base else { return plain }
            return (0..<size).map { index in
                let pair = index % (size / 2)
                let angle = Double(position) * pow(base, -2 * Double(pair) / Double(size))
                let other = index < size / 2 ? -plain[index + size / 2] : plain[pair]
                return plain[index] * cos(angle) + other * sin(angle)
            }
        }
        var output = [Double](repeating: 0, count: item.time * item.heads * size)
        for head in 0..<item.heads {
            let group = head / (item.heads / item.keyHeads)
            let keys = (0..<item.length).map { vector($0, item.heads + group, isTurned: true) }
            let values = (0..<item.length).map {
                vector($0, item.heads + item.keyHeads + group, isTurned: false)
            }
            for position in 0..<item.length {
                let query = vector(position, head, isTurned: true)
                let seen = item.isCausal ? position + 1 : item.length
                let scores = keys[..<seen].map { key in
                    zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } / Double(size).squareRoot()
                }
                let greatest = scores.max() ?? 0
                let weights = scores.map { exp($0 - greatest) }
                let sum = weights.reduce(0, +)
                for index in 0..<size {
                    let total = zip(weights, values).reduce(0) { $0 + $1.0 * $1.1[index] }
                    output[(position * item.heads + head) * size + index] = total / sum
                }
            }
        }
        return output
    }
}

/// Numbers for one example, and a forward and a backward pass over them.
private struct AttentionBench {
    let attention: Attention
    let length: Int
    let input: [Float]
    let outputDelta: [Float]

    init(_ item: AttentionTests.Case) {
        attention = Attention(
            time: item.time, heads: item.heads, keyHeads: item.keyHeads, headSize: item.size,
            isCausal: item.isCausal, rotaryBase: item.base)
        length = item.length
        input = numbers(item.time * attention.inputWidth, seed: 1).map { 2 * $0 }
        let filled = item.length * attention.outputWidth
        outputDelta = numbers(item.time * attention.outputWidth, seed: 2).enumerated().map { place, value in
            place < filled ? value : .nan
        }
    }

    /// The output for an input, and the input's delta.
    func run(_ input: [Float]) -> (output: [Float], delta: [Float]) {
        var output = [Float](repeating: .nan, count: attention.time * attention.outputWidth)
        var delta = [Float](repeating: .nan, count: input.count)
        var kept = [Float](repeating: .nan, count: attention.keptCount)
        var work = [Float](repeating: .nan, count: attention.workCount)
        attention.forward(output: &output, kept: &kept, input: input, length: length, work: &work)
        work = work.map { _ in .nan }
        attention.backward(
            inputDelta: &delta, outputDelta: outputDelta, output: output, kept: kept, input: input,
            length: length, work: &work)
        return (output, delta)
    }
}

/// Values between -1 and 1.
private func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed, purpose: .test, client: count)
    return (0..<count).map { _ in 2 * random.uniform() - 1 }
}
