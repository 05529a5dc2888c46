import Testing

@testable import Compute

/// The matrix products against the sums that define them, on both sides of the switch to OpenBLAS.
@Suite struct AffineTests {
    static let shapes: [(rows: Int, inputs: Int, outputs: Int)] = [
        (1, 1, 1), (1, 17, 3), (2, 5, 4), (3, 64, 10), (5, 15, 6), (6, 16, 5), (7, 33, 7), (10, 49, 64),
        (11, 31, 8),
        (13, 100, 9), (64, 20, 12), (257, 3, 2), (513, 6, 5),
    ]

    @Test(arguments: shapes.indices)
    func forwardAddsTheBiasToTheProduct(shape: Int) {
        let (rows, inputs, outputs) = Self.shapes[shape]
        let x = numbers(rows * inputs, 1)
        let w = numbers(outputs * inputs, 2)
        let b = numbers(outputs, 3)
        for bias in [b, nil] {
            let expected = Self.product(rows, outputs, inputs) { i, j, l in
                x[i * inputs + l] * w[j * inputs + l]
            }
            // Sentinels around the result: nothing outside it may be written.
            let found = written(rows * outputs) { y in
                x.withUnsafeBufferPointer { x in
                    w.withUnsafeBufferPointer { w in
                        guard let x = x.baseAddress, let w = w.baseAddress else { return }
                        guard let bias else {
                            return Affine.forward(
                                output: y, input: x, weight: w, bias: nil, rows: rows, inputs: inputs,
                                outputs: outputs)
                        }
                        bias.withUnsafeBufferPointer { bias in
                            Affine.forward(
                                output: y, input: x, weight: w, bias: bias.baseAddress, rows: rows,
                                inputs: inputs, outputs: outputs)
                        }
                    }
                }
            }
            for index in found.indices {
                #expect(abs(found[index] - expected[index] - (bias?[index % outputs] ?? 0)) < 1e-4)
            }
        }
    }

    @Test(arguments: shapes.indices, [false, true])
    func transposedForwardAddsTheBiasToTheProduct(shape: Int, hasBias: Bool) {
        let (rows, inputs, outputs) = Self.shapes[shape]
        let x = numbers(rows * inputs, 1)
        let w = numbers(inputs * outputs, 2)
        let b = numbers(outputs, 3)
        let expected = Self.product(rows, outputs, inputs) { i, j, l in x[i * inputs + l] * w[l * outputs + j]
        }
        let found = written(rows * outputs) { y in
            b.withUnsafeBufferPointer { b in
                Affine.forwardTransposed(
                    output: y, input: x, weight: w, bias: hasBias ? b.baseAddress : nil, rows: rows,
                    inputs: inputs, outputs: outputs)
            }
        }
        for index in found.indices {
            #expect(abs(found[index] - expected[index] - (hasBias ? b[index % outputs] : 0)) < 1e-4)
        }
    }

    @Test(arguments: shapes.indices)
    func inputDeltaIsTheProductWithTheWeights(shape: Int) {
        let (rows, inputs, outputs) = Self.shapes[shape]
        let d = numbers(rows * outputs, 1)
        let w = numbers(outputs * inputs, 2)
        let expected = Self.product(rows, inputs, outputs) { i, j, l in d[i * outputs + l] * w[l * inputs + j]
        }
        let found = written(rows * inputs) { result in
            d.withUnsafeBufferPointer { d in
                w.withUnsafeBufferPointer { w in
                    guard let d = d.baseAddress, let w = w.baseAddress else { return }
                    Affine.inputDelta(
                        result, outputDelta: d, weight: w, rows: rows, inputs: inputs, outputs: outputs)
                }
            }
        }
        for index in found.indices { #expect(abs(found[index] - expected[index]) < 1e-4) }
    }

    @Test(arguments: shapes.indices, [0, 1] as [Float])
    func weightGradientIsScaledAndAdded(shape: Int, keep: Float) {
        let (rows, inputs, outputs) = Self.shapes[shape]
        let d = numbers(rows * outputs, 1)
        let x = numbers(rows * inputs, 2)
        let expected = Self.product(outputs, inputs, rows) { i, j, l in d[l * outputs + i] * x[l * inputs + j]
        }
        // With keep 0 even NaN is overwritten.
        let found = written(outputs * inputs, start: keep == 0 ? .nan : 3) { result in
            d.withUnsafeBufferPointer { d in
                x.withUnsafeBufferPointer { x in
                    guard let d = d.baseAddress, let x = x.baseAddress else { return }
                    Affine.weightGradient(
                        into: result, outputDelta: d, input: x, rows: rows, inputs: inputs, outputs: outputs,
                        scale: -0.5, keep: keep)
                }
            }
        }
        for index in found.indices { #expect(abs(found[index] - 3 * keep + 0.5 * expected[index]) < 1e-4) }
    }

    @Test(arguments: [(false, false), (false, true), (true, false), (true, true)], [0, 4])
    func openBLASAgreesWithTheSums(transposed: (a: Bool, b: Bool), gap: Int) {
        let (transposeA, transposeB) = transposed
        let (rows, columns, inner) = (7, 5, 9)
        let aRow = (transposeA ? rows : inner) + gap
        let bRow = (transposeB ? inner : columns) + gap
        let cRow = columns + gap
        let a = numbers(aRow * (transposeA ? inner : rows), 1)
        let b = numbers(bRow * (transposeB ? columns : inner), 2)
        let expected = Self.product(rows, columns, inner) { i, j, l in
            a[transposeA ? l * aRow + i : i * aRow + l] * b[transposeB ? j * bRow + l : l * bRow + j]
        }
        let found = written(rows * cRow, start: 2) { c in
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    guard let a = a.baseAddress, let b = b.baseAddress else { return }
                    // Dense rows need no distances.
                    BLAS.multiply(
                        a, transposeA: transposeA, aRow: gap == 0 ? nil : aRow, b, transposeB: transposeB,
                        bRow: gap == 0 ? nil : bRow, into: c, cRow: gap == 0 ? nil : cRow, rows: rows,
                        columns: columns, inner: inner, scale: 2, keep: 1)
                }
            }
        }
        for (index, value) in found.enumerated() {
            let column = index % cRow
            let wanted = column < columns ? 2 * expected[index / cRow * columns + column] : 0
            #expect(abs(value - 2 - wanted) < 1e-4)
        }
    }

    /// Values between -1 and 1.
    private func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
        var random = SeededGenerator(seed: seed, purpose: .test, client: count)
        return (0..<count).map { _ in 2 * random.uniform() - 1 }
    }

    private func written(
        _ count: Int, start: Float = .nan, _ body: (UnsafeMutablePointer<Float>) -> Void
    ) -> [Float] {
        var memory = [Float](repeating: 12345, count: count + 32)
        for index in 16..<(16 + count) { memory[index] = start }
        memory.withUnsafeMutableBufferPointer { memory in
            if let base = memory.baseAddress { body(base + 16) }
        }
        #expect(memory.prefix(16).allSatisfy { $0 == 12345 } && memory.suffix(16).allSatisfy { $0 == 12345 })
        return Array(memory[16..<(16 + count)])
    }

    private static func product(
        _ rows: Int, _ columns: Int, _ inner: Int, _ term: (Int, Int, Int) -> Float
    ) -> [Float] {
        (0..<(rows * columns)).map { index in
            Float((0..<inner).reduce(0.0) { $0 + Double(term(index / columns, index % columns, $1)) })
        }
    }
}
