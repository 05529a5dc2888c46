package import Compute
package import Configuration

/// One layer of a network: its shapes, its parameters, and its forward and backward passes.
///
/// A layer is a value that holds no data: activations, deltas and parameters come in a ``LayerPass``. Adding a
/// layer is one file with a type that conforms, plus one line in ``LayerCatalog``.
package protocol Layer: Sendable {
    /// Name in a model's `layers` list, such as `"dense"`.
    static var kind: String { get }
    /// The argument that a bare value stands for: `{dense: 64}` is `{dense: {units: 64}}`. Nil where none does.
    static var shorthand: String? { get }
    /// The range that weights which feed this layer start in.
    static var initialRange: InitialRange { get }

    /// Whether ``forward(_:random:)`` draws random numbers.
    static var isRandom: Bool { get }

    /// Reads the layer's arguments; the caller checks afterwards that no unknown key is left.
    init(_ section: Section) throws
    /// All arguments with their values, as ``init(_:)`` reads them.
    var arguments: [String: JSONValue] { get }

    /// Fixes the shape of one example at the input and returns the shape at the output. Throws
    /// ``ShapeProblem`` where the layer cannot take that shape. Called once, before anything below.
    mutating func attach(to inputShape: [Int]) throws(ShapeProblem) -> [Int]
    /// The layer's parameters in the order in which they lie in memory.
    var tensors: [ParameterTensor] { get }
    /// Floats that the layer keeps for each example from forward to backward.
    var scratchPerExample: Int { get }

    /// Computes the output as evaluation needs it.
    func infer(_ pass: LayerPass)
    /// Computes the output as training needs it, and whatever scratch backward reads.
    func forward(_ pass: LayerPass, random: inout SeededGenerator)
    /// Computes the input's delta from the output's.
    func backward(_ pass: LayerPass)
    /// target = keep * target + scale * gradient, for the layer's parameters in their order, summed over the
    /// batch. `keep` is 0 or 1; with 0 the target may hold anything. The target may be the parameters.
    func accumulateGradient(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, scale: Float, keep: Float)
    /// Whether the layer can tell examples' gradient norms apart: false keeps a layer with parameters out of
    /// private training.
    var hasGradientNormRule: Bool { get }
    /// Adds each example's squared norm of its own parameter gradient to `norms`, without forming it.
    func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>)
}

extension Layer {
    package static var shorthand: String? { nil }
    package static var initialRange: InitialRange { .glorot }
    package static var isRandom: Bool { false }
    package var arguments: [String: JSONValue] { [:] }
    package var tensors: [ParameterTensor] { [] }
    package var scratchPerExample: Int { 0 }
    package func forward(_ pass: LayerPass, random: inout SeededGenerator) { infer(pass) }
    package func accumulateGradient(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, scale: Float, keep: Float
    ) {}
    package var hasGradientNormRule: Bool { tensors.isEmpty }
    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {}
}

/// How far from zero weights start, as the layer that they feed wants it.
package enum InitialRange: Sendable {
    /// Glorot and Bengio 2010: by fan-in and fan-out.
    case glorot
    /// He et al. 2015: by fan-in alone, for rectifiers, which halve what comes.
    case he
    /// The layer hands its input on, so that the next one decides.
    case ofNextLayer
}

/// Why a layer cannot take a shape; the model adds which layer it was.
package struct ShapeProblem: Error {
    /// What is wrong and what would be right.
    package let message: String
}

/// One parameter tensor of a layer.
package struct ParameterTensor: Sendable {
    /// How the values start.
    package enum Start: Sendable {
        case zeros
        case ones
        /// Uniform with a range from the fan-in (He et al. 2015) or from fan-in and fan-out (Glorot and
        /// Bengio 2010), whichever suits the next activation.
        case weights(fanIn: Int, fanOut: Int)
    }

    /// Name within the layer, such as `"weight"`.
    package let name: String
    /// Row-major shape.
    package let shape: [Int]
    package let start: Start
    /// Whether L1 and L2 regularisation apply: to weights, not to biases and gains.
    package let isRegularised: Bool
}

/// What one layer sees of one batch. All matrices are row-major, `count` rows each.
package struct LayerPass {
    /// Number of examples.
    package let count: Int
    /// [count, input size].
    package let input: UnsafePointer<Float>
    /// [count, output size].
    package let output: UnsafeMutablePointer<Float>
    /// The layer's parameters.
    package let parameters: UnsafeMutablePointer<Float>
    /// [count, scratchPerExample].
    package let scratch: UnsafeMutablePointer<Float>
    /// [count, input size]; what backward writes.
    package let inputDelta: UnsafeMutablePointer<Float>
    /// [count, output size]; what backward reads.
    package let outputDelta: UnsafeMutablePointer<Float>
}
