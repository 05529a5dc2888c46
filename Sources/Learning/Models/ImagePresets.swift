internal import Configuration

/// Presets of convolutions, for images and for sensors.
enum ImagePresets {
    // McMahan et al. 2017, section 3: two 5×5 convolutions of 32 and 64 channels, each with an activation (rectifiers) and a 2×2 maximum,
    // 512 units, then the classes: 1,663,370 parameters on 28×28×1 with 10 classes.
    @Sendable
    static func cnn(_ section: Section, outputs: Int?) throws -> ([JSONValue], [String: JSONValue]) {
        let channels = try sizes(section, "channels") ?? [32, 64]
        let hidden = try sizes(section, "hidden") ?? [512]
        let kernel = try section.integer("kernel", in: 1...63) ?? 5
        let dropout =
            try section.number("dropout", expected: "a probability of at least 0 and below 1") {
                $0 >= 0 && $0 < 1
            } ?? 0
        let classes = try classes(section, outputs)
        let activation = JSONValue.string(try PresetCatalog.activation(section))
        var layers: [JSONValue] = []
        for width in channels {
            layers += [convolution(width, kernel, ["padding": .string("same")]), activation]
            layers.append(.object(["max_pool": .integer(2)]))
        }
        for units in hidden {
            layers += [.object(["dense": .integer(units)]), activation]
            if dropout > 0 { layers.append(.object(["dropout": .number(dropout)])) }
        }
        layers.append(.object(["dense": .integer(classes)]))
        return (
            layers,
            [
                "channels": json(channels), "hidden": json(hidden), "kernel": .integer(kernel),
                "dropout": .number(dropout), "classes": .integer(classes), "activation": activation,
            ]
        )
    }

    // He et al. 2016 for small images (section 4.2), with group norm in place of batch norm (Hsieh et al. 2020): depth 8
    // has one block at each of 16, 32 and 64 channels, depth 18 two at each of 64, 128, 256 and 512.
    @Sendable
    static func resnet(_ section: Section, outputs: Int?) throws -> ([JSONValue], [String: JSONValue]) {
        let depth = try section.integer("depth") ?? 8
        let (widths, blocks): ([Int], Int)
        switch depth {
        case 8: (widths, blocks) = ([16, 32, 64], 1)
        case 18: (widths, blocks) = ([64, 128, 256, 512], 2)
        default: throw section.error("depth", "must be 8 or 18, not \(depth)")
        }
        let classes = try classes(section, outputs)
        let activation = JSONValue.string(try PresetCatalog.activation(section))
        var layers = [
            convolution(widths[0], 3, ["padding": .integer(1), "bias": .bool(false)]),
            .object(["group_norm": .integer(8)]), activation,
        ]
        var inputs = widths[0]
        for (stage, width) in widths.enumerated() {
            for block in 0..<blocks {
                layers += residual(
                    from: inputs, to: width, stride: stage > 0 && block == 0 ? 2 : 1, activation)
                inputs = width
            }
        }
        layers += [.string("global_average_pool"), .object(["dense": .integer(classes)])]
        return (
            layers, ["depth": .integer(depth), "classes": .integer(classes), "activation": activation]
        )
    }

    // Convolutions along time with rectifiers, the mean over time, then the classes.
    @Sendable
    static func sensorCNN(_ section: Section, outputs: Int?) throws -> ([JSONValue], [String: JSONValue]) {
        let channels = try sizes(section, "channels") ?? [64, 64]
        let kernel = try section.integer("kernel", in: 1...1024) ?? 5
        let classes = try classes(section, outputs)
        let activation = JSONValue.string(try PresetCatalog.activation(section))
        var layers: [JSONValue] = [.string("sequence")]
        for width in channels {
            let arguments: [String: JSONValue] = [
                "channels": .integer(width), "kernel": .integer(kernel), "padding": .string("same"),
            ]
            layers += [.object(["conv1d": .object(arguments)]), activation]
        }
        layers += [.string("global_average_pool"), .object(["dense": .integer(classes)])]
        return (
            layers,
            [
                "channels": json(channels), "kernel": .integer(kernel), "classes": .integer(classes),
                "activation": activation,
            ]
        )
    }

    private static func convolution(
        _ channels: Int, _ kernel: Int, _ arguments: [String: JSONValue]
    ) -> JSONValue {
        let sizes: [String: JSONValue] = ["channels": .integer(channels), "kernel": .integer(kernel)]
        return .object(["conv2d": .object(sizes.merging(arguments) { $1 })])
    }

    private static func residual(
        from inputs: Int, to width: Int, stride: Int, _ activation: JSONValue
    ) -> [JSONValue] {
        let bare: [String: JSONValue] = ["bias": .bool(false)]
        func around(_ stride: Int) -> [String: JSONValue] {
            bare.merging(["padding": .integer(1), "stride": .integer(stride)]) { $1 }
        }
        let norm = JSONValue.object(["group_norm": .integer(min(32, width / 4))])
        let body = [
            convolution(width, 3, around(stride)), norm, activation, convolution(width, 3, around(1)),
            norm,
        ]
        let isPlain = stride == 1 && inputs == width
        let skip = isPlain ? [] : [convolution(width, 1, bare.merging(["stride": .integer(stride)]) { $1 })]
        return [
            .object(["residual": .object(["body": .array(body), "skip": .array(skip)])]), activation,
        ]
    }

    private static func sizes(_ section: Section, _ key: String) throws -> [Int]? {
        try section.list(key)?.map { item in
            guard case .integer(let size) = item, (1...(1 << 20)).contains(size) else {
                throw section.error(key, "must be a list of sizes above 0, such as [32, 64]")
            }
            return size
        }
    }

    private static func json(_ sizes: [Int]) -> JSONValue { .array(sizes.map { .integer($0) }) }

    private static func classes(_ section: Section, _ outputs: Int?) throws -> Int {
        guard let classes = try section.integer("classes", in: 1...(1 << 20)) ?? outputs else {
            throw section.error("classes", "is missing: how many classes there are, such as 10")
        }
        return classes
    }
}
