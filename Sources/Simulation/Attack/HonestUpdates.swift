internal import Compute

/// The honest clients' updates of a round, ascending by client, as hostile ones that know everything see them.
package struct HonestUpdates: Sendable {
    /// At least one, all of one length.
    package let rows: [[Float]]

    package init(_ rows: [[Float]]) {
        precondition(
            !rows.isEmpty && rows.allSatisfy { $0.count == rows[0].count }, "updates of different lengths")
        self.rows = rows
    }

    /// Coordinates of an update.
    package var count: Int { rows[0].count }

    /// The mean of each coordinate.
    package func mean() -> [Double] {
        var sums = [Double](repeating: 0, count: count)
        sums.withUnsafeMutableBufferPointer { sums in
            for row in rows {
                row.withUnsafeBufferPointer { row in
                    guard let sum = sums.baseAddress, let values = row.baseAddress else { return }
                    OrderKernels.addScaled(to: sum, values, factor: 1, count: row.count)
                }
            }
            for index in sums.indices { sums[index] /= Double(rows.count) }
        }
        return sums
    }

    /// The standard deviation of each coordinate around `mean`, of a sample (over one less than the updates); 0 of one.
    package func deviation(around mean: [Double]) -> [Double] {
        var sums = [Double](repeating: 0, count: count)
        sums.withUnsafeMutableBufferPointer { sums in
            mean.withUnsafeBufferPointer { mean in
                for row in rows {
                    row.withUnsafeBufferPointer { row in
                        for index in sums.indices {
                            let difference = Double(row[index]) - mean[index]
                            sums[index] += difference * difference
                        }
                    }
                }
            }
            let divisor = Double(max(1, rows.count - 1))
            for index in sums.indices { sums[index] = (sums[index] / divisor).squareRoot() }
        }
        return sums
    }

    /// The greatest squared distance between two updates.
    package func greatestSquaredDistance() -> Double {
        var products = [Double](repeating: 0, count: rows.count * rows.count)
        var block = [Float](repeating: 0, count: rows.count * Self.window)
        var part = [Float](repeating: 0, count: rows.count * rows.count)
        for start in stride(from: 0, to: count, by: Self.window) {
            let width = min(Self.window, count - start)
            for (place, row) in rows.enumerated() {
                for index in 0..<width { block[place * Self.window + index] = row[start + index] }
            }
            block.withUnsafeBufferPointer { block in
                part.withUnsafeMutableBufferPointer { part in
                    guard let block = block.baseAddress, let part = part.baseAddress else { return }
                    BLAS.gram(block, aRow: Self.window, into: part, rows: rows.count, inner: width)
                }
            }
            for index in products.indices { products[index] += Double(part[index]) }
        }
        var greatest = 0.0
        for i in rows.indices {
            for j in 0..<i {
                let own = products[i * rows.count + i] + products[j * rows.count + j]
                greatest = max(greatest, own - 2 * products[i * rows.count + j])
            }
        }
        return greatest
    }

    private static let window = 1024
}
