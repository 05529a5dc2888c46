package import Compute
internal import Configuration

/// A model whose shapes are known: layers attached to their inputs, and the layout of all parameters.
package struct Model: Sendable {
    /// A layer in its place.
    package struct Placed: Sendable {
        package let layer: any Layer
        /// Values of one example at the input and the output.
        package let inputCount: Int
        package let outputCount: Int
        /// The layer's place among the model's parameters.
        package let parameters: Range<Int>
    }

    package let spec: ModelSpec
    /// Shape of one example at the input.
    package let inputShape: [Int]
    package let layers: [Placed]
    /// Names as PyTorch's `Sequential` gives them: `"0.weight"`, [units, inputs], row-major.
    package let layout: ParameterLayout
    /// The parameters that L1 and L2 regularisation apply to: weights, not biases and gains.
    package let regularisedRanges: [Range<Int>]
    private let starts: [(range: Range<Int>, start: ParameterTensor.Start, he: Bool)]

    /// Values of one example at the output.
    package var outputCount: Int { layers.last?.outputCount ?? 0 }
    /// Kind of the last layer, such as `"softmax"`.
    package var lastKind: String { layers.last.map { type(of: $0.layer).kind } ?? "" }

    /// Attaches the layers to examples of `inputShape`. Throws ``ConfigurationError`` that names the layer
    /// which cannot take its input.
    package init(_ spec: ModelSpec, inputShape: [Int]) throws {
        self.spec = spec
        self.inputShape = inputShape
        var shape = inputShape
        var placed: [Placed] = []
        var tensors: [(name: String, shape: [Int])] = []
        var starts: [(Range<Int>, ParameterTensor.Start, Bool)] = []
        var regularised: [Range<Int>] = []
        var offset = 0
        for (index, specified) in spec.layers.enumerated() {
            var layer = specified
            let input = shape
            do {
                shape = try layer.attach(to: input)
            } catch {
                throw ConfigurationError(
                    path: spec.path, problem: "layer \(index) (\(type(of: layer).kind)): \(error.message)")
            }
            let start = offset
            let he = Self.startsInHeRange(spec.layers[(index + 1)...])
            for tensor in layer.tensors {
                let range = offset..<(offset + tensor.shape.reduce(1, *))
                tensors.append(("\(index).\(tensor.name)", tensor.shape))
                starts.append((range, tensor.start, he))
                if tensor.isRegularised { regularised.append(range) }
                offset = range.upperBound
            }
            placed.append(
                Placed(
                    layer: layer, inputCount: input.reduce(1, *), outputCount: shape.reduce(1, *),
                    parameters: start..<offset))
        }
        layers = placed
        layout = ParameterLayout(tensors)
        regularisedRanges = regularised
        self.starts = starts
    }

    /// Fresh parameters, a function of the seed: weights uniform in He's range before rectifiers and in
    /// Glorot's elsewhere, biases 0, gains 1.
    package func initialParameters(seed: UInt64) -> ParameterVector {
        var vector = ParameterVector(zeros: layout)
        var random = SeededGenerator(seed: seed, purpose: .initialWeights)
        for (range, start, he) in starts {
            switch start {
            case .zeros: break
            case .ones: for index in range { vector.values[index] = 1 }
            case .weights(let fanIn, let fanOut):
                // Variance 2 / fan-in (He et al. 2015) or 2 / (fan-in + fan-out) (Glorot and Bengio 2010);
                // a uniform of half-width a has variance a² / 3.
                let limit = (6 / Float(he ? fanIn : fanIn + fanOut)).squareRoot()
                vector.values.withUnsafeMutableBufferPointer { values in
                    let part = UnsafeMutableBufferPointer(rebasing: values[range])
                    random.fillUniform(part)
                    for index in part.indices { part[index] = (2 * part[index] - 1) * limit }
                }
            }
        }
        return vector
    }

    /// Whether the first of these layers that does not merely hand its input on asks for He's range.
    private static func startsInHeRange(_ following: ArraySlice<any Layer>) -> Bool {
        for layer in following {
            switch type(of: layer).initialRange {
            case .he: return true
            case .glorot: return false
            case .ofNextLayer: continue
            }
        }
        return false
    }
}
