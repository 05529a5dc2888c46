internal import Compute
internal import Dispatch
internal import Encoding
internal import Synchronization

/// What a round's single reports become under a robust rule: passes over blocks of coordinates that stay in a core's cache,
/// whatever the rule. It takes the place of the reports' sum.
///
/// Blocks are worked on in a few sections, on several threads where there are several: what comes out is the same to the bit.
struct RobustSum: Sendable {
    /// The reports, kept, and what they hold.
    private let kept: [IndividualReport]
    private let reports: [ReportView]
    private let count: Int
    /// Grid units of a model unit.
    private let scale: Double
    /// Coordinates of a block.
    private let window: Int
    /// Coordinates that one thread goes through at a time: whole blocks, a function of the reports alone, so that what is added
    /// over sections is added in one order whatever the number of threads.
    private let sections: [Range<Int>]
    private let threads: Int
    /// Floats between the rows of a block, so that rows do not fall into one set of a cache.
    private var stride: Int { window + 16 }

    /// Reports of so many coordinates, for work on so many threads.
    init(_ reports: [IndividualReport], count: Int, scale: Double, threads: Int) {
        precondition(reports.allSatisfy { $0.count >= count }, "a report of another length")
        (kept, self.reports) = (reports, reports.map(\.view))
        (self.count, self.scale, self.threads) = (count, scale, max(1, threads))
        let width = OrderKernels.orderWidth
        let fitting = Self.blockFloats / max(1, reports.count) / width * width
        let window = max(width, min(fitting, 2048))
        self.window = window
        let blocks = (count + window - 1) / window
        let parts = max(1, min(Self.sectionCount, blocks))
        sections = (0..<parts).map { part in
            min(count, blocks * part / parts * window)..<min(count, blocks * (part + 1) / parts * window)
        }
    }

    /// Few enough that a matrix of inner products for each is small beside the reports.
    private static let sectionCount = 8

    /// Floats of a block: a quarter of a mebibyte, within second-level caches.
    private static let blockFloats = 1 << 16

    // MARK: Looking

    /// What the rule may know of the reports.
    func geometry(_ measurement: UpdateMeasurement) -> UpdateGeometry {
        switch measurement {
        case .nothing: UpdateGeometry(count: reports.count)
        case .norms: UpdateGeometry(squaredNorms: squaredNorms())
        case .distances: UpdateGeometry(count: reports.count, products: products())
        }
    }

    private func squaredNorms() -> [Double] {
        sumOverSections { section in
            var squared = [Double](repeating: 0, count: reports.count)
            forEachBlock(of: section) { block, width, _ in
                for row in reports.indices {
                    squared[row] += Kernels.squareNorm(block + row * stride, count: width)
                }
            }
            return squared
        }
    }

    /// Inner products, the lower triangle of [reports, reports]: in single precision within a block, in double beyond.
    private func products() -> [Double] {
        let rows = reports.count
        return sumOverSections { section in
            var sums = [Double](repeating: 0, count: rows * rows)
            var part = [Float](repeating: 0, count: rows * rows)
            forEachBlock(of: section) { block, width, _ in
                part.withUnsafeMutableBufferPointer { part in
                    guard let place = part.baseAddress else { return }
                    BLAS.gram(block, aRow: stride, into: place, rows: rows, inner: width)
                    for row in 0..<rows {
                        for column in 0...row {
                            sums[row * rows + column] += Double(part[row * rows + column])
                        }
                    }
                }
            }
            return sums
        }
    }

    /// The sum of what the sections yield, in their order, in squared model units.
    private func sumOverSections(_ body: @Sendable (Range<Int>) -> [Double]) -> [Double] {
        let parts = Mutex([[Double]](repeating: [], count: sections.count))
        forEachSection { place in
            let part = body(sections[place])
            parts.withLock { $0[place] = part }
        }
        return parts.withLock { parts in
            var sums = parts[0]
            for part in parts.dropFirst() {
                for place in sums.indices { sums[place] += part[place] }
            }
            return sums.map { $0 / (scale * scale) }
        }
    }

    /// Calls `body` once for each section, on several threads.
    private func forEachSection(_ body: @Sendable (Int) -> Void) {
        let next = Atomic(0)
        withExtendedLifetime(kept) {
            DispatchQueue.concurrentPerform(iterations: min(threads, sections.count)) { _ in
                while true {
                    let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard place < sections.count else { return }
                    body(place)
                }
            }
        }
    }

    // MARK: Combining

    /// The combination of the reports, or of what `mixing` makes of them, each coordinate times `factor`, on the ring of so
    /// many bits.
    func vector(
        _ combination: UpdateCombination, mixing: RowMixing?, factor: Double, bits: Int
    ) -> RingVector {
        let result = RingWindows(count: count, bits: bits)
        switch combination {
        case .weighted(let weights, let divisor):
            add(mixing?.inputWeights(of: weights) ?? weights, factor: factor / divisor, to: result)
        case .trimmed(let chosen, let cut):
            let kept = min(cut, chosen.count)..<max(min(cut, chosen.count), chosen.count - cut)
            let network = OrderedColumns.network(rows: chosen.count, order: cut > 0 ? .sides(kept) : .nothing)
            order(chosen, network, mixing: mixing, factor: factor, to: result) { $0.mean(of: kept, into: $1) }
        case .nearestMedian(let chosen, let wanted):
            let network = OrderedColumns.network(rows: chosen.count, order: .everything)
            order(chosen, network, mixing: mixing, factor: factor, to: result) {
                $0.meanNearestMedian(of: wanted, into: $1)
            }
        }
        return result.vector
    }

