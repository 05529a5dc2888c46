internal import CKernels

// Activations and their gradients. Outputs may overwrite inputs.
extension Kernels {
    /// output = input where positive, slope * input elsewhere.
    package static func rectify(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, slope: Float, count: Int
    ) {
        sordino_rectify(output, input, slope, count)
    }

    /// The gradient of ``rectify(_:_:slope:count:)`` from its output.
    package static func rectifyBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        output: UnsafePointer<Float>, slope: Float, count: Int
    ) {
        sordino_rectify_backward(inputDelta, outputDelta, output, slope, count)
    }

    /// output = 1 / (1 + exp(-input)).
    package static func sigmoid(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int
    ) {
        sordino_sigmoid(output, input, count)
    }

    /// The gradient of ``sigmoid(_:_:count:)`` from its output.
    package static func sigmoidBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        output: UnsafePointer<Float>, count: Int
    ) {
        sordino_sigmoid_backward(inputDelta, outputDelta, output, count)
    }

    /// output = tanh(input).
    package static func tanh(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int
    ) {
        sordino_tanh(output, input, count)
    }

    /// The gradient of ``tanh(_:_:count:)`` from its output.
    package static func tanhBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        output: UnsafePointer<Float>, count: Int
    ) {
        sordino_tanh_backward(inputDelta, outputDelta, output, count)
    }

    /// output = input * Φ(input), the exact GELU (not its tanh approximation).
    package static func gelu(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int
    ) {
        sordino_gelu(output, input, count)
    }

    /// The gradient of ``gelu(_:_:count:)`` from its input.
    package static func geluBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, count: Int
    ) {
        sordino_gelu_backward(inputDelta, outputDelta, input, count)
    }

    /// output = input / 2 · (1 + tanh(√(2/π) (input + 0.044715 input³))), GELU's approximation.
    package static func geluTanh(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int
    ) {
        sordino_gelu_tanh(output, input, count)
    }

    /// The gradient of ``geluTanh(_:_:count:)`` from its input.
    package static func geluTanhBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, count: Int
    ) {
        sordino_gelu_tanh_backward(inputDelta, outputDelta, input, count)
    }

    /// output = input / (1 + exp(-input)).
    package static func silu(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int
    ) {
        sordino_silu(output, input, count)
    }

    /// The gradient of ``silu(_:_:count:)`` from its input.
    package static func siluBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, count: Int
    ) {
        sordino_silu_backward(inputDelta, outputDelta, input, count)
    }

    /// output [rows, half] = silu(input[:, ..<half]) ⊙ input[:, half...], with input of [rows, 2 half]. Not in place.
    package static func swiglu(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, rows: Int, half: Int
    ) {
        sordino_swiglu(output, input, rows, half)
    }

    /// The gradient of ``swiglu(_:_:rows:half:)`` from its input. Not in place.
    package static func swigluBackward(
        _ inputDelta: UnsafeMutablePointer<Float>, _ outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, rows: Int, half: Int
    ) {
        sordino_swiglu_backward(inputDelta, outputDelta, input, rows, half)
    }

    /// Every row of `output` becomes the softmax of the row of `input`.
    package static func softmax(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, rows: Int, columns: Int
    ) {
        sordino_softmax(output, input, rows, columns)
    }

    /// Drops values with probability threshold / 2³² and multiplies the others by `kept`. `words` holds
    /// `count` uniform words; the mask (0 or `kept`, as floats) replaces them.
    package static func dropout(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
        words: UnsafeMutablePointer<UInt32>, threshold: UInt32, kept: Float, count: Int
    ) {
        sordino_dropout(output, input, words, threshold, kept, count)
    }

    /// The sum over rows of -log softmax(logits)[label]; `delta` becomes scale * (softmax - one-hot) and may be
    /// the same memory as `logits`. Labels must lie in `0..<columns`.
    package static func softmaxCrossEntropy(
        delta: UnsafeMutablePointer<Float>, logits: UnsafePointer<Float>, labels: UnsafePointer<Int32>,
        rows: Int, columns: Int, scale: Float
    ) -> Double {
        sordino_softmax_cross_entropy(delta, logits, labels, rows, columns, scale)
    }
}
