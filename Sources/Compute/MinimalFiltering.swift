internal import CKernels

/// Convolutions of 3×3 and 5×5 at stride 1 by Winograd's minimal filtering (Lavin and Gray 2016): tiles of 6×6 values of
/// the input yield 4×4 or 2×2 outputs, with a quarter or less than half of the multiplications. Values differ from the
/// plain sums by some units of the last place of the largest term.
struct MinimalFiltering: Sendable {
    private let channels: Int
    private let outputs: Int
    private let kernel: Int
    /// Outputs of a tile along an axis.
    private let size: Int
    private let forwardTiles: TileLayout
    private let backwardTiles: TileLayout
    private let deltaAt: [Int32]

    /// Nil where the convolution is not of that kind, or so small, or so rich in weights beside its positions, that the
    /// transformations would cost more than they save.
    ///
    /// `fewestChannels` stands for the number of channels and outputs from which on they pay.
    init?(_ shape: ConvolutionShape, fewestChannels: Int? = nil) {
        let (vertical, horizontal) = (shape.vertical, shape.horizontal)
        let axes = [vertical, horizontal]
        kernel = vertical.kernel
        guard [3, 5].contains(kernel), horizontal.kernel == kernel, shape.groups == 1,
            axes.allSatisfy({ $0.stride == 1 && $0.dilation == 1 && $0.leading < $0.kernel }),
            min(shape.channels, shape.outputs) >= fewestChannels ?? (kernel == 3 ? 64 : 32)
        else { return nil }
        (channels, outputs, size) = (shape.channels, shape.outputs, 7 - kernel)
        forwardTiles = TileLayout(
            size: size, input: (vertical.size, horizontal.size), output: (vertical.output, horizontal.output),
            top: vertical.leading, left: horizontal.leading)
        backwardTiles = TileLayout(
            size: size, input: (vertical.output, horizontal.output), output: (vertical.size, horizontal.size),
            top: kernel - 1 - vertical.leading, left: kernel - 1 - horizontal.leading)
        let plane = forwardTiles.count
        deltaAt = (0..<(size * size)).map { Int32($0 * plane) }
        guard forwardTiles.count >= Self.fewestTiles else { return nil }
    }

    // Measured on a Zen 5 core, whole steps of training with ten images, AVX-512 (AVX2): the CNN of McMahan, filtered in
    // its second convolution, 3.2 ms for 3.9 (4.7 for 6.7); ResNet-18, filtered at 64 and 128 channels, 151 for 173 (229
    // for 287); ResNet-8, had it been filtered at its 16 and 32 channels, 6.1 for 4.7 (7.1 for 7.4).
    private static let fewestTiles = 16
    /// Tiles that are transformed at once.
    private static let stepTiles = 256

    // MARK: Room

    private var slack: Int { sordino_source_slack }
    private func most(_ tiles: TileLayout) -> Int { max(1, Self.stepTiles / tiles.count) }
    private func step(_ count: Int, _ tiles: TileLayout) -> Int {
        let steps = max(1, (count + most(tiles) - 1) / most(tiles))
        return max(1, (count + steps - 1) / steps)
    }
    private func points(_ rows: Int, _ columns: Int) -> Int { 36 * (rows * columns + 8) }
    private var filterPoints: Int { points(channels, outputs) }

    /// Floats that any pass on `count` examples works in.
    func room(count: Int) -> Int {
        func pass(_ tiles: TileLayout, _ inputs: Int, _ outputs: Int) -> Int {
            let examples = min(count, most(tiles))
            let all = examples * tiles.count
            return examples * inputs * tiles.sourceChannel + slack + points(inputs, all)
                + points(outputs, all)
        }
        let deltas = min(count, most(forwardTiles)) * outputs * size * size * forwardTiles.count + slack
        return filterPoints
            + max(
                pass(forwardTiles, channels, outputs) + deltas + channels * outputs,
                pass(backwardTiles, outputs, channels))
    }

