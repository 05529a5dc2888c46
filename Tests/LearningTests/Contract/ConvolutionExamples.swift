import Foundation

@testable import Learning

/// Examples of the layers for images and for sequences under windows.
enum ConvolutionExamples {
    static let all: [String: [LayerExample]] = [
        "conv2d": [
            image("{conv2d: {channels: 4, kernel: 3, padding: 'same'}}", [2, 5, 6]) {
                convolution($0, $1, Sizes(outputs: 4, kernel: (3, 3), padding: (1, 1)))
            },
            // A shape of two sizes is one channel.
            LayerExample(text: "{conv2d: {channels: 3, kernel: 5, padding: 2}}", inputShape: [7, 6]) {
                convolution(
                    Planes($0, [1, 7, 6]), $1,
                    Sizes(outputs: 3, kernel: (5, 5), padding: (2, 2)))
            },
            image(
                "{conv2d: {channels: 6, kernel: [3, 2], stride: [2, 1], groups: 2, bias: false}}", [4, 7, 5]
            ) {
                convolution(
                    $0, $1, Sizes(outputs: 6, kernel: (3, 2), stride: (2, 1), groups: 2, hasBias: false))
            },
            // Depthwise, dilated.
            image("{conv2d: {channels: 3, kernel: 3, padding: 2, dilation: 2, groups: 3}}", [3, 6, 6]) {
                convolution(
                    $0, $1,
                    Sizes(
                        outputs: 3, kernel: (3, 3), padding: (2, 2), dilation: 2, groups: 3)
                )
            },
            // The norm from products of positions: few of them, many weights.
            image("{conv2d: {channels: 9, kernel: 3, stride: 2, padding: 1}}", [8, 3, 3]) {
                convolution(
                    $0, $1,
                    Sizes(outputs: 9, kernel: (3, 3), stride: (2, 2), padding: (1, 1)))
            },
            image("{conv2d: {channels: 5, kernel: 1, stride: 2, bias: false}}", [3, 5, 4]) {
                convolution($0, $1, Sizes(outputs: 5, kernel: (1, 1), stride: (2, 2), hasBias: false))
            },
        ],
        "conv1d": [
            sequence("{conv1d: {channels: 4, kernel: 3, padding: 'same'}}", [7, 2]) { input, parameters in
                convolution(input, parameters, Sizes(outputs: 4, kernel: (1, 3), padding: (0, 1)))
            },
            sequence(
                "{conv1d: {channels: 4, kernel: 2, stride: 3, padding: 1, groups: 2, bias: false}}", [8, 2]
            ) {
                input, parameters in
                convolution(
                    input, parameters,
                    Sizes(
                        outputs: 4, kernel: (1, 2), stride: (1, 3), padding: (0, 1),
                        groups: 2,
                        hasBias: false))
            },
        ],
        "max_pool": [
            image("{max_pool: 2}", [2, 6, 4]) { input, _ in
                pool(input, Sizes(kernel: (2, 2), stride: (2, 2))) { $0.max() ?? 0 }
            },
            image("{max_pool: 2}", [3, 7, 5]) { input, _ in
                pool(input, Sizes(kernel: (2, 2), stride: (2, 2))) { $0.max() ?? 0 }
            },
            image("{max_pool: {kernel: 3, stride: 2, padding: 1}}", [2, 7, 6]) { input, _ in
                pool(
                    input, Sizes(kernel: (3, 3), stride: (2, 2), padding: (1, 1))
                ) { $0.max() ?? 0 }
            },
            image("{max_pool: {kernel: 3, stride: 2}}", [1, 7, 7]) { input, _ in
                pool(input, Sizes(kernel: (3, 3), stride: (2, 2))) { $0.max() ?? 0 }
            },
            image("{max_pool: {kernel: [2, 3], stride: 1}}", [1, 4, 5]) { input, _ in
                pool(input, Sizes(kernel: (2, 3))) { $0.max() ?? 0 }
            },
        ],
        "average_pool": [
            image("{average_pool: 2}", [2, 5, 4]) { input, _ in
                pool(input, Sizes(kernel: (2, 2), stride: (2, 2))) { $0.reduce(0, +) / 4 }
            },
            image("{average_pool: {kernel: [3, 2], stride: [2, 1], padding: 1}}", [2, 6, 5]) { input, _ in
                pool(
                    input, Sizes(kernel: (3, 2), stride: (2, 1), padding: (1, 1))
                ) { $0.reduce(0, +) / 6 }
            },
        ],
        "global_average_pool": [
            image("{global_average_pool: {}}", [3, 4, 5]) { input, _ in
                (0..<3).map { channel in input.plane(channel).reduce(0, +) / 20 }
            },
            LayerExample(text: "{global_average_pool: {}}", inputShape: [4, 3], hasTime: true) { input, _ in
                (0..<3).map { feature in (0..<4).reduce(0) { $0 + input[$1 * 3 + feature] } / 4 }
            },
        ],
        "group_norm": [
            image("{group_norm: {groups: 2, epsilon: 0.01}}", [4, 3, 2]) {
                groupNorm($0, $1, groups: 2, epsilon: 0.01)
            },
            image("{group_norm: 3}", [3, 5, 4]) { groupNorm($0, $1, groups: 3, epsilon: 1e-5) },
        ],
    ]

