package import Configuration

/// Gradient-boosted trees: y_k = Σ over trees of the value of the leaf that the row falls into; of two classes the first has
/// output 0 and the second the sum.
///
/// Arguments: `trees`, `depth`, `classes` or `outputs`, and `edges`: for each feature where it may be cut, or one list for
/// all. The parameters are those of ``ForestShape``. Nobody trains them by descent: strategy `trees` grows them.
package struct TreesLayer: Layer {
    package static let kind = "trees"

    private let options: TreeOptions
    private var width = 0
    private(set) var shape: ForestShape

    package init(_ section: Section) throws {
        options = try TreeOptions(section)
        shape = options.shape(edges: [])
    }

    package var arguments: [String: JSONValue] { options.arguments }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        guard !input.hasTime else {
            throw ShapeProblem(message: "reads one row of numbers an example, not a sequence")
        }
        width = input.count
        shape = options.shape(edges: try options.edges(features: width))
        let edges = shape.edges.reduce(0) { $0 + $1.count }
        guard edges < 1 << 16 - 1, shape.pairs <= 1 << 25, shape.count <= 1 << 27 else {
            throw ShapeProblem(
                message:
                    "has \(edges) edges, \(shape.pairs) pairs of sums in a report and \(shape.count) "
                    + "parameters: at most 65534, 33554432 and 134217728 are possible; give fewer edges, or less depth"
            )
        }
        return [options.outputCount]
    }

    package var tensors: [ParameterTensor] {
        func tensor(_ name: String, _ shape: [Int]) -> ParameterTensor {
            ParameterTensor(name: name, shape: shape, start: .zeros, isRegularised: false)
        }
        let trees = [shape.trees, shape.outputs]
        return [
            tensor("levels", [1]), tensor("feature", trees + [shape.innerNodes]),
            tensor("threshold", trees + [shape.innerNodes]), tensor("value", trees + [shape.nodes]),
        ]
    }

    // The place of the first output that has a tree.
    private var firstOutput: Int { shape.objective == .logistic ? 1 : 0 }

    package func infer(_ pass: LayerPass) {
        let outputs = options.outputCount
        let trees = ForestTrees(
            shape, features: pass.parameters[1], thresholds: pass.parameters[2], values: pass.parameters[3])
        for row in 0..<pass.count {
            let output = pass.output.row(row, width: outputs)
            output.update(repeating: 0, count: outputs)
            trees.add(pass.input.row(row, width: width), trees: 0..<shape.trees, to: output + firstOutput)
        }
    }

    package func backward(_ pass: LayerPass) {
        // A step function: its slope is zero wherever it has one.
        guard let inputDelta = pass.inputDelta else { return }
        inputDelta.base.update(repeating: 0, count: inputDelta.count)
    }

    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        for index in 0..<3 {
            guard let (target, keep) = gradient[index], keep == 0 else { continue }
            target.update(repeating: 0, count: tensors[index].count)
        }
        guard let (target, keep) = gradient[3] else { return }
        if keep == 0 { target.update(repeating: 0, count: tensors[3].count) }
        let trees = ForestTrees(
            shape, features: pass.parameters[1], thresholds: pass.parameters[2], values: pass.parameters[3])
        for row in 0..<pass.count {
            let input = pass.input.row(row, width: width)
            let delta = pass.outputDelta.row(row, width: options.outputCount) + firstOutput
            for tree in 0..<shape.trees * shape.outputs {
                let place = tree * shape.nodes + trees.leaf(of: tree, input, depth: shape.depth)
                target[place] += gradient.scale * delta[tree % shape.outputs]
            }
        }
    }
}

/// The trees of a forest as they lie in memory, for rows of as many values as it has features.
struct ForestTrees {
    private let shape: ForestShape
    private let features: UnsafePointer<Float>
    private let thresholds: UnsafePointer<Float>
    private let values: UnsafePointer<Float>
    /// What a feature's number is below.
    private let limit: Float

    init(
        _ shape: ForestShape, features: UnsafePointer<Float>, thresholds: UnsafePointer<Float>,
        values: UnsafePointer<Float>
    ) {
        (self.shape, self.features, self.thresholds, self.values) = (shape, features, thresholds, values)
        limit = Float(shape.edges.count + 1)
    }

    /// The trees of a model's parameters, as many as ``ForestShape/count``.
    init(_ shape: ForestShape, _ parameters: UnsafePointer<Float>) {
        self.init(
            shape, features: parameters + shape.featureStart, thresholds: parameters + shape.thresholdStart,
            values: parameters + shape.valueStart)
    }

    /// The node in which a row ends after at most `depth` splits of a tree from `node` on; trees are counted with the outputs
    /// innermost. Whatever the parameters hold, it is a node of the tree, where there are as many levels below the first.
    @inline(__always)
    func leaf(of tree: Int, _ row: UnsafePointer<Float>, from node: Int = 0, depth: Int) -> Int {
        let start = tree * shape.innerNodes
        var node = node
        for _ in 0..<depth {
            let feature = features[start + node]
            // False for NaN too: what is no feature ends the way.
            guard feature >= 1, feature < limit else { break }
            node = 2 * node + (row[Int(feature) - 1] <= thresholds[start + node] ? 1 : 2)
        }
        return node
    }

    /// What a row that ends in a node of a tree adds.
    @inline(__always)
    func value(of tree: Int, _ node: Int) -> Float { values[tree * shape.nodes + node] }

    /// Adds what some steps of boosting say of a row to its outputs, in their order.
    @inline(__always)
    func add(_ row: UnsafePointer<Float>, trees: Range<Int>, to outputs: UnsafeMutablePointer<Float>) {
        for step in trees {
            for output in 0..<shape.outputs {
                let tree = step * shape.outputs + output
                outputs[output] += values[tree * shape.nodes + leaf(of: tree, row, depth: shape.depth)]
            }
        }
    }
}
