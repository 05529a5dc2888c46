/// Where the parameters lie of a dense layer that reads whole examples: a weight [units, inputs], row-major, and a bias.
package struct DenseEnd: Equatable, Sendable {
    /// Places among the trained parameters.
    package let weight: Range<Int>
    package let bias: Range<Int>
    package let inputs: Int

    /// Number of outputs.
    package var units: Int { bias.count }
}

/// The dense layers at the two ends of a model: what their gradients tell of examples at once.
extension Model {
    /// The dense layer with a bias that reads the input as it is, or flattened; nil where there is none, or where it is not
    /// trained by all clients together.
    package var firstDense: DenseEnd? {
        guard let first = nodes.first else { return nil }
        if let end = Self.end(first) { return end }
        guard first.layer is FlattenLayer, nodes.count > 1, nodes[1].inputs == [first.output] else {
            return nil
        }
        return Self.end(nodes[1])
    }

    /// The dense layer with a bias whose outputs are the classes' scores, whether a softmax stands behind it or not.
    package var lastDense: DenseEnd? {
        guard let last = nodes.last else { return nil }
        if let end = Self.end(last) { return end }
        guard last.layer is SoftmaxLayer, nodes.count > 1 else { return nil }
        let before = nodes[nodes.count - 2]
        return last.inputs == [before.output] ? Self.end(before) : nil
    }

    private static func end(_ node: Node) -> DenseEnd? {
        // A weight that lies the other way round says so among its arguments.
        guard let dense = node.layer as? DenseLayer, dense.hasBias, dense.positions == 1,
            dense.arguments["layout"] == nil, node.places.count == 2,
            let weight = node.places[0].offset, let bias = node.places[1].offset,
            node.places.allSatisfy({ $0.role == .shared })
        else { return nil }
        return DenseEnd(
            weight: weight..<weight + node.places[0].count, bias: bias..<bias + node.places[1].count,
            inputs: dense.inputs)
    }
}
