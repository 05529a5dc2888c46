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

    /// How many tokens the layer tells apart where it reads tokens, in ``LayerPass/tokens``; nil where it reads
    /// numbers. Only a model's first layer may read tokens.
    var vocabulary: Int? { get }
    /// Fixes the shape of one example at the input and returns the shape at the output. Throws
    /// ``ShapeProblem`` where the layer cannot take that shape. Called once, before anything below.
    mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape
    /// The layer's parameters in the order in which they lie in memory.
    var tensors: [ParameterTensor] { get }
    /// Whether the layer reads its tensors as one block, so that they must be frozen or trained together.
    var joinsTensors: Bool { get }
    /// How the layer reads its first tensor where that may be another's too; nil where its gradient must be formed then.
    var sharedTable: SharedTableRole? { get }
    /// Floats that the layer keeps for each example from forward to backward, example after example.
    var scratchPerExample: Int { get }
    /// Floats that one call on `count` examples works in; they hold anything before it and nothing after it.
    func temporaries(count: Int) -> Int

    /// Computes the output as evaluation needs it. Must leave nothing for backward, and may use the scratch.
    func infer(_ pass: LayerPass)
    /// Computes the output as training needs it, and whatever scratch backward reads.
    func forward(_ pass: LayerPass, random: inout SeededGenerator)
    /// Computes the input's delta from the output's, where ``LayerPass/inputDelta`` is given, and whatever scratch
    /// the gradient reads.
    func backward(_ pass: LayerPass)
    /// target = keep * target + scale * gradient for each parameter tensor that is trained, summed over the batch.
    /// A target may be the parameter itself. Called after ``backward(_:)``.
    func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks)
    /// How per-example gradient norms are had: ``GradientNormRule/none`` keeps a layer with parameters out of
    /// private training.
    var normRule: GradientNormRule { get }
    /// Adds each example's squared norm of its own gradient to `norms`, over the tensors that are trained. Called
    /// after ``backward(_:)``, where ``normRule`` is ``GradientNormRule/own``.
    func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>)
    /// The square of what rounding may make of one example's gradient, in the norm above and in the sum over a batch;
    /// `single` is the pass of that example. 0 where the norm's own relative error is all there is, as of a gradient that
    /// is no sum.
    func squaredRounding(_ single: LayerPass) -> Double
    /// Multiplies what ``accumulateGradient(_:into:)`` reads of each example's deltas by the example's factor: the
    /// output's delta, unless the layer keeps deltas of its own.
    func scaleDeltas(_ pass: LayerPass, by factors: UnsafePointer<Float>)
}

extension Layer {
    package static var shorthand: String? { nil }
    package static var initialRange: InitialRange { .glorot }
    package static var isRandom: Bool { false }
    package var arguments: [String: JSONValue] { [:] }
    package var vocabulary: Int? { nil }
    package var tensors: [ParameterTensor] { [] }
    package var joinsTensors: Bool { false }
    package var sharedTable: SharedTableRole? { nil }
    package var scratchPerExample: Int { 0 }
    package func temporaries(count: Int) -> Int { 0 }
    package func forward(_ pass: LayerPass, random: inout SeededGenerator) { infer(pass) }
    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {}
    package var normRule: GradientNormRule { .none }
    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {}
    package func squaredRounding(_ single: LayerPass) -> Double {
        // There are no more positions than values at the output.
        Rounding.ofSums
            * Rounding.products(single.input, single.outputDelta, biases: single.outputDelta.count)
    }
    package func scaleDeltas(_ pass: LayerPass, by factors: UnsafePointer<Float>) {
        Kernels.scaleRows(
            pass.outputDelta.base, by: factors, rows: pass.count,
            columns: pass.outputDelta.count / max(1, pass.count))
    }
}

/// Shape of one example between two layers.
package struct ActivationShape: Sendable, Hashable, ExpressibleByArrayLiteral {
    /// Row-major sizes, such as `[784]`, `[3, 32, 32]` for channels, height and width, or `[80, 64]` for time and
    /// features.
    package let sizes: [Int]
    /// Whether the first size is time: layers that read single vectors then read each position's.
    package let hasTime: Bool

    package init(_ sizes: [Int], hasTime: Bool = false) { (self.sizes, self.hasTime) = (sizes, hasTime) }
    package init(arrayLiteral sizes: Int...) { self.init(sizes) }

    /// Number of values.
    package var count: Int { sizes.reduce(1, *) }
    /// Positions of a sequence, 1 without time.
    package var positions: Int { hasTime ? sizes[0] : 1 }
    /// Values at one position: all of them without time.
    package var width: Int { hasTime ? sizes.dropFirst().reduce(1, *) : count }
}

/// How a layer comes by each example's gradient norm.
package enum GradientNormRule: Sendable {
    /// It does not: examples mix in it, or nobody has thought about it.
    case none
    /// ``Layer/addSquaredGradientNorms(_:to:)`` has a rule of the layer's own.
    case own
    /// From each example's gradient in turn, formed in memory. Right for every layer whose examples do not mix.
    case direct
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
        /// Normal with mean 0.
        case normal(deviation: Double)
        /// Uniform in [-bound, bound].
        case uniform(bound: Double)
    }

    /// Name within the layer, such as `"weight"`.
    package let name: String
    /// Row-major shape.
    package let shape: [Int]
    package let start: Start
    /// Whether L1 and L2 regularisation apply: to weights, not to biases and gains.
    package let isRegularised: Bool
    /// Tensors of one model with the same word here, and the same shape, are one tensor (tied weights); it has the
    /// name and the start of the first.
    package let sharing: String?
    /// Whether the tensor is never trained, whatever the model says of it.
    package let isFrozen: Bool

    package init(
        name: String, shape: [Int], start: Start, isRegularised: Bool, sharing: String? = nil,
        isFrozen: Bool = false
    ) {
        (self.name, self.shape, self.start, self.isRegularised) = (name, shape, start, isRegularised)
        (self.sharing, self.isFrozen) = (sharing, isFrozen)
    }

    /// Number of values.
    package var count: Int { shape.reduce(1, *) }
}