    // MARK: Passes, as ``Convolution`` promises them

    func forward(
        _ output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>?, count: Int, room: UnsafeMutablePointer<Float>
    ) {
        var filters = sordino_filters(
            rows: outputs, columns: channels, row_stride: channels * kernel * kernel,
            column_stride: kernel * kernel, is_turned: 0)
        sordino_weights_to_points(room, weight, &filters, kernel)
        filter(
            output, input, bias, tiles: forwardTiles, inputs: channels, outputs: outputs, count: count,
            room: room)
    }

    func inputDelta(
        _ inputDelta: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        weight: UnsafePointer<Float>, count: Int, room: UnsafeMutablePointer<Float>
    ) {
        var filters = sordino_filters(
            rows: channels, columns: outputs, row_stride: kernel * kernel,
            column_stride: channels * kernel * kernel, is_turned: 1)
        sordino_weights_to_points(room, weight, &filters, kernel)
        filter(
            inputDelta, outputDelta, nil, tiles: backwardTiles, inputs: outputs, outputs: channels,
            count: count, room: room)
    }

    // The filters' points are in the room's first floats.
    private func filter(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?,
        tiles: TileLayout, inputs: Int, outputs: Int, count: Int, room: UnsafeMutablePointer<Float>
    ) {
        let step = self.step(count, tiles)
        let source = room + filterPoints
        let ofInput = source + step * inputs * tiles.sourceChannel + slack
        let ofOutput = ofInput + points(inputs, step * tiles.count)
        var first = 0
        while first < count {
            let examples = min(step, count - first)
            let all = examples * tiles.count
            tiles.pad(source, input + first * inputs * tiles.inputPlane, examples * inputs)
            tiles.withTiles(examples, channels: inputs) { sordino_tiles_to_points(ofInput, source, &$0, 6) }
            for point in 0..<36 {
                Affine.inputDelta(
                    ofOutput + point * (outputs * all + 8),
                    outputDelta: room + point * (inputs * outputs + 8),
                    weight: ofInput + point * (inputs * all + 8), rows: outputs, inputs: all, outputs: inputs)
            }
            tiles.withTiles(examples, channels: outputs) {
                sordino_points_to_outputs(
                    output + first * outputs * tiles.outputPlane, ofOutput, bias, &$0, tiles.output.0,
                    tiles.output.1, size)
            }
            first += examples
        }
    }

    func weightGradient(
        into target: UnsafeMutablePointer<Float>, outputDelta: UnsafePointer<Float>,
        input: UnsafePointer<Float>, count: Int, scale: Float, keep: Float, room: UnsafeMutablePointer<Float>
    ) {
        let tiles = forwardTiles
        let step = self.step(count, tiles)
        let (sums, source) = (room, room + filterPoints)
        let ofInput = source + step * channels * tiles.sourceChannel + slack
        let ofDeltas = ofInput + points(channels, step * tiles.count)
        let deltas = ofDeltas + points(outputs, step * tiles.count)
        let product = deltas + step * outputs * size * size * tiles.count + slack
        var first = 0
        while first < count {
            let examples = min(step, count - first)
            let all = examples * tiles.count
            tiles.pad(source, input + first * channels * tiles.inputPlane, examples * channels)
            tiles.withTiles(examples, channels: channels) { sordino_tiles_to_points(ofInput, source, &$0, 6) }
            deltasToPoints(
                ofDeltas, deltas, outputDelta + first * outputs * tiles.outputPlane, examples: examples)
            for point in 0..<36 {
                let place = sums + point * (channels * outputs + 8)
                Affine.forward(
                    output: first == 0 ? place : product, input: ofDeltas + point * (outputs * all + 8),
                    weight: ofInput + point * (channels * all + 8), bias: nil, rows: outputs, inputs: all,
                    outputs: channels)
                if first > 0 { Kernels.addScaled(to: place, product, factor: 1, count: channels * outputs) }
            }
            first += examples
        }
        var filters = sordino_filters(
            rows: outputs, columns: channels, row_stride: channels * kernel * kernel,
            column_stride: kernel * kernel, is_turned: 0)
        sordino_points_to_gradient(target, sums, &filters, scale, keep, kernel)
    }

