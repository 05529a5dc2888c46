internal import Compute
internal import Configuration

/// How windows walk over an image or a sequence, as a layer's arguments say it: a number for all axes, or one an axis.
struct WindowOptions: Sendable {
    /// How far the zeros around the input reach.
    enum Padding: Sendable {
        case sizes([Int])
        /// As far as makes the output as large as the input, at stride 1.
        case same
    }

    private let kernel: [Int]
    private let stride: [Int]
    private let dilation: [Int]
    private let padding: Padding
    private let isDilatable: Bool

    /// Reads `kernel` (`size` for a pooling), `stride`, `padding` and, where `isDilatable`, `dilation`, each for `axes`
    /// axes. A stride that is not given is the window's size where `strideIsKernel`, 1 otherwise.
    init(_ section: Section, axes: Int, strideIsKernel: Bool, isDilatable: Bool) throws {
        guard let kernel = try Self.sizes(section, "kernel", axes, 1...1024) else {
            throw section.error("kernel", "is missing: how many places a window has along an axis, such as 3")
        }
        self.kernel = kernel
        self.isDilatable = isDilatable
        let fallback = strideIsKernel ? kernel : [Int](repeating: 1, count: axes)
        stride = try Self.sizes(section, "stride", axes, 1...1024) ?? fallback
        dilation =
            try isDilatable
            ? Self.sizes(section, "dilation", axes, 1...1024) ?? [Int](repeating: 1, count: axes)
            : [Int](repeating: 1, count: axes)
        if case .string(let word)? = section.value("padding") {
            guard isDilatable, word == "same" else {
                throw section.error(
                    "padding",
                    isDilatable ? "must be a number of zeros, or \"same\"" : "must be a number of places")
            }
            guard stride.allSatisfy({ $0 == 1 }) else {
                throw section.error("padding", "cannot be \"same\" with a stride above 1")
            }
            padding = .same
        } else {
            padding = .sizes(
                try Self.sizes(section, "padding", axes, 0...1024) ?? [Int](repeating: 0, count: axes))
        }
    }

    /// The arguments with their values, as ``init(_:axes:strideIsKernel:isDilatable:)`` reads them.
    var arguments: [String: JSONValue] {
        var arguments = ["kernel": Self.json(kernel), "stride": Self.json(stride)]
        switch padding {
        case .same: arguments["padding"] = .string("same")
        case .sizes(let sizes): arguments["padding"] = Self.json(sizes)
        }
        if isDilatable { arguments["dilation"] = Self.json(dilation) }
        return arguments
    }

    /// The window's walk over `size` places of axis `index`. Throws where it does not fit.
    func axis(_ index: Int, size: Int) throws(ShapeProblem) -> WindowAxis {
        let reach = (kernel[index] - 1) * dilation[index]
        let around: (Int, Int) =
            switch padding {
            case .same: (reach / 2, reach - reach / 2)
            case .sizes(let sizes): (sizes[index], sizes[index])
            }
        let axis = WindowAxis(
            size: size, kernel: kernel[index], stride: stride[index], leading: around.0, trailing: around.1,
            dilation: dilation[index])
        guard axis.output > 0 else {
            throw ShapeProblem(
                message: "a window that reaches over \(reach + 1) places does not fit on \(size) with "
                    + "\(around.0) + \(around.1) of padding")
        }
        return axis
    }

    /// Whether every window of a pooling has a place in the image and few enough to tell apart.
    var isPooling: Bool {
        guard case .sizes(let sizes) = padding else { return false }
        return zip(sizes, kernel).allSatisfy { 2 * $0 <= $1 } && kernel.reduce(1, *) <= Pooling.mostPlaces
    }

    private static func sizes(
        _ section: Section, _ key: String, _ axes: Int, _ range: ClosedRange<Int>
    ) throws -> [Int]? {
        guard axes > 1, case .array? = section.value(key) else {
            return try section.integer(key, in: range).map { [Int](repeating: $0, count: axes) }
        }
        let sizes = try (try section.list(key) ?? []).map { item in
            guard case .integer(let size) = item, range.contains(size) else {
                throw section.error(
                    key, "must hold whole numbers from \(range.lowerBound) to \(range.upperBound)")
            }
            return size
        }
        guard sizes.count == axes else {
            throw section.error(
                key, "must be a number, or \(axes) of them (rows, columns), not \(sizes.count)")
        }
        return sizes
    }

    private static func json(_ sizes: [Int]) -> JSONValue {
        let isUniform = sizes.allSatisfy { $0 == sizes[0] }
        return isUniform ? .integer(sizes[0]) : .array(sizes.map { .integer($0) })
    }
}
