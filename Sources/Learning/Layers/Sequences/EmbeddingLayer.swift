internal import Compute
package import Configuration

/// Each token becomes a vector: y_t = W[token_t], zero at positions behind the example's last.
///
/// Parameter as PyTorch's `Embedding` has it: weight [vocabulary, units], normal with deviation 1 unless `deviation`
/// says otherwise. With `sharing` it may be another layer's tensor as well, such as the last dense layer's weight.
package struct EmbeddingLayer: Layer {
    package static let kind = "embedding"

    private let tokens: Int
    private let units: Int
    private let deviation: Double
    private let sharing: String?
    private var positions = 0

    package init(_ section: Section) throws {
        guard let tokens = try section.integer("vocabulary", in: 1...(1 << 24)) else {
            throw section.error("vocabulary", "is missing: how many tokens there are, such as 80")
        }
        guard let units = try section.integer("units", in: 1...(1 << 16)) else {
            throw section.error("units", "is missing: how many values stand for a token, such as 8")
        }
        (self.tokens, self.units) = (tokens, units)
        deviation = try section.positive("deviation") ?? 1
        sharing = try section.string("sharing")
    }

    package var arguments: [String: JSONValue] {
        var arguments: [String: JSONValue] = [
            "vocabulary": .integer(tokens), "units": .integer(units), "deviation": .number(deviation),
        ]
        if let sharing { arguments["sharing"] = .string(sharing) }
        return arguments
    }

    package var vocabulary: Int? { tokens }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        guard input.sizes.count == 1, input.count > 0 else {
            throw ShapeProblem(message: "needs a sequence of tokens, [time], not shape \(input.sizes)")
        }
        guard tokens.multipliedReportingOverflow(by: units).partialValue <= 1 << 31 else {
            throw ShapeProblem(message: "\(tokens) tokens by \(units) units is more than 2^31 weights")
        }
        positions = input.count
        return ActivationShape([positions, units], hasTime: true)
    }

    package var tensors: [ParameterTensor] {
        [
            ParameterTensor(
                name: "weight", shape: [tokens, units], start: .normal(deviation: deviation),
                isRegularised: true, sharing: sharing)
        ]
    }

    package var sharedTable: SharedTableRole? { .byToken }

    package func infer(_ pass: LayerPass) {
        for example in 0..<pass.count {
            let filled = pass.length(of: example, positions: positions)
            let output = pass.output.row(example, width: positions * units)
            Kernels.gatherRows(
                of: pass.parameters[0], pass.tokens + example * positions, count: filled, columns: units,
                into: output)
            (output + filled * units).update(repeating: 0, count: (positions - filled) * units)
        }
    }

    // Tokens have no delta.
    package func backward(_ pass: LayerPass) {}

    // ∂W[v] = Σ ∂y_t over the positions t whose token is v: only rows that occur are touched, unless the target is
    // new.
    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        guard let (target, keep) = gradient[0] else { return }
        if keep == 0 { target.update(repeating: 0, count: tokens * units) }
        for example in 0..<pass.count {
            let outputDelta = pass.outputDelta.row(example, width: positions * units)
            for position in 0..<pass.length(of: example, positions: positions) {
                let token = Int(pass.tokens[example * positions + position])
                Kernels.addScaled(
                    to: target + token * units, outputDelta + position * units, factor: gradient.scale,
                    count: units)
            }
        }
    }

    package var normRule: GradientNormRule { .own }

    // The sums of one example's rows.
    package func temporaries(count: Int) -> Int { positions * units }

    // ‖∂W‖² = Σ_v ‖Σ_{t: token v} ∂y_t‖². The sum of a token's rows gathers at the token's first position.
    package func squaredRounding(_ single: LayerPass) -> Double {
        Rounding.ofSums * Rounding.sums(single.outputDelta, squares: positions)
    }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        guard pass.parameters.isTrained(0) else { return }
        let sums = pass.temporary.base
        for example in 0..<pass.count {
            let filled = pass.length(of: example, positions: positions)
            let tokens = pass.tokens + example * positions
            sums.update(from: pass.outputDelta.row(example, width: positions * units), count: filled * units)
            for position in 0..<filled {
                var first = 0
                while tokens[first] != tokens[position] { first += 1 }
                guard first < position else { continue }
                let row = sums + position * units
                Kernels.addScaled(to: sums + first * units, row, factor: 1, count: units)
                row.update(repeating: 0, count: units)
            }
            norms[example] += Float(Kernels.squareNorm(sums, count: filled * units))
        }
    }
}
