/// One operation of a network: a layer, or the sum of two values, in the order in which they run.
package struct Node: Sendable {
    /// What the node computes.
    package enum Operation: Sendable {
        case layer(any Layer)
        /// The sum of two values of one shape.
        case sum
    }

    package let operation: Operation
    /// Where the node stands in the model, such as `"2"` or `"2.body.0"`: what its parameters' names begin with.
    package let name: String
    /// The values that it reads; value 0 is the model's input.
    package let inputs: [Int]
    /// The value that it yields.
    package let output: Int
    /// Shape of one example's input and output.
    package let inputShape: ActivationShape
    package let outputShape: ActivationShape
    /// The layer's parameter tensors.
    package let places: [ParameterPlace]

    /// The node with its parameters elsewhere.
    func with(places: [ParameterPlace], sharesParameters: Bool) -> Node {
        Node(
            operation: operation, name: name, inputs: inputs, output: output, inputShape: inputShape,
            outputShape: outputShape, places: places, sharesParameters: sharesParameters)
    }

    /// The node's layer; nil for a sum.
    package var layer: (any Layer)? {
        if case .layer(let layer) = operation { layer } else { nil }
    }

    /// Kind of the layer, such as `"dense"`.
    package var kind: String { layer.map { type(of: $0).kind } ?? "sum" }

    /// Whether the node has parameters that are trained.
    package var isTrained: Bool { places.contains { $0.offset != nil } }
    /// Whether another node has one of its trained tensors too.
    package let sharesParameters: Bool
}
