internal import Compute
package import Configuration

/// y[o] = b[o] + Σ w[o, c, i, j] x[c, · + i, · + j] on images, with stride, padding, dilation and groups (as many groups as
/// channels: depthwise).
///
/// Parameters as PyTorch's `Conv2d` has them: weight [channels, input channels / groups, kernel rows, kernel columns],
/// then bias [channels].
package struct Convolution2DLayer: Layer {
    package static let kind = "conv2d"

    private var kernel: ConvolutionKernel

    package init(_ section: Section) throws { kernel = try ConvolutionKernel(section, axes: 2) }

    package var arguments: [String: JSONValue] { kernel.arguments }

    package mutating func attach(to input: ActivationShape) throws(ShapeProblem) -> ActivationShape {
        let image = try ImageShape(input)
        let sizes = try kernel.attach(channels: image.channels, sizes: [image.height, image.width])
        return [kernel.outputs, sizes[0], sizes[1]]
    }

    package var tensors: [ParameterTensor] { kernel.tensors }

    package func temporaries(count: Int) -> Int { kernel.convolution?.room(count: count) ?? 0 }

    package func infer(_ pass: LayerPass) {
        kernel.convolution?.forward(
            pass.output.base, input: pass.input.base, weight: pass.parameters[0], bias: kernel.bias(pass),
            count: pass.count, room: pass.temporary.base)
    }

    package func backward(_ pass: LayerPass) {
        guard let inputDelta = pass.inputDelta else { return }
        kernel.convolution?.inputDelta(
            inputDelta.base, outputDelta: pass.outputDelta.base, weight: pass.parameters[0],
            count: pass.count,
            room: pass.temporary.base)
    }

    package func accumulateGradient(_ pass: LayerPass, into gradient: GradientBlocks) {
        kernel.accumulateGradient(
            pass, into: gradient, input: pass.input.base, outputDelta: pass.outputDelta.base,
            room: pass.temporary.base)
    }

    package var normRule: GradientNormRule { .own }

    package func squaredRounding(_ single: LayerPass) -> Double { kernel.squaredRounding(single) }

    package func addSquaredGradientNorms(_ pass: LayerPass, to norms: UnsafeMutablePointer<Float>) {
        kernel.addSquaredGradientNorms(
            pass, to: norms, input: pass.input.base, outputDelta: pass.outputDelta.base,
            room: pass.temporary.base)
    }
}
