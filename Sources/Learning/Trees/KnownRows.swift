internal import Compute
internal import Glibc

/// What is remembered of a table between rounds: its bins, and of each row that was asked what the trees that are done say,
/// the derivatives of the open step, and the nodes of the open trees that the row has come to.
///
/// All of it follows from the rows and the model: ``follow(_:trees:level:)`` sees whether the model is still the one that it
/// came from, and what does not is computed anew.
final class KnownRows {
    let binned: BinnedExamples
    private let shape: ForestShape
    /// [rows, outputs]: the sums of the first trees, as many as ``applied`` says.
    private let outputs: UnsafeMutableBufferPointer<Float>
    /// Steps of boosting that are in each row's outputs.
    private let applied: UnsafeMutableBufferPointer<Int32>
    /// [rows, outputs]: first and second derivative, and each row's loss, of the step that ``derived`` counts from 1.
    private let derivatives: UnsafeMutableBufferPointer<SIMD2<Int64>>
    private let losses: UnsafeMutableBufferPointer<Float>
    private let derived: UnsafeMutableBufferPointer<Int32>
    /// [rows, outputs]: where each row is after so many levels of the trees of the step that ``walked`` counts from 1.
    private let nodes: UnsafeMutableBufferPointer<Int32>
    private let levels: UnsafeMutableBufferPointer<Int32>
    private let walked: UnsafeMutableBufferPointer<Int32>
    /// The model that all this came from, as far as that is grown: whole steps, and levels of the open one.
    private var trees: [Float] = []
    private var treeCount = 0
    private var level = 0

    /// Remembers nothing yet of a table's rows.
    init(_ binned: BinnedExamples, _ shape: ForestShape, rows: Int) {
        func room<Element>(_ count: Int, _ zero: Element) -> UnsafeMutableBufferPointer<Element> {
            let room = UnsafeMutableBufferPointer<Element>.allocate(capacity: count)
            room.initialize(repeating: zero)
            return room
        }
        (self.binned, self.shape) = (binned, shape)
        let wide = rows * shape.outputs
        (outputs, applied) = (room(wide, 0), room(rows, 0))
        (derivatives, losses, derived) = (room(wide, .zero), room(rows, 0), room(rows, 0))
        (nodes, levels, walked) = (room(wide, 0), room(rows, 0), room(rows, 0))
    }

    deinit {
        for room in [outputs, losses] { room.deallocate() }
        for room in [applied, derived, nodes, levels, walked] { room.deallocate() }
        derivatives.deallocate()
    }

    /// Makes sure that what is remembered is of this model, of which so many steps are done and so many levels of the next;
    /// else it is forgotten.
    func follow(_ model: UnsafeBufferPointer<Float>, trees count: Int, level: Int) {
        if trees.isEmpty { trees = [Float](repeating: 0, count: shape.count) }
        if !isSame(model, upTo: treeCount) || treeCount > count {
            applied.update(repeating: 0)
            outputs.update(repeating: 0)
            derived.update(repeating: 0)
            walked.update(repeating: 0)
        } else if !(isSameOpen(model) && (count > treeCount || level >= self.level)) {
            walked.update(repeating: 0)
        }
        _ = trees.withUnsafeMutableBufferPointer { $0.update(fromContentsOf: model) }
        (treeCount, self.level) = (count, level)
    }

    /// Whether the first steps of a model are those that are remembered.
    private func isSame(_ model: UnsafeBufferPointer<Float>, upTo count: Int) -> Bool {
        let (inner, all) = (shape.outputs * shape.innerNodes, shape.outputs * shape.nodes)
        // The first steps of each tensor lie together.
        return isSame(model, shape.featureStart, inner * count)
            && isSame(model, shape.thresholdStart, inner * count)
            && isSame(model, shape.valueStart, all * count)
    }

    /// Whether the splits of the step that was open are those that are remembered, as far as any row has walked.
    private func isSameOpen(_ model: UnsafeBufferPointer<Float>) -> Bool {
        guard treeCount < shape.trees else { return true }
        return (0..<shape.outputs).allSatisfy { output in
            let first = (treeCount * shape.outputs + output) * shape.innerNodes
            let grown = 1 << level - 1
            return isSame(model, shape.featureStart + first, grown)
                && isSame(model, shape.thresholdStart + first, grown)
        }
    }

    private func isSame(_ model: UnsafeBufferPointer<Float>, _ start: Int, _ count: Int) -> Bool {
        trees.withUnsafeBufferPointer { trees in
            guard let own = trees.baseAddress, let other = model.baseAddress else { return false }
            return memcmp(own + start, other + start, 4 * count) == 0
        }
    }

    // MARK: One row

    /// The outputs of a row by the first trees, which are added where they are not yet.
    @inline(__always)
    func outputs(
        of index: Int, _ row: UnsafePointer<Float>, _ trees: ForestTrees, upTo count: Int
    ) -> UnsafePointer<Float> {
        let place = Self.row(outputs, index, shape.outputs)
        let known = Int(applied[index])
        guard known < count else { return UnsafePointer(place) }
        if known == count - 1, Int(walked[index]) == count {
            // On from where the row was when the last of these trees was still growing.
            let nodes = Self.row(nodes, index, shape.outputs)
            for output in 0..<shape.outputs {
                let tree = known * shape.outputs + output
                place[output] += trees.value(
                    of: tree,
                    trees.leaf(
                        of: tree, row, from: Int(nodes[output]), depth: shape.depth - Int(levels[index])))
            }
        } else {
            trees.add(row, trees: known..<count, to: place)
        }
        applied[index] = Int32(count)
        return UnsafePointer(place)
    }

    /// The nodes that a row is in after so many levels of the trees of a step.
    @inline(__always)
    func nodes(
        of index: Int, _ row: UnsafePointer<Float>, _ trees: ForestTrees, _ step: Int, _ level: Int
    ) -> UnsafePointer<Int32> {
        let nodes = Self.row(nodes, index, shape.outputs)
        if Int(walked[index]) != step + 1 {
            nodes.update(repeating: 0, count: shape.outputs)
            (walked[index], levels[index]) = (Int32(step + 1), 0)
        }
        let more = level - Int(levels[index])
        if more > 0 {
            for output in 0..<shape.outputs {
                nodes[output] = Int32(
                    trees.leaf(of: step * shape.outputs + output, row, from: Int(nodes[output]), depth: more))
            }
            levels[index] = Int32(level)
        }
        return UnsafePointer(nodes)
    }

    /// Where a row's derivatives lie.
    @inline(__always)
    func derivatives(of index: Int) -> UnsafeMutablePointer<SIMD2<Int64>> {
        Self.row(derivatives, index, shape.outputs)
    }

    /// The loss that was noted of a row.
    @inline(__always)
    func loss(of index: Int) -> Double { Double(losses[index]) }

    /// Whether a row's derivatives are those of a step: its trees grow over several rounds with the same ones.
    @inline(__always)
    func isDerived(_ index: Int, _ step: Int) -> Bool { derived[index] == Int32(step + 1) }

    /// Notes that they are, and the loss.
    @inline(__always)
    func note(_ index: Int, _ step: Int, loss: Double) {
        (derived[index], losses[index]) = (Int32(step + 1), Float(loss))
    }

    @inline(__always)
    private static func row<Element>(
        _ table: UnsafeMutableBufferPointer<Element>, _ index: Int, _ width: Int
    ) -> UnsafeMutablePointer<Element> {
        guard let start = table.baseAddress else { preconditionFailure("a table without rows") }
        return start + index * width
    }
}
