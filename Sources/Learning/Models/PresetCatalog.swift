package import Configuration

/// A named family of models, expanded into layers.
package struct ModelPreset: Sendable {
    package let name: String
    /// The key of the number of outputs, where the data can say it: classes, or tokens of the vocabulary.
    package let outputsKey: String?
    /// Patterns of the parameters that stay at each client where a model does not say it under `local`.
    package var local: [String] = []
    /// Reads the preset's keys and returns the layers and all keys with their values. `outputs` stands in for
    /// a missing number of outputs.
    package let expand:
        @Sendable (_ section: Section, _ outputs: Int?) throws -> (
            layers: [JSONValue], arguments: [String: JSONValue]
        )
}

/// Every preset, one line an entry.
package enum PresetCatalog {
    package static let all: [ModelPreset] = [
        ModelPreset(name: "logistic", outputsKey: "classes", expand: logistic),
        ModelPreset(name: "linear", outputsKey: nil, expand: linear),
        ModelPreset(name: "mlp", outputsKey: "classes", expand: multilayerPerceptron),
        ModelPreset(name: "autoencoder", outputsKey: nil, expand: autoencoder),
        ModelPreset(name: "char-lstm", outputsKey: "vocabulary", expand: RecurrentPresets.characterLSTM),
        ModelPreset(name: "gru-text", outputsKey: "vocabulary", expand: RecurrentPresets.textGRU),
        ModelPreset(name: "char-gpt", outputsKey: "vocabulary", expand: TransformerPresets.characterGPT),
        ModelPreset(name: "gpt2", outputsKey: nil, expand: TransformerPresets.gpt2),
        ModelPreset(
            name: "bert-classifier", outputsKey: "classes", expand: TransformerPresets.bertClassifier),
        ModelPreset(name: "vit", outputsKey: "classes", expand: TransformerPresets.visionTransformer),
        ModelPreset(name: "cnn", outputsKey: "classes", expand: ImagePresets.cnn),
        ModelPreset(name: "resnet", outputsKey: "classes", expand: ImagePresets.resnet),
        ModelPreset(
            name: "matrix-factorization", outputsKey: nil, local: FactorPresets.matrixFactorizationLocal,
            expand: FactorPresets.matrixFactorization),
        ModelPreset(name: "sensor-cnn", outputsKey: "classes", expand: ImagePresets.sensorCNN),
        ModelPreset(name: "trees", outputsKey: "classes", expand: TreePresets.trees),
    ]

    // Multinomial logistic regression: one dense layer, one logit a class.
    @Sendable
    private static func logistic(
        _ section: Section, outputs: Int?
    ) throws -> ([JSONValue], [String: JSONValue]) {
        let classes = try section.integer("classes", in: 2...(1 << 20)) ?? outputs.map { max(2, $0) }
        guard let classes else {
            throw section.error("classes", "is missing: how many classes there are, such as 10")
        }
        return ([dense(classes)], ["classes": .integer(classes)])
    }

    // Linear regression: one dense layer.
    @Sendable
    private static func linear(
        _ section: Section, outputs: Int?
    ) throws -> ([JSONValue], [String: JSONValue]) {
        let width = try section.integer("outputs", in: 1...(1 << 20)) ?? outputs ?? 1
        return ([dense(width)], ["outputs": .integer(width)])
    }

    // Dense layers with an activation, and optionally dropout, between them.
    @Sendable
    private static func multilayerPerceptron(
        _ section: Section, outputs: Int?
    ) throws -> ([JSONValue], [String: JSONValue]) {
        let hidden = try hidden(section) ?? [64]
        let classes = try section.integer("classes", in: 1...(1 << 20))
        let values = try section.integer("outputs", in: 1...(1 << 20))
        guard classes == nil || values == nil else {
            throw section.error("outputs", "cannot stand beside classes: give one of the two")
        }
        guard let width = classes ?? values ?? outputs else {
            throw section.error("classes", "is missing: how many classes there are, such as 10")
        }
        let activation = try activation(section)
        let dropout =
            try section.number("dropout", expected: "a probability of at least 0 and below 1") {
                $0 >= 0 && $0 < 1
            } ?? 0
        var layers: [JSONValue] = []
        for units in hidden {
            layers += [dense(units), .string(activation)]
            if dropout > 0 { layers.append(.object(["dropout": .number(dropout)])) }
        }
        layers.append(dense(width))
        var arguments: [String: JSONValue] = [
            "hidden": .array(hidden.map { .integer($0) }), "activation": .string(activation),
            "dropout": .number(dropout),
        ]
        arguments[values == nil ? "classes" : "outputs"] = .integer(width)
        return (layers, arguments)
    }

    // Dense layers down to the last of `hidden` and back up through the others (Hinton and Salakhutdinov 2006), an
    // activation behind each, then as many values as the data have.
    @Sendable
    private static func autoencoder(
        _ section: Section, outputs: Int?
    ) throws -> ([JSONValue], [String: JSONValue]) {
        let hidden = try hidden(section) ?? [64, 16]
        guard !hidden.isEmpty else {
            throw section.error("hidden", "must hold at least one layer size, such as [64, 16]")
        }
        let activation = try activation(section)
        let layers = (hidden + hidden.dropLast().reversed()).flatMap { [dense($0), .string(activation)] }
        return (
            [
                .object([
                    ReproductionLayer.kind: .array(layers), "name": .string(ModelElement.noName),
                ])
            ],
            ["hidden": .array(hidden.map { .integer($0) }), "activation": .string(activation)]
        )
    }

    private static func hidden(_ section: Section) throws -> [Int]? {
        try section.list("hidden")?.map { item in
            guard case .integer(let units) = item, units > 0 else {
                throw section.error("hidden", "must be a list of layer sizes above 0, such as [64, 64]")
            }
            return units
        }
    }

    private static func dense(_ units: Int) -> JSONValue { .object(["dense": .integer(units)]) }

    /// The name under `activation`, a rectifier where there is none. Throws for a name that is none of theirs.
    static func activation(_ section: Section) throws -> String {
        let name = try section.string("activation") ?? "relu"
        let known = ["relu", "leaky_relu", "sigmoid", "tanh", "gelu"]
        guard known.contains(name) else {
            throw section.error("activation", Section.unknownName(name, known: known))
        }
        return name
    }
}
