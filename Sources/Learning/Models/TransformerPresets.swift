internal import Configuration

/// Presets of transformers, under the names and in the layout of published checkpoints.
enum TransformerPresets {
    /// Sizes of a transformer, each with a default and a key of its own.
    private struct Sizes {
        let vocabulary: Int
        let context: Int
        let width: Int
        let depth: Int
        let heads: Int
        let hidden: Int
        let dropout: Double

        /// Reads the sizes from a preset's keys; `named` gives defaults for the word under `size`.
        init(
            _ section: Section, vocabulary: Int?, context: Int,
            named: [String: (width: Int, depth: Int, heads: Int)],
            standard: String
        ) throws {
            let size = try section.string("size") ?? standard
            guard let sizes = named[size] else {
                throw section.error("size", Section.unknownName(size, known: named.keys.sorted()))
            }
            guard let vocabulary = try section.integer("vocabulary", in: 2...(1 << 24)) ?? vocabulary else {
                throw section.error("vocabulary", "is missing: how many tokens there are, such as 80")
            }
            self.vocabulary = vocabulary
            self.context = try section.integer("context", in: 1...(1 << 20)) ?? context
            width = try section.integer("width", in: 1...(1 << 16)) ?? sizes.width
            depth = try section.integer("depth", in: 1...1024) ?? sizes.depth
            heads = try section.integer("heads", in: 1...1024) ?? sizes.heads
            hidden = try section.integer("hidden", in: 1...(1 << 20)) ?? 4 * width
            guard width % heads == 0 else {
                throw section.error("heads", "must share the width \(width) evenly, not be \(heads)")
            }
            dropout =
                try section.number("dropout", expected: "a probability of at least 0 and below 1") {
                    $0 >= 0 && $0 < 1
                } ?? 0
        }

        var arguments: [String: JSONValue] {
            [
                "vocabulary": .integer(vocabulary), "context": .integer(context), "width": .integer(width),
                "depth": .integer(depth), "heads": .integer(heads), "hidden": .integer(hidden),
                "dropout": .number(dropout),
            ]
        }

        /// A dropout layer, where there is any.
        var drop: [JSONValue] { dropout > 0 ? [.object(["dropout": .number(dropout)])] : [] }
    }

    private static let generativeSizes: [String: (width: Int, depth: Int, heads: Int)] = [
        "124M": (768, 12, 12), "355M": (1024, 24, 16), "774M": (1280, 36, 20), "1558M": (1600, 48, 25),
    ]

    /// `gpt2`: a language model of any of GPT-2's sizes (Radford et al. 2019), by name or in figures.
    @Sendable
    static func gpt2(_ section: Section, outputs: Int?) throws -> ([JSONValue], [String: JSONValue]) {
        // The published vocabulary, whatever data are there: a checkpoint would not fit another.
        let sizes = try Sizes(
            section, vocabulary: 50257, context: 1024, named: generativeSizes, standard: "124M")
        return (generative(sizes), sizes.arguments)
    }

    /// `char-gpt`: the same model in a size for characters on processors: four blocks of width 128.
    @Sendable
    static func characterGPT(_ section: Section, outputs: Int?) throws -> ([JSONValue], [String: JSONValue]) {
        let sizes = try Sizes(
            section, vocabulary: outputs, context: 128, named: ["small": (128, 4, 4)], standard: "small")
        return (generative(sizes), sizes.arguments)
    }

    private static func generative(_ sizes: Sizes) -> [JSONValue] {
        // GPT-2 starts projections that end a residual part smaller, by the number of such parts (section 2.3).
        let last = 0.02 / Double(2 * sizes.depth).squareRoot()
        let blocks = (0..<sizes.depth).flatMap { index -> [JSONValue] in
            let attention: [JSONValue] = [
                published(3 * sizes.width, 0.02, "c_attn"),
                .object(["attention": .object(["heads": .integer(sizes.heads)])]),
                published(sizes.width, last, "c_proj"),
            ]
            let perceptron: [JSONValue] = [
                published(sizes.hidden, 0.02, "c_fc"), .object(["gelu": .string("tanh")]),
                published(sizes.width, last, "c_proj"),
            ]
            return [
                residual([norm("ln_1", 1e-5), list(attention + sizes.drop, "attn")], "h.\(index)"),
                residual([norm("ln_2", 1e-5), list(perceptron + sizes.drop, "mlp")], "h.\(index)"),
            ]
        }
        let tokens: JSONValue = .object([
            "embedding": .object([
                "vocabulary": .integer(sizes.vocabulary), "units": .integer(sizes.width),
                "deviation": .number(0.02), "sharing": .string("tokens"),
            ]), "name": .string("wte"),
        ])
        let head: JSONValue = .object([
            "dense": .object([
                "units": .integer(sizes.vocabulary), "bias": .bool(false), "sharing": .string("tokens"),
            ]), "name": .string("lm_head"),
        ])
        return [tokens, positions(sizes.context, "wpe")] + sizes.drop + blocks + [norm("ln_f", 1e-5), head]
    }

    private static let encoderSizes: [String: (width: Int, depth: Int, heads: Int)] = [
        "tiny": (128, 2, 2), "minilm-l6": (384, 6, 12), "base": (768, 12, 12), "large": (1024, 24, 16),
    ]

