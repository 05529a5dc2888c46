internal import Compute
package import Configuration

/// A convolution along time: y[t, o] = b[o] + Σ w[o, f, i] x[t + i, f] on [time, features], with stride, padding, dilation
/// and groups of features. The output has time, too; positions behind an example's length are read as zeros.
///
/// Parameters as PyTorch's `Conv1d` has them: weight [channels, features / groups, kernel], then bias [channels].
package struct Convolution1DLayer: Layer {
    package static let kind = "conv1d"

    private var kernel: ConvolutionKernel
    private var time = 0
    private var features = 0
    private var outputTime = 0

    package init(_ section: Section) throws { kernel = try ConvolutionKernel(section, axes: 1) }

    package var arguments: [String: JSONValue] { kernel.arguments }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        guard input.sizes.count == 2, input.count > 0 else {
            throw ShapeProblem(
                message: "needs sequences, of a shape such as [90, 3] (time, features), not \(input.sizes)")
        }
        (time, features) = (input.sizes[0], input.sizes[1])
        outputTime = try kernel.attach(channels: features, sizes: [time])[0]
        return ActivationShape([outputTime, kernel.outputs], hasTime: true)
    }

    package var tensors: [ParameterTensor] { kernel.tensors }

    // The convolution's room, behind it input and output (or their deltas) with features outermost.
    package func temporaries(count: Int) -> Int {
        (kernel.convolution?.room(count: count) ?? 0) + count
            * (time * features + outputTime * kernel.outputs)
    }

    private func parts(
        _ pass: LayerPass
    ) -> (input: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>) {
        let input = pass.temporary.base + (kernel.convolution?.room(count: pass.count) ?? 0)
        return (input, input + pass.count * time * features)
    }

    private func turnInput(_ pass: LayerPass, into turned: UnsafeMutablePointer<Float>) {
        Kernels.transpose(turned, pass.input.base, matrices: pass.count, rows: time, columns: features)
        guard pass.lengths != nil else { return }
        for example in 0..<pass.count {
            let length = pass.length(of: example, positions: time)
            for feature in 0..<features {
                (turned + (example * features + feature) * time + length)
                    .update(repeating: 0, count: time - length)
            }
        }
    }

    private func turnOutputDelta(_ pass: LayerPass, into turned: UnsafeMutablePointer<Float>) {
        Kernels.transpose(
            turned, pass.outputDelta.base, matrices: pass.count, rows: outputTime, columns: kernel.outputs)
    }

    package func infer(_ pass: LayerPass) {
        let (input, output) = parts(pass)
        turnInput(pass, into: input)
        kernel.convolution?.forward(
            output, input: input, weight: pass.parameters[0], bias: kernel.bias(pass), count: pass.count,
            room: pass.temporary.base)
        Kernels.transpose(
            pass.output.base, output, matrices: pass.count, rows: kernel.outputs, columns: outputTime)
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        let (input, output) = parts(pass)
        turnOutputDelta(pass, into: output)
        kernel.convolution?.inputDelta(
            input, outputDelta: output, weight: pass.parameters[0], count: pass.count,
            room: pass.temporary.base)
        Kernels.transpose(inputDelta.base, input, matrices: pass.count, rows: features, columns: time)
        guard pass.lengths != nil else { return }
        for example in 0..<pass.count {
            let length = pass.length(of: example, positions: time)
            (inputDelta.base + (example * time + length) * features)
                .update(repeating: 0, count: (time - length) * features)
        }
    }

    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        let (input, output) = parts(pass)
        turnInput(pass, into: input)
        turnOutputDelta(pass, into: output)
        kernel.accumulateGradient(
            pass, into: gradient, input: input, outputDelta: output, room: pass.temporary.base)
    }

    package var normRule: GradientNormRule { .own }

    package func squaredRounding(_ single: LayerPass) -> Double { kernel.squaredRounding(single) }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        let (input, output) = parts(pass)
        turnInput(pass, into: input)
        turnOutputDelta(pass, into: output)
        kernel.addSquaredGradientNorms(
            pass, to: norms, input: input, outputDelta: output, room: pass.temporary.base)
    }
}