    private func add(_ weights: [Double], factor: Double, to result: RingWindows) {
        let counted = reports.indices.filter { weights[$0] != 0 }
        forEachSection { add(weights, counted, sections[$0], factor: factor, to: result) }
    }

    private func add(
        _ weights: [Double], _ counted: [Int], _ section: Range<Int>, factor: Double, to result: RingWindows
    ) {
        var row = [Float](repeating: 0, count: Self.wideWindow)
        var sums = [Double](repeating: 0, count: Self.wideWindow)
        row.withUnsafeMutableBufferPointer { row in
            sums.withUnsafeMutableBufferPointer { sums in
                guard let values = row.baseAddress, let sum = sums.baseAddress else { return }
                for start in Swift.stride(
                    from: section.lowerBound, to: section.upperBound, by: Self.wideWindow)
                {
                    let window = start..<min(start + Self.wideWindow, section.upperBound)
                    sums.update(repeating: 0)
                    for place in counted {
                        reports[place].copy(window, scale: scale, into: values)
                        OrderKernels.addScaled(to: sum, values, factor: weights[place], count: window.count)
                    }
                    if !sums[..<window.count].allSatisfy(\.isFinite) {
                        addNumbers(counted, weights, window, row: values, to: sums)
                    }
                    result.write(sum, times: factor, at: window)
                }
            }
        }
    }

    /// The sums of a window once more, without what is not a number.
    private func addNumbers(
        _ counted: [Int], _ weights: [Double], _ window: Range<Int>, row: UnsafeMutablePointer<Float>,
        to sums: UnsafeMutableBufferPointer<Double>
    ) {
        sums.update(repeating: 0)
        for place in counted {
            reports[place].copy(window, scale: scale, into: row)
            for index in 0..<window.count where row[index].isFinite {
                sums[index] += weights[place] * Double(row[index])
            }
        }
    }

    /// Coordinates that are summed at once: sums and one row stay in the first-level cache.
    private static let wideWindow = 2048

    private func order(
        _ chosen: [Int], _ network: [UInt32], mixing: RowMixing?, factor: Double, to result: RingWindows,
        reduce: @Sendable (OrderedColumns, UnsafeMutablePointer<Double>) -> Void
    ) {
        let matrix = mixing?.matrix ?? []
        forEachSection { place in
            order(
                OrderedColumns(rows: chosen, network: network), sections[place], mixing: mixing,
                matrix: matrix,
                factor: factor, to: result, reduce: reduce)
        }
    }

    private func order(
        _ columns: OrderedColumns, _ section: Range<Int>, mixing: RowMixing?, matrix: [Float], factor: Double,
        to result: RingWindows, reduce: (OrderedColumns, UnsafeMutablePointer<Double>) -> Void
    ) {
        let width = OrderKernels.orderWidth
        var means = [Double](repeating: 0, count: width)
        var mixed = [Float](repeating: 0, count: (mixing?.outputs ?? 0) * stride)
        means.withUnsafeMutableBufferPointer { means in
            mixed.withUnsafeMutableBufferPointer { mixed in
                guard let means = means.baseAddress else { return }
                forEachBlock(of: section) { block, filled, start in
                    var source = UnsafePointer(block)
                    if let mixing, let target = mixed.baseAddress {
                        mix(block, by: matrix, mixing, into: target)
                        source = UnsafePointer(target)
                    }
                    for first in Swift.stride(from: 0, to: filled, by: width) {
                        // The next block's part of these columns comes while they are sorted.
                        let next = start + window + first
                        for report in reports { report.prefetch(next..<next + width) }
                        columns.take(source + first, row: stride)
                        reduce(columns, means)
                        let end = min(first + width, filled)
                        result.write(means, times: factor, at: start + first..<start + end)
                    }
                }
            }
        }
    }

    private func mix(
        _ block: UnsafeMutablePointer<Float>, by matrix: [Float], _ mixing: RowMixing,
        into target: UnsafeMutablePointer<Float>
    ) {
        // What is not finite would reach every row.
        for place in 0..<reports.count * stride where !block[place].isFinite { block[place] = 0 }
        matrix.withUnsafeBufferPointer { matrix in
            guard let weights = matrix.baseAddress else { return }
            BLAS.multiply(
                weights, block, bRow: stride, into: target, cRow: stride, rows: mixing.outputs,
                columns: window, inner: mixing.inputs)
        }
        for row in 0..<mixing.outputs where !mixing.isUsable[row] {
            (target + row * stride).update(repeating: .nan, count: window)
        }
    }

    /// Calls `body` with the rows of each block of a section, ``stride`` apart, the number of coordinates filled in it and the
    /// first of them; what lies behind those is 0.
    private func forEachBlock(of section: Range<Int>, _ body: (UnsafeMutablePointer<Float>, Int, Int) -> Void)
    {
        var block = [Float](repeating: 0, count: max(1, reports.count) * stride)
        block.withUnsafeMutableBufferPointer { block in
            guard let place = block.baseAddress else { return }
            for start in Swift.stride(from: section.lowerBound, to: section.upperBound, by: window) {
                let part = start..<min(start + window, section.upperBound)
                for (row, report) in reports.enumerated() {
                    let values = place + row * stride
                    report.copy(part, scale: scale, into: values)
                    if part.count < window {
                        (values + part.count).update(repeating: 0, count: window - part.count)
                    }
                }
                body(place, part.count, start)
            }
        }
    }
}
