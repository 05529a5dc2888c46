internal import Compute
package import Configuration

/// y = x Wᵀ + b on examples read as flat rows, or on each position of a sequence.
///
/// Parameters as PyTorch's `Linear` has them: weight [units, inputs] row-major, then bias [units]. With `parts` the
/// units are shared out evenly among as many tensors, as where query, key and value of one product have names of their
/// own; with `layout: "in_out"` the weight is stored as [inputs, units], as GPT-2's published checkpoints have it.
package struct DenseLayer: AdaptableLayer {
    package static let kind = "dense"
    package static let shorthand: String? = "units"

    /// How the weight lies in memory.
    enum Layout: String, CaseIterable {
        /// [units, inputs].
        case outIn = "out_in"
        /// [inputs, units].
        case inOut = "in_out"
    }

    let units: Int
    let hasBias: Bool
    private let parts: [String]
    private let layout: Layout
    private let sharing: String?
    private let deviation: Double?
    private(set) var inputs = 0
    private(set) var positions = 1

    package init(_ section: Section) throws {
        guard let units = try section.integer("units", in: 1...(1 << 20)) else {
            throw section.error("units", "is missing: how many outputs the layer has, such as 64")
        }
        self.units = units
        hasBias = try section.bool("bias") ?? true
        layout = try section.choice("layout", of: Layout.self) ?? .outIn
        sharing = try section.string("sharing")
        deviation = try section.positive("deviation")
        parts = try (try section.list("parts") ?? []).map { item in
            guard case .string(let name) = item, !name.isEmpty else {
                throw section.error(
                    "parts", "must be a list of names, such as [\"query\", \"key\", \"value\"]")
            }
            return name
        }
        let whole = parts.isEmpty || (units % parts.count == 0 && layout == .outIn && sharing == nil)
        guard whole, Set(parts).count == parts.count else {
            throw section.error(
                "parts",
                "must be different names that share \(units) units evenly, without layout and sharing")
        }
    }

    package var arguments: [String: JSONValue] {
        var arguments: [String: JSONValue] = ["units": .integer(units), "bias": .bool(hasBias)]
        if layout != .outIn { arguments["layout"] = .string(layout.rawValue) }
        if let sharing { arguments["sharing"] = .string(sharing) }
        if let deviation { arguments["deviation"] = .number(deviation) }
        if !parts.isEmpty { arguments["parts"] = .array(parts.map { .string($0) }) }
        return arguments
    }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        (positions, inputs) = (input.positions, input.width)
        guard inputs > 0 else { throw ShapeProblem(message: "an example has no values to read") }
        guard inputs.multipliedReportingOverflow(by: units).partialValue <= 1 << 31 else {
            throw ShapeProblem(message: "\(inputs) inputs by \(units) units is more than 2^31 weights")
        }
        return input.hasTime ? ActivationShape([positions, units], hasTime: true) : [units]
    }

    package var tensors: [ParameterTensor] {
        let names = parts.isEmpty ? [""] : parts.map { $0 + "." }
        let share = units / names.count
        let weights = names.map { name in
            ParameterTensor(
                name: name + "weight", shape: layout == .outIn ? [share, inputs] : [inputs, share],
                start: deviation.map { .normal(deviation: $0) } ?? .weights(fanIn: inputs, fanOut: units),
                isRegularised: true, sharing: sharing)
        }
        let biases = names.map { name in
            ParameterTensor(name: name + "bias", shape: [share], start: .zeros, isRegularised: false)
        }
        return hasBias ? weights + biases : weights
    }

    // Products read all parts as one matrix.
    package var joinsTensors: Bool { parts.count > 1 }
    /// The place of the first bias among ``tensors``.
    var biasIndex: Int { max(1, parts.count) }
    /// How many ``tensors`` there are.
    var tensorCount: Int { hasBias ? 2 * biasIndex : biasIndex }

    package var sharedTable: SharedTableRole? { layout == .outIn && parts.isEmpty ? .byOutput : nil }

    package func infer(_ pass: LayerPass) {
        let (rows, weight) = (pass.count * positions, pass.parameters[0])
        let bias = hasBias ? UnsafePointer(pass.parameters[biasIndex]) : nil
        switch layout {
        case .outIn:
            Affine.forward(
                output: pass.output.base, input: pass.input.base, weight: weight, bias: bias, rows: rows,
                inputs: inputs, outputs: units)
        case .inOut:
            Affine.forwardTransposed(
                output: pass.output.base, input: pass.input.base, weight: weight, bias: bias, rows: rows,
                inputs: inputs, outputs: units)
        }
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        let (rows, weight) = (pass.count * positions, pass.parameters[0])
        switch layout {
        case .outIn:
            Affine.inputDelta(
                inputDelta.base, outputDelta: pass.outputDelta.base, weight: weight, rows: rows,
                inputs: inputs, outputs: units)
        case .inOut:
            Affine.forward(
                output: inputDelta.base, input: pass.outputDelta.base, weight: weight, bias: nil, rows: rows,
                inputs: units, outputs: inputs)
        }
    }

    // ∂W = ∂yᵀ x (or its transpose), ∂b = column sums of ∂y.
    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        let rows = pass.count * positions
        if let (target, keep) = gradient[0] {
            switch layout {
            case .outIn:
                Affine.weightGradient(
                    into: target, outputDelta: pass.outputDelta.base, input: pass.input.base, rows: rows,
                    inputs: inputs, outputs: units, scale: gradient.scale, keep: keep)
            case .inOut:
                Affine.weightGradient(
                    into: target, outputDelta: pass.input.base, input: pass.outputDelta.base, rows: rows,
                    inputs: units, outputs: inputs, scale: gradient.scale, keep: keep)
            }
        }
        if hasBias, let (target, keep) = gradient[biasIndex] {
            Kernels.sumRows(
                into: target, pass.outputDelta.base, rows: rows, columns: units, scale: gradient.scale,
                keep: keep)
        }
    }

    package var normRule: GradientNormRule { .own }

    private var norms: ProductGradientNorms {
        ProductGradientNorms(positions: positions, inputs: inputs, outputs: units)
    }

    package func temporaries(count: Int) -> Int { norms.temporaries }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        let biasIsTrained = hasBias && pass.parameters.isTrained(biasIndex)
        guard pass.parameters.isTrained(0) else {
            if biasIsTrained {
                self.norms.addOfRowSums(
                    to: norms, outputDelta: pass.outputDelta.base, count: pass.count,
                    temporary: pass.temporary)
            }
            return
        }
        self.norms.add(
            to: norms, input: pass.input.base, outputDelta: pass.outputDelta.base, count: pass.count,
            withBias: biasIsTrained, temporary: pass.temporary)
    }

    package func squaredRounding(_ single: LayerPass) -> Double {
        norms.roundingShare
            * Rounding.products(single.input, single.outputDelta, biases: hasBias ? positions : 0)
    }

    /// Where a weight lies in the weight's memory.
    func weightIndex(unit: Int, input: Int) -> Int {
        layout == .outIn ? unit * inputs + input : input * units + unit
    }

    func adapted(rank: Int, alpha: Double) -> any Layer {
        AdaptedDenseLayer(self, rank: rank, alpha: alpha)
    }
}
