internal import Compute
internal import Configuration

/// A dense layer that stays as it is, with a trained low-rank product beside it (LoRA; Hu et al. 2021, section 4.1):
/// y = x Wᵀ + b + (alpha / rank) (x Aᵀ) Bᵀ.
///
/// Parameters: the dense layer's own, frozen; then lora_A.weight [rank, inputs] and lora_B.weight [units, rank], which
/// starts at zero, so that training starts from the layer as it was. Made by a model's `adapters`, not named in a list.
struct AdaptedDenseLayer: Layer {
    static let kind = "adapted_dense"
    /// Names of the tensors that an adapter adds.
    static let adapterTensors: Set<String> = ["lora_A.weight", "lora_B.weight"]

    /// The layer that is adapted.
    let dense: DenseLayer
    private let rank: Int
    /// alpha / rank.
    let factor: Float

    init(_ dense: DenseLayer, rank: Int, alpha: Double) {
        (self.dense, self.rank, factor) = (dense, rank, Float(alpha / Double(rank)))
    }

    init(_ section: Section) throws {
        throw ConfigurationError(
            path: section.path, problem: "comes of adapters and cannot be named in a list")
    }

    var arguments: [String: JSONValue] { dense.arguments }
    var joinsTensors: Bool { dense.joinsTensors }

    mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        var dense = dense
        return try dense.attach(to: input)
    }

    // Passes ask for it: a list of tensors would be memory each time.
    private var downIndex: Int { dense.tensorCount }
    private var upIndex: Int { downIndex + 1 }
    private var rows: Int { dense.positions }

    var tensors: [ParameterTensor] {
        let base = dense.tensors.map {
            ParameterTensor(
                name: $0.name, shape: $0.shape, start: $0.start, isRegularised: false, sharing: $0.sharing,
                isFrozen: true)
        }
        let down = ParameterTensor(
            name: "lora_A.weight", shape: [rank, dense.inputs],
            start: .uniform(bound: 1 / Double(dense.inputs).squareRoot()), isRegularised: true)
        let up = ParameterTensor(
            name: "lora_B.weight", shape: [dense.units, rank], start: .zeros, isRegularised: true)
        return base + [down, up]
    }

    // Of each example: factor · x Aᵀ, then factor · ∂y B, both [positions, rank].
    var scratchPerExample: Int { 2 * rows * rank }

    // Scratch lies example after example; products over the batch want one matrix each.
    private func lowered(_ pass: LayerPass, _ example: Int) -> UnsafeMutablePointer<Float> {
        pass.scratch.base + example * scratchPerExample
    }
    private func lifted(_ pass: LayerPass, _ example: Int) -> UnsafeMutablePointer<Float> {
        lowered(pass, example) + rows * rank
    }

    func infer(_ pass: LayerPass) {
        dense.infer(pass)
        let (down, up) = (pass.parameters[downIndex], pass.parameters[upIndex])
        for example in 0..<pass.count {
            let low = lowered(pass, example)
            BLAS.multiply(
                pass.input.base + example * rows * dense.inputs, down, transposeB: true, into: low,
                rows: rows,
                columns: rank, inner: dense.inputs, scale: factor)
            BLAS.multiply(
                low, up, transposeB: true, into: pass.output.base + example * rows * dense.units, rows: rows,
                columns: dense.units, inner: rank, keep: 1)
        }
    }

    func backward(_ pass: LayerPass) {
        dense.backward(pass)
        let (down, up) = (pass.parameters[downIndex], pass.parameters[upIndex])
        for example in 0..<pass.count {
            let delta = lifted(pass, example)
            BLAS.multiply(
                pass.outputDelta.base + example * rows * dense.units, up, into: delta, rows: rows,
                columns: rank, inner: dense.units, scale: factor)
            guard let inputDelta = pass.inputDelta else { continue }
            BLAS.multiply(
                delta, down, into: inputDelta.base + example * rows * dense.inputs, rows: rows,
                columns: dense.inputs, inner: rank, keep: 1)
        }
    }

    // ∂A = (factor · ∂y B)ᵀ x, ∂B = ∂yᵀ (factor · x Aᵀ).
    func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        for example in 0..<pass.count {
            if let (target, keep) = gradient[downIndex] {
                BLAS.multiply(
                    lifted(pass, example), transposeA: true,
                    pass.input.base + example * rows * dense.inputs, into: target, rows: rank,
                    columns: dense.inputs, inner: rows, scale: gradient.scale, keep: example == 0 ? keep : 1)
            }
            if let (target, keep) = gradient[upIndex] {
                BLAS.multiply(
                    pass.outputDelta.base + example * rows * dense.units, transposeA: true,
                    lowered(pass, example), into: target, rows: dense.units, columns: rank, inner: rows,
                    scale: gradient.scale, keep: example == 0 ? keep : 1)
            }
        }
    }

    var normRule: GradientNormRule { .own }

    private var downNorms: ProductGradientNorms {
        ProductGradientNorms(positions: rows, inputs: dense.inputs, outputs: rank)
    }
    private var upNorms: ProductGradientNorms {
        ProductGradientNorms(positions: rows, inputs: rank, outputs: dense.units)
    }

    func temporaries(count: Int) -> Int {
        max(dense.temporaries(count: count), downNorms.temporaries, upNorms.temporaries)
    }

    func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        for example in 0..<pass.count {
            downNorms.add(
                to: norms + example, input: pass.input.base + example * rows * dense.inputs,
                outputDelta: lifted(pass, example), count: 1, withBias: false, temporary: pass.temporary)
            upNorms.add(
                to: norms + example, input: lowered(pass, example),
                outputDelta: pass.outputDelta.base + example * rows * dense.units, count: 1, withBias: false,
                temporary: pass.temporary)
        }
    }

    func squaredRounding(_ single: LayerPass) -> Double {
        let low = FloatBlock(lowered(single, 0), count: rows * rank)
        let high = FloatBlock(lifted(single, 0), count: rows * rank)
        return downNorms.roundingShare * Rounding.products(single.input, high, biases: 0)
            + upNorms.roundingShare * Rounding.products(low, single.outputDelta, biases: rows)
    }

    func scaleDeltas(_ pass: LayerPass, by factors: UnsafePointer<Float>) {
        Kernels.scaleRows(
            pass.outputDelta.base, by: factors, rows: pass.count, columns: rows * dense.units)
        for example in 0..<pass.count {
            Kernels.scale(lifted(pass, example), by: factors[example], count: rows * rank)
        }
    }

    /// factor · B A in the layout of the dense layer's weight, from a model's trained parameters.
    func product(_ trained: [Float], places: [ParameterPlace]) -> [Float] {
        guard let down = places[downIndex].offset, let up = places[upIndex].offset else { return [] }
        var result = [Float](repeating: 0, count: dense.units * dense.inputs)
        for unit in 0..<dense.units {
            for input in 0..<dense.inputs {
                var sum: Float = 0
                for place in 0..<rank {
                    sum += trained[up + unit * rank + place] * trained[down + place * dense.inputs + input]
                }
                result[dense.weightIndex(unit: unit, input: input)] = factor * sum
            }
        }
        return result
    }
}
