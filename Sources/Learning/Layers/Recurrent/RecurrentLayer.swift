internal import Compute
package import Configuration

/// A recurrent network over the positions of a sequence, of one or more layers stacked.
///
/// Parameters as PyTorch's `RNN`, `GRU` and `LSTM` have them: for layer l weight_ih_l [gates × units, inputs],
/// weight_hh_l [gates × units, units], bias_ih_l and bias_hh_l [gates × units]; all start uniform in ±1/√units. The
/// output is the top layer's state at each position, or at the last one that an example fills. At positions behind it
/// states are zero and nothing is learnt.
package struct RecurrentLayer<Kind: RecurrentKind>: Layer {
    package static var kind: String { Kind.kind }
    package static var shorthand: String? { "units" }

    /// What the layer hands on.
    enum Output: String, CaseIterable {
        /// Every state.
        case sequence
        /// The state at the example's last position.
        case last
    }

    private let units: Int
    private let layerCount: Int
    private let output: Output
    private var stack: RecurrentStack?

    package init(_ section: Section) throws {
        guard let units = try section.integer("units", in: 1...(1 << 14)) else {
            throw section.error("units", "is missing: how many values the state has, such as 256")
        }
        self.units = units
        layerCount = try section.integer("layers", in: 1...64) ?? 1
        output = try section.choice("output", of: Output.self) ?? .sequence
    }

    package var arguments: [String: JSONValue] {
        [
            "units": .integer(units), "layers": .integer(layerCount),
            "output": .string(output.rawValue),
        ]
    }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        let (positions, width) = try input.sequence()
        let stack = RecurrentStack(
            cell: Kind.cell, units: units, layerCount: layerCount, inputs: width, positions: positions,
            keepsTopStates: output == .last)
        guard stack.record.multipliedReportingOverflow(by: positions).partialValue <= 1 << 31,
            width <= 1 << 20
        else {
            throw ShapeProblem(
                message: "\(positions) positions of \(width) features by \(units) units is more than fits")
        }
        self.stack = stack
        return output == .last ? [units] : ActivationShape([positions, units], hasTime: true)
    }

    private var attached: RecurrentStack {
        guard let stack else { preconditionFailure("a layer is attached before it is used") }
        return stack
    }

    package var tensors: [ParameterTensor] {
        attached.layers.enumerated().flatMap { index, layer in
            let rows = Kind.cell.weightRows * units
            let start = ParameterTensor.Start.uniform(bound: 1 / Double(units).squareRoot())
            return [
                ParameterTensor(
                    name: "weight_ih_l\(index)", shape: [rows, layer.inputs], start: start,
                    isRegularised: true),
                ParameterTensor(
                    name: "weight_hh_l\(index)", shape: [rows, units], start: start, isRegularised: true),
                ParameterTensor(name: "bias_ih_l\(index)", shape: [rows], start: start, isRegularised: false),
                ParameterTensor(name: "bias_hh_l\(index)", shape: [rows], start: start, isRegularised: false),
            ]
        }
    }

    package var scratchPerExample: Int { attached.positions * attached.record }
    package func temporaries(count: Int) -> Int { attached.temporaries(count: count) }

    package func infer(_ pass: LayerPass) {
        let stack = attached
        for index in stack.layers.indices {
            stack.forward(index, pass)
        }
        if output == .last { stack.copyLastStates(pass) }
    }

    package func backward(_ pass: LayerPass) {
        let stack = attached
        for index in stack.layers.indices.reversed() {
            stack.backward(index, pass)
        }
    }

    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        let stack = attached
        for index in stack.layers.indices { stack.accumulateGradient(index, pass, into: gradient) }
    }

    package var normRule: GradientNormRule { .own }

    package func squaredRounding(_ single: LayerPass) -> Double {
        attached.layers.indices.reduce(0) {
            $0 + RecurrentGradientNorms(stack: attached).squaredRounding($1, single)
        }
    }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        let stack = attached
        for index in stack.layers.indices {
            for example in 0..<pass.count {
                norms[example] += RecurrentGradientNorms(stack: stack).squaredGradientNorm(
                    index, pass, example: example)
            }
        }
    }

    package func scaleDeltas(_ pass: LayerPass, by factors: UnsafePointer<Float>) {
        attached.scaleDeltas(pass, by: factors)
    }
}
