import Testing

@testable import Compute

/// Every pass of a convolution against the sums that define it, in Double.
@Suite struct ConvolutionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let channels: Int
        let outputs: Int
        let groups: Int
        let vertical: WindowAxis
        let horizontal: WindowAxis
        var count = 3
        /// Whether few channels are filtered, too.
        var filters = false

        var testDescription: String {
            "\(count) × \(channels) → \(outputs) in \(groups), \(vertical), \(horizontal)"
        }
    }

    /// Wide and narrow images (packed or not, at every level), every stride with every kernel, dilations, groups,
    /// depthwise, uneven padding, windows that leave places out, one row, and weights that outnumber positions by far.
    static let cases: [Case] = [
        square(1, 5, 9, kernel: 3, padding: 1),
        square(3, 7, 28, kernel: 5, padding: 2, count: 2),
        square(6, 70, 14, kernel: 3, padding: 1),
        square(5, 33, 8, kernel: 3, padding: 1, count: 7),
        square(17, 9, 4, kernel: 3, padding: 1, count: 11),
        square(40, 50, 2, kernel: 3, padding: 1, count: 4),
        square(4, 6, 16, kernel: 1),
        square(4, 6, 9, kernel: 1, stride: 2),
        square(4, 6, 9, kernel: 3, stride: 2, padding: 1),
        square(3, 5, 16, kernel: 3, stride: 2, padding: 1),
        square(2, 3, 20, kernel: 5, stride: 3, padding: 2),
        square(2, 3, 11, kernel: 2, stride: 4),
        square(3, 4, 12, kernel: 3, padding: 2, dilation: 2),
        square(3, 4, 13, kernel: 3, stride: 2, padding: 3, dilation: 3),
        square(6, 9, 10, kernel: 3, padding: 1, groups: 3),
        square(8, 8, 10, kernel: 3, stride: 2, padding: 1, groups: 8),
        square(3, 3, 5, kernel: 5, padding: 4),
        Case(
            channels: 3, outputs: 4, groups: 1,
            vertical: WindowAxis(size: 1, kernel: 1),
            horizontal: WindowAxis(size: 37, kernel: 4, stride: 2, leading: 1, trailing: 2)),
        Case(
            channels: 2, outputs: 3, groups: 1,
            vertical: WindowAxis(size: 7, kernel: 2, stride: 3, leading: 1, trailing: 0),
            horizontal: WindowAxis(size: 19, kernel: 3, stride: 1, leading: 0, trailing: 2, dilation: 2)),
        square(70, 20, 5, kernel: 3, padding: 1, count: 2),
        // By minimal filtering: whole tiles and parts of them, more than one step, no padding and all of it.
        square(3, 9, 16, kernel: 3, padding: 1, filters: true),
        square(5, 2, 19, kernel: 3, count: 21, filters: true),
        square(9, 11, 14, kernel: 5, padding: 2, count: 7, filters: true),
        square(8, 3, 15, kernel: 5, padding: 4, count: 2, filters: true),
        square(64, 64, 13, kernel: 3, padding: 1, count: 1),
    ]

    static func square(
        _ channels: Int, _ outputs: Int, _ size: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
        dilation: Int = 1, groups: Int = 1, count: Int = 3, filters: Bool = false
    ) -> Case {
        let axis = WindowAxis(
            size: size, kernel: kernel, stride: stride, leading: padding, trailing: padding,
            dilation: dilation)
        return Case(
            channels: channels, outputs: outputs, groups: groups, vertical: axis, horizontal: axis,
            count: count, filters: filters)
    }

    /// The distance from `expected`, relative to its size.
    static func error(_ found: [Double], _ expected: [Double]) -> Double {
        let distance = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return (distance / expected.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }

    /// The catalog of cases has what it is there for.
    @Test func someCasesAreFiltered() {
        let filtered = Self.cases.filter { Bench($0).convolution.isFiltered }
        #expect(filtered.count >= 5 && Self.cases.count >= filtered.count + 20)
        #expect(filtered.contains { !$0.filters })
    }

    @Test(arguments: cases.indices, [false, true])
    func forwardIsTheSumOverTheWindow(index: Int, hasBias: Bool) {
        let bench = Bench(Self.cases[index])
        let (found, isIntact) = bench.run(bench.count * bench.convolution.outputCount) { output, room in
            bench.convolution.forward(
                output, input: bench.input, weight: bench.weight, bias: hasBias ? bench.bias : nil,
                count: bench.count, room: room)
        }
        #expect(isIntact)
        var expected = [Double](repeating: 0, count: found.count)
        bench.forEachTerm { output, input, weight in
            expected[output] += Double(bench.input[input]) * Double(bench.weight[weight])
        }
        let allowed = bench.allowed(expected)
        for index in found.indices {
            let offset = hasBias ? bench.bias[bench.channel(ofOutput: index)] : 0
            #expect(abs(Double(found[index]) - expected[index] - Double(offset)) < allowed)
        }
        if !hasBias { #expect(Self.error(found.map(Double.init), expected) < 3e-6) }
    }

    @Test(arguments: cases.indices)
    func inputDeltaGathersWhatEachValueWasUsedFor(index: Int) {
        let bench = Bench(Self.cases[index])
        let (found, isIntact) = bench.run(bench.count * bench.convolution.inputCount) { inputDelta, room in
            bench.convolution.inputDelta(
                inputDelta, outputDelta: bench.delta, weight: bench.weight, count: bench.count, room: room)
        }
        #expect(isIntact)
        var expected = [Double](repeating: 0, count: found.count)
        bench.forEachTerm { output, input, weight in
            expected[input] += Double(bench.delta[output]) * Double(bench.weight[weight])
        }
        let allowed = bench.allowed(expected)
        for index in found.indices { #expect(abs(Double(found[index]) - expected[index]) < allowed) }
        #expect(Self.error(found.map(Double.init), expected) < 3e-6)
    }

    @Test(arguments: cases.indices, [0, 1] as [Float])
    func gradientsAreScaledAndAdded(index: Int, keep: Float) {
        let bench = Bench(Self.cases[index])
        // With keep 0 even NaN is overwritten.
        let start: Float = keep == 0 ? .nan : 3
        let (found, isIntact) = bench.run(bench.convolution.weightCount, start: start) { target, room in
            bench.convolution.weightGradient(
                into: target, outputDelta: bench.delta, input: bench.input, count: bench.count, scale: -0.5,
                keep: keep, room: room)
        }
        let (ofBias, biasIsIntact) = bench.run(bench.item.outputs, start: start) { target, room in
            bench.convolution.biasGradient(
                into: target, outputDelta: bench.delta, count: bench.count, scale: -0.5, keep: keep,
                room: room)
        }
        #expect(isIntact && biasIsIntact)
        var expected = [Double](repeating: 0, count: found.count)
        bench.forEachTerm { output, input, weight in
            expected[weight] += Double(bench.delta[output]) * Double(bench.input[input])
        }
        let allowed = bench.allowed(expected)
        for index in found.indices {
            #expect(abs(Double(found[index]) - 3 * Double(keep) + 0.5 * expected[index]) < allowed)
        }
        if keep == 0 { #expect(Self.error(found.map(Double.init), expected.map { -0.5 * $0 }) < 3e-6) }
        var sums = [Double](repeating: 0, count: bench.item.outputs)
        for output in 0..<(bench.count * bench.convolution.outputCount) {
            sums[bench.channel(ofOutput: output)] += Double(bench.delta[output])
        }
        for index in sums.indices {
            #expect(abs(Double(ofBias[index]) - 3 * Double(keep) + 0.5 * sums[index]) < 1e-4)
        }
    }

    @Test(arguments: cases.indices)
    func normsAreThoseOfEachExamplesOwnGradient(index: Int) {
        let bench = Bench(Self.cases[index])
        let weights = bench.convolution.weightCount
        for (ofWeight, ofBias) in [(true, true), (true, false), (false, true)] {
            let (found, isIntact) = bench.run(bench.count, start: 1) { norms, room in
                bench.convolution.addSquaredGradientNorms(
                    to: norms, outputDelta: bench.delta, input: bench.input, ofWeight: ofWeight,
                    ofBias: ofBias, count: bench.count, room: room)
            }
            #expect(isIntact)
            var gradients = [Double](repeating: 0, count: bench.count * weights)
            bench.forEachTerm { output, input, weight in
                let example = output / bench.convolution.outputCount
                gradients[example * weights + weight] +=
                    Double(bench.delta[output]) * Double(bench.input[input])
            }
            var sums = [Double](repeating: 0, count: bench.count * bench.item.outputs)
            for output in 0..<(bench.count * bench.convolution.outputCount) {
                let example = output / bench.convolution.outputCount
                sums[example * bench.item.outputs + bench.channel(ofOutput: output)] +=
                    Double(bench.delta[output])
            }
            for example in 0..<bench.count {
                let own = gradients[example * weights..<(example + 1) * weights].reduce(0) { $0 + $1 * $1 }
                let bias = sums[example * bench.item.outputs..<(example + 1) * bench.item.outputs]
                    .reduce(0) { $0 + $1 * $1 }
                let expected = 1 + (ofWeight ? own : 0) + (ofBias ? bias : 0)
                #expect(abs(Double(found[example]) - expected) < 1e-5 * expected)
            }
        }
    }

    /// What a smaller batch works in is never more than what a larger one does: memory is sized for the largest.
    @Test(arguments: cases.indices) func roomGrowsWithTheBatch(index: Int) {
        let convolution = Bench(Self.cases[index]).convolution
        let rooms = (1...40).map { convolution.room(count: $0) }
        #expect(zip(rooms, rooms.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test func sizesThatCannotBeAreToldBeforehand() {
        let small = WindowAxis(size: 2, kernel: 3)
        let wide = WindowAxis(size: 1 << 20, kernel: 1)
        func fits(_ channels: Int, _ vertical: WindowAxis, _ horizontal: WindowAxis) -> Bool {
            Convolution.fits(
                channels: channels, outputs: 2, groups: 1, vertical: vertical, horizontal: horizontal)
        }
        #expect(!fits(1, small, wide))
        #expect(!fits(1, wide, small))
        #expect(!fits(1, wide, wide))
        #expect(fits(1, WindowAxis(size: 2, kernel: 3, trailing: 1), WindowAxis(size: 3, kernel: 3)))
    }
}

/// Memory for one convolution and one batch, filled with random numbers, and its terms one by one.
private final class Bench {
    let item: ConvolutionTests.Case
    let convolution: Convolution
    let count: Int
    let input: UnsafeMutablePointer<Float>
    let weight: UnsafeMutablePointer<Float>
    let bias: UnsafeMutablePointer<Float>
    let delta: UnsafeMutablePointer<Float>

    init(_ item: ConvolutionTests.Case) {
        self.item = item
        count = item.count
        convolution = Convolution(
            channels: item.channels, outputs: item.outputs, groups: item.groups, vertical: item.vertical,
            horizontal: item.horizontal, fewestFiltered: item.filters ? 1 : nil)
        var random = SeededGenerator(seed: 4, purpose: .test)
        func numbers(_ count: Int) -> UnsafeMutablePointer<Float> {
            let place = UnsafeMutablePointer<Float>.allocate(capacity: count)
            for index in 0..<count { place[index] = 2 * random.uniform() - 1 }
            return place
        }
        input = numbers(item.count * convolution.inputCount)
        weight = numbers(convolution.weightCount)
        bias = numbers(item.outputs)
        delta = numbers(item.count * convolution.outputCount)
    }

    deinit { for place in [input, weight, bias, delta] { place.deallocate() } }

    /// How far a sum may be from the exact one: some units of the last place of what such sums are like, and five times
    /// that where tiles are filtered, whose points are up to 16 times as large.
    func allowed(_ expected: [Double]) -> Double {
        let size = (expected.reduce(0) { $0 + $1 * $1 } / Double(expected.count)).squareRoot()
        return (convolution.isFiltered ? 5e-5 : 1e-5) * max(1, size)
    }

    /// The output channel of value `index` of the batch's outputs.
    func channel(ofOutput index: Int) -> Int {
        index / (item.vertical.output * item.horizontal.output) % item.outputs
    }

    /// What `body` writes to `size` floats that start as `start`, with a room that starts as NaN; and whether it wrote
    /// anywhere beside the two.
    func run(
        _ size: Int, start: Float = .nan,
        _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> (found: [Float], isIntact: Bool) {
        let roomSize = convolution.room(count: count)
        var memory = [Float](repeating: 12345, count: size + roomSize + 48)
        for index in 16..<(16 + size) { memory[index] = start }
        for index in (32 + size)..<(32 + size + roomSize) { memory[index] = .nan }
        memory.withUnsafeMutableBufferPointer { memory in
            if let base = memory.baseAddress { body(base + 16, base + 32 + size) }
        }
        let borders = [0..<16, (16 + size)..<(32 + size), (32 + size + roomSize)..<memory.count]
        return (
            Array(memory[16..<(16 + size)]), borders.allSatisfy { memory[$0].allSatisfy { $0 == 12345 } }
        )
    }

    /// Every product of which an output value consists, as places in the outputs, the inputs and the weights.
    func forEachTerm(_ body: (_ output: Int, _ input: Int, _ weight: Int) -> Void) {
        let (vertical, horizontal) = (item.vertical, item.horizontal)
        let (channels, outputs) = (item.channels / item.groups, item.outputs / item.groups)
        for example in 0..<count {
            for output in 0..<item.outputs {
                for y in 0..<vertical.output {
                    for x in 0..<horizontal.output {
                        for channel in 0..<channels {
                            for i in 0..<vertical.kernel {
                                let row = y * vertical.stride + i * vertical.dilation - vertical.leading
                                guard row >= 0, row < vertical.size else { continue }
                                for j in 0..<horizontal.kernel {
                                    let column =
                                        x * horizontal.stride + j * horizontal.dilation - horizontal.leading
                                    guard column >= 0, column < horizontal.size else { continue }
                                    let plane =
                                        example * item.channels + output / outputs * channels + channel
                                    body(
                                        ((example * item.outputs + output) * vertical.output + y)
                                            * horizontal.output + x,
                                        (plane * vertical.size + row) * horizontal.size + column,
                                        ((output * channels + channel) * vertical.kernel + i)
                                            * horizontal.kernel + j)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
