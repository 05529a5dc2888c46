internal import CKernels

/// Elementwise loops and row reductions on raw memory, compiled for several instruction sets (`CKernels`).
///
/// One call handles a whole batch, so that crossing the module costs nothing. Lengths are the caller's
/// promise: every pointer must hold `count` values, or `rows` × `columns` of them, row-major and dense.
package enum Kernels {
    /// Copies the rows of `examples` at `indices` into `output` ([indices, features]): numbers as floats, tokens as
    /// they are, each an `Int32` in the four bytes of a float. Indices must lie in `0..<examples.count`; they are
    /// checked.
    package static func gather(
        _ examples: Examples, _ indices: UnsafeBufferPointer<Int32>, into output: UnsafeMutablePointer<Float>
    ) {
        guard let first = indices.baseAddress else { return }
        for index in indices { precondition(index >= 0 && Int(index) < examples.count, "no such example") }
        switch examples.features {
        case .floats(let table):
            sordino_gather_floats(output, table, first, indices.count, examples.featureCount)
        case .bytes(let table, let scale):
            sordino_gather_bytes(output, table, first, indices.count, examples.featureCount, scale)
        case .tokens(let table, _):
            let width = examples.featureCount
            let rowBytes = width * MemoryLayout<Int32>.stride
            table.withUnsafeBytes { table in
                guard let start = table.baseAddress else { return }
                for (row, index) in indices.enumerated() {
                    UnsafeMutableRawPointer(output + row * width)
                        .copyMemory(from: start + Int(index) * rowBytes, byteCount: rowBytes)
                }
            }
        }
    }

    /// output[r, :] = table[indices[r], :] for `count` rows of `columns` floats. The caller answers for the indices.
    package static func gatherRows(
        of table: UnsafePointer<Float>, _ indices: UnsafePointer<Int32>, count: Int, columns: Int,
        into output: UnsafeMutablePointer<Float>
    ) {
        sordino_gather_floats(output, table, indices, count, columns)
    }

    /// Asks the caches for the rows of `examples` at `indices`, which will be gathered soon: the rows of a
    /// shuffled batch lie anywhere in a table that is larger than the caches.
    package static func prefetch(_ examples: Examples, _ indices: UnsafeBufferPointer<Int32>) {
        guard let first = indices.baseAddress else { return }
        switch examples.features {
        case .floats(let table): sordino_prefetch(table, first, indices.count, 4 * examples.featureCount)
        case .bytes(let table, _): sordino_prefetch(table, first, indices.count, examples.featureCount)
        case .tokens(let table, _): sordino_prefetch(table, first, indices.count, 4 * examples.featureCount)
        }
    }

    /// z[r, :] += bias.
    package static func addToRows(
        _ z: UnsafeMutablePointer<Float>, _ bias: UnsafePointer<Float>, rows: Int, columns: Int
    ) {
        sordino_add_to_rows(z, bias, rows, columns)
    }

    /// output = keep * output + scale * (sum of the rows of x); keep 0 ignores what was there.
    package static func sumRows(
        into output: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, rows: Int, columns: Int,
        scale: Float, keep: Float
    ) {
        sordino_sum_rows(output, x, rows, columns, scale, keep)
    }

    /// x[r, :] *= factors[r].
    package static func scaleRows(
        _ x: UnsafeMutablePointer<Float>, by factors: UnsafePointer<Float>, rows: Int, columns: Int
    ) {
        sordino_scale_rows(x, factors, rows, columns)
    }

    /// norms[r] += (‖x[r, :]‖² + offset) ‖y[r, :]‖².
    package static func addOuterProductNorms(
        to norms: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, columns xColumns: Int,
        _ y: UnsafePointer<Float>, columns yColumns: Int, offset: Float, rows: Int
    ) {
        sordino_add_outer_product_norms(norms, x, xColumns, y, yColumns, offset, rows)
    }

    /// output = left * right, elementwise.
    package static func multiply(
        into output: UnsafeMutablePointer<Float>, _ left: UnsafePointer<Float>,
        _ right: UnsafePointer<Float>, count: Int
    ) {
        sordino_multiply(output, left, right, count)
    }

    /// y += factor * x.
    package static func addScaled(
        to y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, factor: Float, count: Int
    ) {
        sordino_add_scaled(y, x, factor, count)
    }

    /// x *= factor.
    package static func scale(_ x: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
        sordino_scale(x, factor, count)
    }

    /// x -= y.
    package static func subtract(
        from x: UnsafeMutablePointer<Float>, _ y: UnsafePointer<Float>, count: Int
    ) {
        sordino_subtract(x, y, count)
    }

    /// Σ x², accumulated in double; not finite where any value is not.
    package static func squareNorm(_ x: UnsafePointer<Float>, count: Int) -> Double {
        sordino_square_norm(x, count)
    }
}

extension Kernels {
    /// output = left + right, elementwise; `output` may be either.
    package static func add(
        into output: UnsafeMutablePointer<Float>, _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>,
        count: Int
    ) {
        for index in 0..<count { output[index] = left[index] + right[index] }
    }
}
