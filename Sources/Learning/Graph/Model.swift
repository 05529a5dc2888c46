package import Compute
internal import Configuration

/// A model whose shapes are known: nodes in the order in which they run, and the layout of all parameters.
package struct Model: Sendable {
    package private(set) var spec: ModelSpec
    /// Shape of one example at the input.
    package let inputShape: [Int]
    /// The operations in their order; a node reads what earlier ones yield.
    package let nodes: [Node]
    /// The parameters that all clients train together, and so clipped, noised, masked, sent and stored. Names as PyTorch's
    /// `Sequential` gives them unless the model names its layers: `"0.weight"`, [units, inputs], row-major.
    package let layout: ParameterLayout
    /// The parameters that each client trains for itself and nobody sends; empty in most models.
    package let localLayout: ParameterLayout
    /// The parameters that stay as they are; empty in most models.
    package let frozenLayout: ParameterLayout
    /// The trained parameters that L1 and L2 regularisation apply to: weights, not biases and gains.
    package let regularisedRanges: [Range<Int>]
    /// How many tokens the model tells apart where it reads tokens; nil where it reads numbers.
    package let vocabulary: Int?
    /// The frozen parameters' values; nil where there are none, or not yet.
    package private(set) var frozen: FrozenParameters?
    /// Shapes of the values between nodes, value 0 being the input.
    let valueShapes: [ActivationShape]
    private let starts: [PlacedStart]
    private var start: ParameterVector?

    /// Shape of one example's output.
    package var outputShape: ActivationShape { valueShapes[valueShapes.count - 1] }
    /// Number of values that training changes: those of ``layout``, and behind them those of ``localLayout``.
    package var trainedCount: Int { layout.count + localLayout.count }
    /// Values of one example at the output.
    package var outputCount: Int { outputShape.count }
    /// Kind of the last layer, such as `"softmax"`.
    package var lastKind: String { nodes.last?.kind ?? "" }
    /// Whether two nodes have a trained tensor in common.
    var sharesParameters: Bool { nodes.contains { $0.sharesParameters } }

    /// Attaches the layers to examples of `inputShape`, or, where the first layer reads tokens, to sequences of as many
    /// tokens. Throws ``ConfigurationError`` that names the layer which cannot take its input.
    package init(_ spec: ModelSpec, inputShape: [Int]) throws {
        self.spec = spec
        self.inputShape = inputShape
        var builder = NetworkBuilder(spec, input: ActivationShape(inputShape))
        try builder.build()
        nodes = builder.nodes
        valueShapes = builder.shapes
        layout = ParameterLayout(builder.parameters.shared.entries)
        localLayout = ParameterLayout(builder.parameters.local.entries)
        frozenLayout = ParameterLayout(builder.parameters.frozen.entries)
        regularisedRanges = builder.regularised
        starts = builder.starts
        vocabulary = nodes.first?.layer?.vocabulary
    }

    /// The model with values for its frozen parameters, which must have ``frozenLayout``.
    package func with(frozen: FrozenParameters) -> Model {
        precondition(frozen.layout == frozenLayout, "frozen parameters of another model")
        var model = self
        model.frozen = frozen
        return model
    }

    /// The model with trained parameters to start from in place of drawn ones, and the specification that others are
    /// told of.
    package func with(start: ParameterVector, spec: ModelSpec) -> Model {
        precondition(start.layout == layout, "parameters of another model")
        var model = self
        (model.start, model.spec) = (start, spec)
        return model
    }

    /// What training starts from: given parameters, or fresh ones, a function of the seed: weights uniform in He's range before rectifiers and in
    /// Glorot's elsewhere unless a layer says otherwise, biases 0, gains 1.
    package func initialParameters(seed: UInt64) -> ParameterVector { start ?? initial(seed: seed).trained }

    /// What every client's local parameters start from: fresh values, a function of the seed, the same everywhere.
    package func initialLocalParameters(seed: UInt64) -> ParameterVector { initial(seed: seed).local }

    /// Fresh values of all parameters, shared, frozen and local ones, as a function of the seed. What a parameter's role
    /// is changes no value.
    package func initial(seed: UInt64) -> (
        trained: ParameterVector, frozen: ParameterVector, local: ParameterVector
    ) {
        var (trained, frozen) = (ParameterVector(zeros: layout), ParameterVector(zeros: frozenLayout))
        var local = ParameterVector(zeros: localLayout)
        var random = SeededGenerator(seed: seed, purpose: .initialWeights)
        for start in starts {
            switch start.role {
            case .shared: draw(start, into: &trained.values, &random)
            case .local: draw(start, into: &local.values, &random)
            case .frozen: draw(start, into: &frozen.values, &random)
            }
        }
        return (trained, frozen, local)
    }

    /// The same model without local parameters: one value for all clients of each, as when all data lie in one place.
    /// It starts as this one does. Throws ``ConfigurationError`` where that is no model.
    package func pooled(seed: UInt64) throws -> Model {
        guard localLayout.count > 0 else { return self }
        var model = try Model(spec.withoutLocal(), inputShape: inputShape)
        var values = model.initial(seed: seed).trained
        if let start {
            for entry in layout.entries {
                guard let target = values.layout.entries.first(where: { $0.name == entry.name }) else {
                    continue
                }
                values.values.replaceSubrange(target.range, with: start.values[entry.range])
            }
        }
        model = model.with(start: values, spec: model.spec)
        return frozen.map { model.with(frozen: $0) } ?? model
    }

    private func draw(_ placed: PlacedStart, into values: inout [Float], _ random: inout SeededGenerator) {
        values.withUnsafeMutableBufferPointer { values in
            let part = UnsafeMutableBufferPointer(rebasing: values[placed.range])
            func fill(within limit: Float) {
                random.fillUniform(part)
                for index in part.indices { part[index] = (2 * part[index] - 1) * limit }
            }
            switch placed.start {
            case .zeros: break
            case .ones: for index in part.indices { part[index] = 1 }
            case .weights(let fanIn, let fanOut):
                // Variance 2 / fan-in (He et al. 2015) or 2 / (fan-in + fan-out) (Glorot and Bengio 2010);
                // a uniform of half-width a has variance a² / 3.
                let he = Self.startsInHeRange(nodes[(placed.node + 1)...])
                fill(within: (6 / Float(he ? fanIn : fanIn + fanOut)).squareRoot())
            case .uniform(let bound): fill(within: Float(bound))
            case .normal(let deviation):
                for index in part.indices {
                    part[index] = Float(deviation * random.normal())
                }
            }
        }
    }

    /// Whether the first of these nodes that does not merely hand its input on asks for He's range.
    private static func startsInHeRange(_ following: ArraySlice<Node>) -> Bool {
        for case let layer? in following.map(\.layer) {
            switch type(of: layer).initialRange {
            case .he: return true
            case .glorot: return false
            case .ofNextLayer: continue
            }
        }
        return false
    }
}