    // Deltas of whole tiles, zeros behind the image.
    private func deltasToPoints(
        _ points: UnsafeMutablePointer<Float>, _ deltas: UnsafeMutablePointer<Float>,
        _ outputDelta: UnsafePointer<Float>, examples: Int
    ) {
        let tiles = forwardTiles
        var padding = sordino_padding(
            height: tiles.output.0, width: tiles.output.1, top: 0, left: 0, vertical_stride: size,
            horizontal_stride: size, vertical_phases: size, horizontal_phases: size, out_height: tiles.rows,
            out_width: tiles.columns)
        sordino_pad(deltas, outputDelta, examples * outputs, &padding)
        deltaAt.withUnsafeBufferPointer { deltaAt in
            let plane = size * size * tiles.count
            var shape = sordino_tiles(
                examples: examples, channels: outputs, rows: tiles.rows, columns: tiles.columns,
                tiles: examples * tiles.count, source_example: outputs * plane, source_channel: plane,
                source_row: tiles.columns, source_at: deltaAt.baseAddress)
            sordino_tiles_to_points(points, deltas, &shape, size)
        }
    }
}

/// How images of one size are cut into tiles of 6×6 that overlap, for outputs of another size.
struct TileLayout: Sendable {
    /// Tiles down and across an image.
    let rows: Int
    let columns: Int
    let input: (Int, Int)
    let output: (Int, Int)
    private let size: Int
    private let top: Int
    private let left: Int
    private let sourceAt: [Int32]

    var count: Int { rows * columns }
    var inputPlane: Int { input.0 * input.1 }
    var outputPlane: Int { output.0 * output.1 }
    private var sourceHeight: Int { rows + 5 / size }
    private var sourceWidth: Int { columns + 5 / size }
    /// Floats of one channel, parted so that the same value of neighbouring tiles lies side by side.
    var sourceChannel: Int { size * size * sourceHeight * sourceWidth }

    /// Tiles of `size`×`size` outputs, with `top` rows and `left` columns of zeros before the input.
    init(size: Int, input: (Int, Int), output: (Int, Int), top: Int, left: Int) {
        (self.size, self.input, self.output, self.top, self.left) = (size, input, output, top, left)
        (rows, columns) = ((output.0 + size - 1) / size, (output.1 + size - 1) / size)
        let (height, width) = (rows + 5 / size, columns + 5 / size)
        sourceAt = (0..<36).map { place in
            let (i, j) = (place / 6, place % 6)
            return Int32((i % size * size + j % size) * height * width + i / size * width + j / size)
        }
    }

    /// Parts `planes` of the input.
    func pad(_ source: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ planes: Int) {
        var padding = sordino_padding(
            height: self.input.0, width: self.input.1, top: top, left: left, vertical_stride: size,
            horizontal_stride: size, vertical_phases: size, horizontal_phases: size,
            out_height: sourceHeight, out_width: sourceWidth)
        sordino_pad(source, input, planes, &padding)
    }

    /// The tiles of `examples` such images of `channels`.
    func withTiles(_ examples: Int, channels: Int, _ body: (inout sordino_tiles) -> Void) {
        sourceAt.withUnsafeBufferPointer { sourceAt in
            var tiles = sordino_tiles(
                examples: examples, channels: channels, rows: rows, columns: columns, tiles: examples * count,
                source_example: channels * sourceChannel, source_channel: sourceChannel,
                source_row: sourceWidth, source_at: sourceAt.baseAddress)
            body(&tiles)
        }
    }
}
