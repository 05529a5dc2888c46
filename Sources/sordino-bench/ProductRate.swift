import Compute
import Synchronization

/// Floating-point operations a second of matrix products on one thread: the best of any kernel in the run, OpenBLAS's and
/// our own. A floor at the rate of one of them would be beaten by the other.
enum ProductRate {
    private static let greatest = Mutex(0.0)

    /// The best so far; 0 before any.
    static var best: Double { greatest.withLock { $0 } }

    /// Takes account of a rate that a product reached.
    static func note(_ rate: Double) { greatest.withLock { $0 = max($0, rate) } }

    /// Measures a large product of OpenBLAS and our three of a dense layer, and returns the best rate so far. The machine
    /// is shared: each suite measures anew.
    static func measure(_ stopwatch: Stopwatch) -> Double {
        let size = 1024
        var matrices = [Float](repeating: 0.5, count: 3 * size * size)
        matrices.withUnsafeMutableBufferPointer { memory in
            guard let a = memory.baseAddress else { return }
            let (b, c) = (a + size * size, a + 2 * size * size)
            note(
                2 * Double(size * size * size)
                    / stopwatch.best {
                        BLAS.multiply(a, b, into: c, rows: size, columns: size, inner: size)
                    })
            let (rows, inputs, outputs) = (64, 784, 64)
            let operations = 2 * Double(rows * inputs * outputs)
            note(
                operations
                    / stopwatch.best {
                        Affine.forward(
                            output: c, input: a, weight: b, bias: nil, rows: rows, inputs: inputs,
                            outputs: outputs)
                    })
            note(
                operations
                    / stopwatch.best {
                        Affine.inputDelta(
                            c, outputDelta: a, weight: b, rows: rows, inputs: inputs, outputs: outputs)
                    })
            note(
                operations
                    / stopwatch.best {
                        Affine.weightGradient(
                            into: c, outputDelta: a, input: b, rows: rows, inputs: inputs, outputs: outputs,
                            scale: 1, keep: 0)
                    })
        }
        return best
    }
}