    // MARK: Naive layers

    /// A window's walk, rows before columns.
    struct Sizes: Sendable {
        var outputs = 0
        var kernel = (1, 1)
        var stride = (1, 1)
        /// Zeros on each side.
        var padding = (0, 0)
        var dilation = 1
        var groups = 1
        var hasBias = true

        init(
            outputs: Int = 0, kernel: (Int, Int), stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
            dilation: Int = 1, groups: Int = 1, hasBias: Bool = true
        ) {
            (self.outputs, self.kernel, self.stride, self.padding) = (outputs, kernel, stride, padding)
            (self.dilation, self.groups, self.hasBias) = (dilation, groups, hasBias)
        }
    }

    /// An image of [channels, height, width], zero outside.
    struct Planes: Sendable {
        let values: [Double]
        let sizes: [Int]

        init(_ values: [Double], _ sizes: [Int]) { (self.values, self.sizes) = (values, sizes) }

        func plane(_ channel: Int) -> [Double] {
            Array(values[channel * sizes[1] * sizes[2]..<(channel + 1) * sizes[1] * sizes[2]])
        }

        /// Nil outside the image.
        func value(_ channel: Int, _ row: Int, _ column: Int) -> Double? {
            guard (0..<sizes[1]).contains(row), (0..<sizes[2]).contains(column) else { return nil }
            return values[(channel * sizes[1] + row) * sizes[2] + column]
        }

        /// What is under each window of a channel, one list a window, nil where padding is; windows of `sizes`.
        func windows(_ channel: Int, _ walk: Sizes) -> [[Double?]] {
            let (rows, columns) = (walk.count(sizes[1], \.0), walk.count(sizes[2], \.1))
            return (0..<rows).flatMap { y in
                (0..<columns).map { x in
                    (0..<walk.kernel.0).flatMap { i in
                        (0..<walk.kernel.1).map { j in
                            value(
                                channel, y * walk.stride.0 + i * walk.dilation - walk.padding.0,
                                x * walk.stride.1 + j * walk.dilation - walk.padding.1)
                        }
                    }
                }
            }
        }
    }

    private static func image(
        _ text: String, _ sizes: [Int],
        _ naive: @escaping @Sendable (_ input: Planes, _ parameters: [Double]) -> [Double]
    ) -> LayerExample {
        LayerExample(text: text, inputShape: sizes) { naive(Planes($0, sizes), $1) }
    }

    // Time and features turned into one row a feature, and back.
    private static func sequence(
        _ text: String, _ sizes: [Int],
        _ naive: @escaping @Sendable (_ input: Planes, _ parameters: [Double]) -> [Double]
    ) -> LayerExample {
        LayerExample(text: text, inputShape: sizes, hasTime: true) { input, parameters in
            let output = naive(
                Planes(turned(input, rows: sizes[0]), [sizes[1], 1, sizes[0]]), parameters)
            return turned(output, rows: 4)
        }
    }

    private static func turned(_ values: [Double], rows: Int) -> [Double] {
        let columns = values.count / rows
        return values.indices.map { values[$0 % rows * columns + $0 / rows] }
    }

    @Sendable
    private static func convolution(_ input: Planes, _ parameters: [Double], _ walk: Sizes) -> [Double] {
        let channels = input.sizes[0] / walk.groups
        let places = walk.kernel.0 * walk.kernel.1
        let windows = (0..<input.sizes[0]).map { input.windows($0, walk) }
        return (0..<walk.outputs).flatMap { output in
            let group = output / (walk.outputs / walk.groups)
            return windows[0].indices.map { position in
                var sum = walk.hasBias ? parameters[walk.outputs * channels * places + output] : 0
                for channel in 0..<channels {
                    for place in 0..<places {
                        sum +=
                            parameters[(output * channels + channel) * places + place]
                            * (windows[group * channels + channel][position][place] ?? 0)
                    }
                }
                return sum
            }
        }
    }

    @Sendable
    private static func pool(_ input: Planes, _ walk: Sizes, _ reduce: ([Double]) -> Double) -> [Double] {
        (0..<input.sizes[0]).flatMap { channel in
            input.windows(channel, walk).map { reduce($0.compactMap { $0 }) }
        }
    }

    // Wu and He 2018, equations 1, 2 and 7.
    @Sendable
    private static func groupNorm(
        _ input: Planes, _ parameters: [Double], groups: Int, epsilon: Double
    ) -> [Double] {
        let (channels, plane) = (input.sizes[0], input.sizes[1] * input.sizes[2])
        let size = channels / groups * plane
        return input.values.indices.map { index in
            let own = input.values[index / size * size..<(index / size + 1) * size]
            let mean = own.reduce(0, +) / Double(size)
            let variance = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(size)
            let normal = (input.values[index] - mean) / (variance + epsilon).squareRoot()
            return parameters[index / plane] * normal + parameters[channels + index / plane]
        }
    }
}

extension ConvolutionExamples.Sizes {
    /// Windows along an axis of `size` places.
    func count(_ size: Int, _ axis: KeyPath<(Int, Int), Int>) -> Int {
        let reach = (kernel[keyPath: axis] - 1) * dilation
        return (size + 2 * padding[keyPath: axis] - reach - 1) / stride[keyPath: axis] + 1
    }
}
