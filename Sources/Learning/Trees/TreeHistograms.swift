package import Compute
internal import Glibc

/// What a client reports for one level of a forest: for every node of the level, every feature and every bin the sums of the
/// loss's first and second derivatives over its rows (Chen and Guestrin 2016, section 3.3, histograms).
///
/// Each row's derivatives are whole multiples of ``grid``, so that sums are exact and a sum over clients is the one over all
/// of their rows, in whatever order. One belongs to one worker; what it yields depends on the arguments alone. It remembers
/// of the last table which bins its rows lie in, and what the trees that are done say of them.
package final class TreeHistograms {
    /// What derivatives are rounded to.
    package static let grid = 0x1p-16
    /// Sums are cut here where they travel in two floats: each part is exact.
    private static let partBits = 20
    /// No row's derivative counts for more; far from what a loss has for sensible targets.
    private static let limit: Double = 0x1p24
    /// Rows that are looked at together.
    private static let batch = 256

    private let shape: ForestShape
    private let inTwoParts: Bool
    private let sums: UnsafeMutableBufferPointer<SIMD2<Int64>>
    private let report: UnsafeMutableBufferPointer<Float>
    private let rows: UnsafeMutableBufferPointer<Float>
    private var known: KnownRows?
    /// The splits of a step's trees, where they are drawn.
    private var drawn: (step: Int, features: [Float], thresholds: [Float])?
    /// Asked between batches; work ends with ``TrainingError/interrupted`` when it says true.
    package var isInterrupted: (() -> Bool)?

    /// Values of a report: with `inTwoParts` the sums are exact whatever they are, without they are rounded to floats.
    package static func reportCount(_ shape: ForestShape, inTwoParts: Bool) -> Int {
        2 * shape.pairs * (inTwoParts ? 2 : 1)
    }

    /// Allocates what one worker needs.
    package init(_ shape: ForestShape, inTwoParts: Bool) {
        (self.shape, self.inTwoParts) = (shape, inTwoParts)
        sums = .allocate(capacity: shape.pairs)
        sums.initialize(repeating: .zero)
        report = .allocate(capacity: Self.reportCount(shape, inTwoParts: inTwoParts))
        report.initialize(repeating: 0)
        rows = .allocate(capacity: Self.batch * shape.edges.count)
        rows.initialize(repeating: 0)
    }

    deinit {
        sums.deallocate()
        report.deallocate()
        rows.deallocate()
    }

    /// The report of a client without a row.
    package func nothing() -> UnsafeBufferPointer<Float> {
        report.update(repeating: 0)
        return UnsafeBufferPointer(report)
    }

    /// The report of the rows at `indices` for the level that `model` is to grow next, and the mean loss of the trees that
    /// are done; a whole forest has nothing left to ask. It is valid until the next call. Throws ``TrainingError/interrupted``.
    package func report(
        of model: UnsafeBufferPointer<Float>, on examples: Examples, indices: UnsafeBufferPointer<Int32>
    ) throws -> (report: UnsafeBufferPointer<Float>, meanLoss: Double) {
        precondition(model.count == shape.count, "parameters of another model")
        guard let base = model.baseAddress, let (tree, level) = shape.level(model) else {
            return (nothing(), .nan)
        }
        let known = table(of: examples)
        known.follow(model, trees: tree, level: level)
        sums.update(repeating: .zero)
        let trees = ForestTrees(shape, base)
        if let seed = shape.splitSeed, drawn?.step != tree {
            let splits = shape.drawnSplits(step: tree, seed: seed)
            drawn = (tree, splits.features, splits.thresholds)
        }
        var loss = 0.0
        try forEachRow(of: examples, indices) { index, row in
            let derivatives = known.derivatives(of: index)
            if !known.isDerived(index, tree) {
                let outputs = known.outputs(of: index, row, trees, upTo: tree)
                known.note(index, tree, loss: derive(outputs, examples.targets, index, into: derivatives))
            }
            loss += known.loss(of: index)
            if shape.splitSeed == nil {
                add(derivatives, known, index, known.nodes(of: index, row, trees, tree, level), level)
            } else {
                addToLeaves(derivatives, row)
            }
        }
        write(nodes: shape.splitSeed == nil ? 1 << level : shape.widest)
        return (UnsafeBufferPointer(report), indices.isEmpty ? .nan : loss / Double(indices.count))
    }

    /// Gives `body` the number and the values of each row in turn, and asks between batches whether time is up.
    @inline(__always)
    private func forEachRow(
        of examples: Examples, _ indices: UnsafeBufferPointer<Int32>,
        _ body: (_ index: Int, _ row: UnsafePointer<Float>) -> Void
    ) throws {
        for start in stride(from: 0, to: indices.count, by: Self.batch) {
            if isInterrupted?() == true { throw TrainingError.interrupted }
            let piece = UnsafeBufferPointer(
                rebasing: indices[start..<min(start + Self.batch, indices.count)])
            if case .floats(let table) = examples.features {
                // Read where they lie: a node looks at one of a row's values.
                table.withUnsafeBufferPointer { table in
                    guard let table = table.baseAddress else { return }
                    for index in piece {
                        precondition(index >= 0 && index < examples.count, "no such example")
                        body(Int(index), table + Int(index) * shape.edges.count)
                    }
                }
            } else if let rows = rows.baseAddress {
                Kernels.gather(examples, piece, into: rows)
                for (place, index) in piece.enumerated() {
                    body(Int(index), rows + place * shape.edges.count)
                }
            }
        }
    }

    private func table(of examples: Examples) -> KnownRows {
        if let known, known.binned.isOf(examples) { return known }
        known = nil
        let made = KnownRows(BinnedExamples(examples, shape), shape, rows: examples.count)
        known = made
        return made
    }

    // MARK: One row

    /// Writes the derivatives of a row's loss with respect to its outputs, on the grid, and returns the loss.
    private func derive(
        _ outputs: UnsafePointer<Float>, _ targets: Examples.Targets, _ row: Int,
        into derivatives: UnsafeMutablePointer<SIMD2<Int64>>
    ) -> Double {
        switch (shape.objective, targets) {
        case (.logistic, .classes(let labels, _)):
            let (output, isSecond) = (Double(outputs[0]), labels[row] == 1)
            let chance = 1 / (1 + exp(-output))
            derivatives[0] = Self.onGrid(chance - (isSecond ? 1 : 0), chance * (1 - chance))
            return max(output, 0) - (isSecond ? output : 0) + log1p(exp(-output.magnitude))
        case (.softmax, .classes(let labels, _)):
            var greatest = outputs[0]
            for place in 1..<shape.outputs { greatest = max(greatest, outputs[place]) }
            var sum = 0.0
            for place in 0..<shape.outputs { sum += exp(Double(outputs[place] - greatest)) }
            let label = Int(labels[row])
            for place in 0..<shape.outputs {
                let chance = exp(Double(outputs[place] - greatest)) / sum
                derivatives[place] = Self.onGrid(chance - (place == label ? 1 : 0), chance * (1 - chance))
            }
            return log(sum) - Double(outputs[label] - greatest)
        case (.squaredError, .values(let values, let width)):
            var loss = 0.0
            for place in 0..<shape.outputs {
                let error = Double(outputs[place]) - Double(values[row * width + place])
                derivatives[place] = Self.onGrid(error, 1)
                loss += error * error
            }
            return loss
        default: preconditionFailure("targets that the forest is not grown for")
        }
    }

    private static func onGrid(_ first: Double, _ second: Double) -> SIMD2<Int64> {
        func whole(_ value: Double) -> Int64 {
            // What is not a number counts for nothing.
            guard value.isFinite else { return 0 }
            return Int64((min(max(value, -limit), limit) / grid).rounded())
        }
        return SIMD2(whole(first), whole(second))
    }

    /// Adds a row's derivatives to the sums of the nodes that it is in.
    @inline(__always)
    private func add(
        _ derivatives: UnsafePointer<SIMD2<Int64>>, _ known: KnownRows, _ index: Int,
        _ nodes: UnsafePointer<Int32>, _ level: Int
    ) {
        let first = 1 << level - 1
        for output in 0..<shape.outputs {
            let node = Int(nodes[output]) - first
            // A row whose node was not split is not asked again.
            guard node >= 0, let start = sums.baseAddress else { continue }
            let place = start + (output * shape.widest + node) * shape.slots
            let value = derivatives[output]
            place[0] &+= value
            known.binned.slots.withUnsafeBufferPointer { slots in
                for slot in Int(known.binned.starts[index])..<Int(known.binned.starts[index + 1]) {
                    place[Int(slots[slot])] &+= value
                }
            }
        }
    }

    /// Adds a row's derivatives to the sums of the leaves that drawn splits lead it to.
    private func addToLeaves(_ derivatives: UnsafePointer<SIMD2<Int64>>, _ row: UnsafePointer<Float>) {
        guard let drawn, let start = sums.baseAddress else { return }
        drawn.features.withUnsafeBufferPointer { features in
            drawn.thresholds.withUnsafeBufferPointer { thresholds in
                guard let features = features.baseAddress, let thresholds = thresholds.baseAddress else {
                    return
                }
                let trees = ForestTrees(shape, features: features, thresholds: thresholds, values: features)
                for output in 0..<shape.outputs {
                    let leaf = trees.leaf(of: output, row, depth: shape.depth) - shape.innerNodes
                    if leaf >= 0 { start[output * shape.widest + leaf] &+= derivatives[output] }
                }
            }
        }
    }

    // MARK: The report

    /// Writes the sums of the first `nodes` nodes of each output as floats; the others are zero.
    private func write(nodes: Int) {
        report.update(repeating: 0)
        let (used, whole) = (nodes * shape.slots, 2 * shape.pairs)
        for output in 0..<shape.outputs {
            let start = output * shape.widest * shape.slots
            for index in start..<start + used {
                for side in 0..<2 {
                    let (sum, place) = (sums[index][side], 2 * index + side)
                    guard inTwoParts else {
                        report[place] = Float(Double(sum) * Self.grid)
                        continue
                    }
                    let coarse = (sum >> Int64(Self.partBits)) << Int64(Self.partBits)
                    report[place] = Float(Double(coarse) * Self.grid)
                    report[whole + place] = Float(Double(sum - coarse) * Self.grid)
                }
            }
        }
    }
}
