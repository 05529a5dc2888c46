import Compute

/// The matrix products of small-batch training, the rounding of a report, and bulk random words.
enum KernelSuite {
    /// Each product of a dense layer at the shapes of the MLP, beside the same operations at the best rate of the run.
    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        _ = ProductRate.measure(stopwatch)
        var figures: [Figure] = []
        for rows in [10, 128] {
            for (inputs, outputs) in [(784, 64), (64, 64), (64, 10)] {
                figures += affine(rows: rows, inputs: inputs, outputs: outputs, stopwatch)
            }
        }
        return figures + [rounding(stopwatch), randomWords(stopwatch)]
    }

    private static func affine(rows: Int, inputs: Int, outputs: Int, _ stopwatch: Stopwatch) -> [Figure] {
        let operations = 2 * Double(rows * inputs * outputs)
        // Aligned to cache lines, as a trainer's arena is.
        func matrix(_ count: Int, _ value: Float) -> UnsafeMutableBufferPointer<Float> {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * count, alignment: 64)
            let floats = memory.bindMemory(to: Float.self)
            floats.initialize(repeating: value)
            return floats
        }
        let input = matrix(rows * inputs, 0.5)
        let weight = matrix(inputs * outputs, 0.25)
        let bias = matrix(outputs, 0.25)
        let output = matrix(rows * outputs, 0.125)
        defer { for memory in [input, weight, bias, output] { memory.deallocate() } }
        guard let x = input.baseAddress, let w = weight.baseAddress, let y = output.baseAddress,
            let b = bias.baseAddress
        else { return [] }
        func figure(_ name: String, _ timing: (seconds: Double, noise: Double)) -> Figure {
            ProductRate.note(operations / timing.seconds)
            return Figure(
                name: "kernels/\(name)-\(rows)x\(inputs)x\(outputs)", seconds: timing.seconds,
                noise: timing.noise, unit: "product", .operations(operations),
                details: [("gflops", 1e-9 * operations / timing.seconds)])
        }
        let forward = stopwatch.time {
            Affine.forward(
                output: y, input: x, weight: w, bias: b, rows: rows, inputs: inputs, outputs: outputs)
        }
        let backward = stopwatch.time {
            Affine.inputDelta(x, outputDelta: y, weight: w, rows: rows, inputs: inputs, outputs: outputs)
        }
        let gradient = stopwatch.time {
            Affine.weightGradient(
                into: w, outputDelta: y, input: x, rows: rows, inputs: inputs, outputs: outputs,
                scale: -1e-30,
                keep: 1)
        }
        return [
            figure("forward", forward), figure("input-delta", backward), figure("weight-gradient", gradient),
        ]
    }

    /// What a report without privacy costs its sum: 55,050 floats rounded onto the ring of 64 bits.
    private static func rounding(_ stopwatch: Stopwatch) -> Figure {
        let update = BenchTask.update(count: 55_050)
        var sum = [UInt64](repeating: 0, count: update.count)
        let (seconds, noise) = stopwatch.time {
            sum.withUnsafeMutableBufferPointer { sum in
                update.withUnsafeBufferPointer { Kernels.addRounded(to: sum, $0, factor: 0x1p40) }
            }
        }
        return Figure(
            name: "kernels/add-rounded-55050", seconds: seconds, noise: noise, unit: "report", nil,
            details: [("ns_per_coordinate", 1e9 * seconds / Double(update.count))])
    }

    private static func randomWords(_ stopwatch: Stopwatch) -> Figure {
        var words = [UInt32](repeating: 0, count: 1 << 20)
        var random = SeededGenerator(seed: 1, purpose: .test)
        let (seconds, noise) = stopwatch.time { words.withUnsafeMutableBufferPointer { random.fill($0) } }
        return Figure(
            name: "kernels/philox-1048576-words", seconds: seconds, noise: noise, unit: "fill", nil,
            details: [("gigabytes_per_second", 4e-9 * Double(words.count) / seconds)])
    }
}