    /// `bert-classifier`: BERT (Devlin et al. 2019) with a dense layer to the classes, on the pooled first position, or
    /// with `pooling: "mean"` on the mean over positions, as sentence transformers have it.
    @Sendable
    static func bertClassifier(_ section: Section, outputs: Int?) throws -> ([JSONValue], [String: JSONValue])
    {
        let sizes = try Sizes(
            section, vocabulary: 30522, context: 512, named: encoderSizes, standard: "base")
        guard let classes = try section.integer("classes", in: 2...(1 << 20)) ?? outputs else {
            throw section.error("classes", "is missing: how many classes there are, such as 2")
        }
        let pooling = try section.string("pooling") ?? "first"
        guard ["first", "mean"].contains(pooling) else {
            throw section.error("pooling", Section.unknownName(pooling, known: ["first", "mean"]))
        }
        let pooled: [JSONValue] =
            pooling == "mean"
            ? [.string("mean_over_time")]
            : [.string("first_position"), dense(sizes.width, "pooler.dense"), .string("tanh")]
        let arguments = sizes.arguments.merging([
            "classes": .integer(classes), "pooling": .string(pooling),
        ]) { $1 }
        return (encoder(sizes) + pooled + sizes.drop + [dense(classes, "classifier")], arguments)
    }

    private static func encoder(_ sizes: Sizes) -> [JSONValue] {
        let blocks = (0..<sizes.depth).flatMap { index -> [JSONValue] in
            let name = "encoder.layer.\(index)"
            let heads: JSONValue = .object([
                "units": .integer(3 * sizes.width), "deviation": .number(0.02),
                "parts": .array(["query", "key", "value"].map { .string($0) }),
            ])
            let attention: [JSONValue] = [
                .object(["dense": heads, "name": .string("attention.self")]),
                .object(["attention": .object(["heads": .integer(sizes.heads), "causal": .bool(false)])]),
                dense(sizes.width, "attention.output.dense"),
            ]
            let perceptron: [JSONValue] = [
                dense(sizes.hidden, "intermediate.dense"), .string("gelu"),
                dense(sizes.width, "output.dense"),
            ]
            return [
                residual([list(attention + sizes.drop, name)], ModelElement.noName),
                norm("\(name).attention.output.LayerNorm", 1e-12),
                residual([list(perceptron + sizes.drop, name)], ModelElement.noName),
                norm("\(name).output.LayerNorm", 1e-12),
            ]
        }
        let tokens: JSONValue = .object([
            "embedding": .object([
                "vocabulary": .integer(sizes.vocabulary), "units": .integer(sizes.width),
                "deviation": .number(0.02),
            ]), "name": .string("embeddings.word_embeddings"),
        ])
        let segment: JSONValue = .object([
            "segment": .object(["segments": .integer(2), "deviation": .number(0.02)]),
            "name": .string("embeddings.token_type_embeddings"),
        ])
        return [
            tokens, positions(sizes.context, "embeddings.position_embeddings"), segment,
            norm("embeddings.LayerNorm", 1e-12),
        ] + sizes.drop + blocks
    }

    /// `vit`: a small vision transformer (Dosovitskiy et al. 2021) that averages over its patches.
    @Sendable
    static func visionTransformer(
        _ section: Section, outputs: Int?
    ) throws -> ([JSONValue], [String: JSONValue]) {
        guard let classes = try section.integer("classes", in: 2...(1 << 20)) ?? outputs else {
            throw section.error("classes", "is missing: how many classes there are, such as 10")
        }
        let patch = try section.integer("patch", in: 1...4096) ?? 4
        let width = try section.integer("width", in: 1...(1 << 16)) ?? 128
        let depth = try section.integer("depth", in: 1...1024) ?? 6
        let heads = try section.integer("heads", in: 1...1024) ?? 4
        guard width % heads == 0 else {
            throw section.error("heads", "must share the width \(width) evenly, not be \(heads)")
        }
        let block: JSONValue = .object([
            "transformer_block": .object([
                "heads": .integer(heads), "causal": .bool(false), "activation": .string("gelu"),
            ])
        ])
        return (
            [
                .object(["patches": .integer(patch)]), dense(width, "embedding"),
                .object(["positions": .object(["deviation": .number(0.02)]), "name": .string("positions")]),
            ] + (0..<depth).map { _ in block } + [
                norm("norm", 1e-6), .string("mean_over_time"), dense(classes, "head"),
            ],
            [
                "classes": .integer(classes), "patch": .integer(patch), "width": .integer(width),
                "depth": .integer(depth), "heads": .integer(heads),
            ]
        )
    }

    // MARK: Elements

    private static func positions(_ length: Int, _ name: String) -> JSONValue {
        .object([
            "positions": .object(["length": .integer(length), "deviation": .number(0.02)]),
            "name": .string(name),
        ])
    }

    private static func published(_ units: Int, _ deviation: Double, _ name: String) -> JSONValue {
        .object([
            "dense": .object([
                "units": .integer(units), "layout": .string("in_out"), "deviation": .number(deviation),
            ]), "name": .string(name),
        ])
    }

    private static func dense(_ units: Int, _ name: String) -> JSONValue {
        .object([
            "dense": .object(["units": .integer(units), "deviation": .number(0.02)]), "name": .string(name),
        ])
    }

    private static func norm(_ name: String, _ epsilon: Double) -> JSONValue {
        .object(["layer_norm": .object(["epsilon": .number(epsilon)]), "name": .string(name)])
    }

    private static func list(_ layers: [JSONValue], _ name: String) -> JSONValue {
        .object(["sequential": .array(layers), "name": .string(name)])
    }

    private static func residual(_ body: [JSONValue], _ name: String) -> JSONValue {
        .object(["residual": .array(body), "name": .string(name)])
    }
}
