package import Configuration

/// A loss: a number an example, and its gradient with respect to the network's outputs.
///
/// Cross-entropies work on logits: the softmax or sigmoid is part of the loss, which is exact where the
/// probability itself would round to 0 or 1. A model that ends in that activation is trained without it.
package protocol Loss: Sendable {
    /// Name under `training.loss`, such as `"mse"`.
    static var name: String { get }
    /// What turns the network's outputs into the predictions that the loss speaks of.
    static var link: OutputLink { get }
    /// Whether targets are class numbers (``LossPass/labels``) rather than numbers (``LossPass/values``).
    static var readsLabels: Bool { get }
    /// Whether an example's own features stand in ``LossPass/values`` in place of its targets.
    static var readsInput: Bool { get }

    /// Reads the loss's own keys, if any, from the `training` section.
    init(_ section: Section) throws
    /// The loss's own keys with their values.
    var arguments: [String: JSONValue] { get }
    /// Returns the sum of the examples' losses; `delta` becomes `scale` times its gradient.
    func evaluate(_ pass: LossPass) -> Double
}

extension Loss {
    package static var readsLabels: Bool { false }
    package static var readsInput: Bool { false }
    package var arguments: [String: JSONValue] { [:] }
}

/// The function between a network's outputs and its predictions.
package enum OutputLink: Sendable {
    case identity
    case sigmoid
    case softmax

    /// The layer that computes this function, which a loss on logits makes redundant at the end of a model.
    var layerKind: String? {
        switch self {
        case .identity: nil
        case .sigmoid: Sigmoid.kind
        case .softmax: SoftmaxLayer.kind
        }
    }
}

/// One batch as a loss sees it. Matrices are row-major, [count, width].
package struct LossPass {
    /// Number of rows: examples, or the positions of all sequences.
    package let count: Int
    /// Outputs an example.
    package let width: Int
    package let outputs: UnsafePointer<Float>
    /// Receives the gradient; never the same memory as `outputs`.
    package let delta: UnsafeMutablePointer<Float>
    /// Class numbers, [count]; set where the loss reads labels. A negative one is no target: the row adds nothing, and its
    /// gradient is zero.
    package let labels: UnsafePointer<Int32>
    /// Target values, or the features; set where the loss does not read labels.
    package let values: UnsafePointer<Float>
    /// Factor of the gradient, such as 1 / batch size.
    package let scale: Float
}
