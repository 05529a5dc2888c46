internal import CKernels

/// A two-dimensional convolution, forward and backward: y[o] = b[o] + Σ w[o, c, i, j] x[c, · + i, · + j].
///
/// Images are [channels, height, width], one after another; weights are [outputs, channels / groups, kernel rows, kernel
/// columns] as PyTorch's `Conv2d` has them. Every pass is a product whose right factor is read from a padded copy of a few
/// images, which `room` holds: ``room(count:)`` floats, whose values mean nothing before or after a call.
package struct Convolution: Sendable {
    /// Largest number of floats of one example's padded images, or of the weights, that taps can address.
    package static let mostFloats = 1 << 30

    let shape: ConvolutionShape
    private let taps: TapTable
    private let phases: [DeltaPhase]
    /// Whether examples' norms come from products of positions rather than from their gradients.
    package let normsByGram: Bool
    private let filtering: MinimalFiltering?

    /// Values of one example at the input and at the output.
    package var inputCount: Int { shape.inputCount }
    package var outputCount: Int { shape.outputCount }
    /// Values of the weights.
    package var weightCount: Int { shape.outputs * shape.taps }

    /// `groups` divides `channels` and `outputs`; every axis has at least one window, and no example's padded images
    /// have more than ``mostFloats`` values (``fits(channels:outputs:groups:vertical:horizontal:)``).
    package init(
        channels: Int, outputs: Int, groups: Int = 1, vertical: WindowAxis, horizontal: WindowAxis
    ) {
        self.init(
            channels: channels, outputs: outputs, groups: groups, vertical: vertical, horizontal: horizontal,
            fewestFiltered: nil)
    }

    /// The same, with ``MinimalFiltering`` from `fewestFiltered` channels on.
    init(
        channels: Int, outputs: Int, groups: Int, vertical: WindowAxis, horizontal: WindowAxis,
        fewestFiltered: Int?
    ) {
        precondition(channels % groups == 0 && outputs % groups == 0, "groups of unlike sizes")
        precondition(
            Self.fits(
                channels: channels, outputs: outputs, groups: groups, vertical: vertical,
                horizontal: horizontal), "a convolution without windows, or too large")
        shape = ConvolutionShape(
            channels: channels, outputs: outputs, groups: groups, vertical: vertical, horizontal: horizontal)
        taps = shape.forwardTaps()
        phases = shape.deltaPhases()
        normsByGram = Self.prefersGram(shape)
        filtering = MinimalFiltering(shape, fewestChannels: fewestFiltered)
    }

    /// Whether passes are by ``MinimalFiltering``.
    package var isFiltered: Bool { filtering != nil }

    /// Whether a convolution of these sizes can be had.
    package static func fits(
        channels: Int, outputs: Int, groups: Int, vertical: WindowAxis, horizontal: WindowAxis
    ) -> Bool {
        guard vertical.output > 0, horizontal.output > 0 else { return false }
        let shape = ConvolutionShape(
            channels: channels, outputs: outputs, groups: groups, vertical: vertical, horizontal: horizontal)
        return [
            [channels, shape.sourceChannel], [outputs, shape.deltaChannel], [outputs, shape.taps],
            [outputs, shape.positions],
        ].allSatisfy { sizes in
            let (product, overflows) = sizes[0].multipliedReportingOverflow(by: sizes[1])
            return !overflows && product <= mostFloats
        }
    }

    // MARK: Room

    // Images that are padded at once: enough positions that a pass over all weights pays, within the nearest caches.
    private func most(perExample: Int) -> Int { max(1, 1024 / shape.positions, (1 << 16) / perExample) }
    private var mostForward: Int { most(perExample: shape.channels * shape.sourceChannel) }
    private var mostBackward: Int { most(perExample: shape.outputs * shape.deltaChannel) }
    // `count` in steps of like size.
    private func step(_ count: Int, most: Int) -> Int {
        let steps = max(1, (count + most - 1) / most)
        return max(1, (count + steps - 1) / steps)
    }
    private func sourceRoom(_ examples: Int) -> Int {
        examples * shape.channels * shape.sourceChannel + sordino_source_slack
    }
    private func deltaRoom(_ examples: Int) -> Int {
        examples * shape.outputs * shape.deltaChannel + sordino_source_slack
    }
    // A panel of deltas, position by position.
    private func turnedRoom(_ examples: Int) -> Int {
        examples * shape.positions * min(64, (shape.groupOutputs + 15) / 16 * 16)
    }
    private var phaseCount: Int { phases.map(\.count).max() ?? 0 }
    private var panelRoom: Int { sordino_convolution_room }

    /// Floats that any of the passes below works in, on `count` examples.
    package func room(count: Int) -> Int {
        let (forward, delta) = (min(count, mostForward), min(count, mostBackward))
        let backward =
            deltaRoom(delta) + panelRoom + (shape.isStrided ? delta * shape.channels * phaseCount : 0)
        let gram = shape.positions * (shape.taps + shape.groupOutputs + 2 * shape.positions)
        return [
            sourceRoom(forward) + panelRoom, backward, sourceRoom(forward) + turnedRoom(forward),
            sourceRoom(1) + (normsByGram ? gram : 0), count * shape.outputs,
            filtering?.room(count: count) ?? 0,
        ].max() ?? 0
    }

    // MARK: Passes

    /// Writes the output, [count, outputs, rows, columns]; `bias` has a value an output, or is nil.
    package func forward(
        _ output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>?, count: Int, room: UnsafeMutablePointer<Float>
    ) {
        if let filtering {
            return filtering.forward(
                output, input: input, weight: weight, bias: bias, count: count, room: room)
        }
        let step = self.step(count, most: mostForward)
        let panel = room + sourceRoom(step)
        var first = 0
        while first < count {
            let examples = min(step, count - first)
            pad(room, input + first * inputCount, examples)
            withSums(examples) { sums in
                for group in 0..<shape.groups {
                    let start = group * shape.groupOutputs
                    sordino_convolve(
                        &sums, output + first * outputCount + start * shape.positions,
                        room + group * shape.groupChannels * shape.sourceChannel, weight + start * shape.taps,
                        bias.map { $0 + start }, panel)
                }
            }
            first += examples
        }
    }

    /// Writes the input's delta, [count, channels, height, width], from the output's.
    package func inputDelta(
        _ inputDelta: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        weight: UnsafePointer<Float>, count: Int, room: UnsafeMutablePointer<Float>
    ) {
        if let filtering {
            return filtering.inputDelta(
                inputDelta, outputDelta: outputDelta, weight: weight, count: count, room: room)
        }
        let step = self.step(count, most: mostBackward)
        let panel = room + deltaRoom(step)
        var padding = sordino_padding(
            height: shape.vertical.output, width: shape.horizontal.output, top: shape.vertical.reachInPhase,
            left: shape.horizontal.reachInPhase, vertical_stride: 1, horizontal_stride: 1, vertical_phases: 1,
            horizontal_phases: 1, out_height: shape.vertical.sizeOfPaddedDelta,
            out_width: shape.horizontal.sizeOfPaddedDelta)
        if shape.isStrided { inputDelta.update(repeating: 0, count: count * inputCount) }
        var first = 0
        while first < count {
            let examples = min(step, count - first)
            sordino_pad(room, outputDelta + first * outputCount, examples * shape.outputs, &padding)
            for phase in phases {
                delta(
                    of: phase, inputDelta + first * inputCount, source: room, weight: weight,
                    examples: examples, panel: panel)
            }
            first += examples
        }
    }

    /// target = keep * target + scale * gradient of the weights, summed over the batch.
    package func weightGradient(
        into target: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, count: Int, scale: Float, keep: Float, room: UnsafeMutablePointer<Float>
    ) {
        if let filtering {
            return filtering.weightGradient(
                into: target, outputDelta: outputDelta, input: input, count: count, scale: scale, keep: keep,
                room: room)
        }
        let step = self.step(count, most: mostForward)
        let turned = room + sourceRoom(step)
        var first = 0
        while first < count {
            let examples = min(step, count - first)
            pad(room, input + first * inputCount, examples)
            withSums(examples) { sums in
                for group in 0..<shape.groups {
                    let start = group * shape.groupOutputs
                    sordino_convolution_gradient(
                        &sums, target + start * shape.taps,
                        room + group * shape.groupChannels * shape.sourceChannel,
                        outputDelta + first * outputCount + start * shape.positions, scale,
                        first == 0 ? keep : 1, turned)
                }
            }
            first += examples
        }
    }

    /// target = keep * target + scale * gradient of the bias, summed over the batch.
    package func biasGradient(
        into target: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>, count: Int, scale: Float,
        keep: Float, room: UnsafeMutablePointer<Float>
    ) {
        sordino_sum_planes(room, outputDelta, count * shape.outputs, shape.positions, 1)
        Kernels.sumRows(into: target, room, rows: count, columns: shape.outputs, scale: scale, keep: keep)
    }

    /// norms[e] += the squared norm of example e's own gradient of the weights, and of the bias where `hasBias`.
    package func addSquaredGradientNorms(
        to norms: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>, input: UnsafePointer<Float>,
        ofWeight: Bool, ofBias: Bool, count: Int, room: UnsafeMutablePointer<Float>
    ) {
        if ofBias {
            sordino_sum_planes(room, outputDelta, count * shape.outputs, shape.positions, 1)
            for example in 0..<count {
                norms[example] += Float(
                    Kernels.squareNorm(room + example * shape.outputs, count: shape.outputs))
            }
        }
        guard ofWeight else { return }
        let work = room + sourceRoom(1)
        for example in 0..<count {
            pad(room, input + example * inputCount, 1)
            withSums(1) { sums in
                var squares = 0.0
                for group in 0..<shape.groups {
                    let source = room + group * shape.groupChannels * shape.sourceChannel
                    let deltas =
                        outputDelta + example * outputCount + group * shape.groupOutputs * shape.positions
                    squares +=
                        normsByGram
                        ? gramNorm(&sums, source: source, deltas: deltas, room: work)
                        : sordino_convolution_gradient_norm(&sums, source, deltas, work)
                }
                norms[example] += Float(squares)
            }
        }
    }

    // MARK: Parts

    // Steps of the two rules: positions² (taps + outputs) for ‖Σ_t δ_t x_tᵀ‖² = Σ_{t,s} (x_t·x_s)(δ_t·δ_s) (Bu et al.
    // 2022, section 3), positions · taps · outputs for the gradient itself. The first gathers its columns beforehand.
    private static func prefersGram(_ shape: ConvolutionShape) -> Bool {
        2 * shape.positions * (shape.taps + shape.groupOutputs) < shape.taps * shape.groupOutputs
    }

    private func gramNorm(
        _ sums: inout sordino_convolution, source: UnsafePointer<Float>, deltas: UnsafePointer<Float>,
        room: UnsafeMutablePointer<Float>
    ) -> Double {
        let (positions, outputs) = (shape.positions, shape.groupOutputs)
        let columns = room
        let turned = columns + positions * shape.taps
        let ofColumns = turned + positions * outputs
        let ofDeltas = ofColumns + positions * positions
        sordino_gather_columns(&sums, columns, source)
        sordino_transpose(turned, deltas, 1, outputs, positions)
        Affine.forward(
            output: ofColumns, input: columns, weight: columns, bias: nil, rows: positions,
            inputs: shape.taps,
            outputs: positions)
        Affine.forward(
            output: ofDeltas, input: turned, weight: turned, bias: nil, rows: positions, inputs: outputs,
            outputs: positions)
        return max(0, sordino_inner_product(ofColumns, ofDeltas, positions * positions))
    }

    private func pad(_ source: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ examples: Int) {
        let (vertical, horizontal) = (shape.vertical, shape.horizontal)
        var padding = sordino_padding(
            height: vertical.size, width: horizontal.size, top: vertical.leading, left: horizontal.leading,
            vertical_stride: vertical.stride, horizontal_stride: horizontal.stride,
            vertical_phases: vertical.phases, horizontal_phases: horizontal.phases,
            out_height: vertical.sizeOfPhase, out_width: horizontal.sizeOfPhase)
        sordino_pad(source, input, examples * shape.channels, &padding)
    }

    // The sums over taps of one group, on `examples` padded images.
    private func withSums(_ examples: Int, _ body: (inout sordino_convolution) -> Void) {
        taps.weight.withUnsafeBufferPointer { weightAt in
            taps.source.withUnsafeBufferPointer { sourceAt in
                var sums = sordino_convolution(
                    examples: examples, height: shape.vertical.output, width: shape.horizontal.output,
                    source_example: shape.channels * shape.sourceChannel,
                    source_row: shape.horizontal.sizeOfPhase, out_example: outputCount,
                    out_plane: shape.positions, out_row: shape.horizontal.output, rows: shape.groupOutputs,
                    taps: shape.taps, weight_row: shape.taps, weight_at: weightAt.baseAddress,
                    source_at: sourceAt.baseAddress)
                body(&sums)
            }
        }
    }

    private func delta(
        of phase: DeltaPhase, _ inputDelta: UnsafeMutablePointer<Float>, source: UnsafePointer<Float>,
        weight: UnsafePointer<Float>, examples: Int, panel: UnsafeMutablePointer<Float>
    ) {
        let (rows, columns) = (phase.rows, phase.columns)
        // Without strides the one phase is the input itself.
        let place = shape.isStrided ? panel + panelRoom : inputDelta
        let width = shape.horizontal.sizeOfPaddedDelta
        phase.taps.weight.withUnsafeBufferPointer { weightAt in
            phase.taps.source.withUnsafeBufferPointer { sourceAt in
                var sums = sordino_convolution(
                    examples: examples, height: rows.count, width: columns.count,
                    source_example: shape.outputs * shape.deltaChannel, source_row: width,
                    out_example: shape.channels * phase.count, out_plane: phase.count, out_row: columns.count,
                    rows: shape.groupChannels, taps: weightAt.count, weight_row: shape.kernelCount,
                    weight_at: weightAt.baseAddress, source_at: sourceAt.baseAddress)
                for group in 0..<shape.groups {
                    sordino_convolve(
                        &sums, place + group * shape.groupChannels * phase.count,
                        source + group * shape.groupOutputs * shape.deltaChannel
                            + rows.lowerBound * width + columns.lowerBound,
                        weight + group * shape.groupOutputs * shape.taps, nil, panel)
                }
            }
        }
        guard shape.isStrided else { return }
        var target = sordino_phase(
            height: shape.vertical.size, width: shape.horizontal.size, top: phase.top, left: phase.left,
            vertical_stride: shape.vertical.stride, horizontal_stride: shape.horizontal.stride,
            rows: rows.count, columns: columns.count)
        sordino_place_phase(inputDelta, place, examples * shape.channels, &target)
    }
}
