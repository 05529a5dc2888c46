package import Configuration

/// Attention and a perceptron, each with a norm and added to what it reads: one block of a transformer.
///
/// With `order: "pre"` the norm stands before each part, as in GPT-2; with `"post"` behind each sum, as in the original
/// (Vaswani et al. 2017, section 3.1) and in BERT. The width is the input's. `hidden` is the perceptron's, four times the
/// width unless it says otherwise; `activation: "swiglu"` gates it (Shazeer 2020), with two thirds of that.
package struct TransformerBlock: CompositeLayer {
    package static let kind = "transformer_block"
    package static let shorthand: String? = "heads"

    /// Where norms stand.
    private enum Order: String, CaseIterable {
        case pre, post
    }

    private static let norms = ["layer_norm", "rms_norm"]
    private static let activations = ["gelu", "gelu_tanh", "relu", "silu", "swiglu"]

    private let attention: JSONValue
    private let heads: Int
    private let keyHeads: Int
    private let order: Order
    private let hidden: Int?
    private let norm: String
    private let activation: String
    private let hasBias: Bool
    private let dropout: Double
    private let path: String

    package init(_ section: Section) throws {
        path = section.path
        guard let heads = try section.integer("heads", in: 1...1024) else {
            throw section.error("heads", "is missing: how many heads attention has, such as 4")
        }
        self.heads = heads
        keyHeads = try section.integer("kv_heads", in: 1...1024) ?? heads
        guard heads % keyHeads == 0 else {
            throw section.error("kv_heads", "must divide the \(heads) heads evenly, not be \(keyHeads)")
        }
        order = try section.choice("order", of: Order.self) ?? .pre
        hidden = try section.integer("hidden", in: 1...(1 << 20))
        norm = try section.string("norm") ?? "layer_norm"
        guard Self.norms.contains(norm) else {
            throw section.error("norm", Section.unknownName(norm, known: Self.norms))
        }
        activation = try section.string("activation") ?? "gelu_tanh"
        guard Self.activations.contains(activation) else {
            throw section.error("activation", Section.unknownName(activation, known: Self.activations))
        }
        hasBias = try section.bool("bias") ?? true
        dropout =
            try section.number("dropout", expected: "a probability of at least 0 and below 1") {
                $0 >= 0 && $0 < 1
            } ?? 0
        attention = .object([
            "heads": .integer(heads), "kv_heads": .integer(keyHeads),
            "causal": .bool(try section.bool("causal") ?? true),
            "rotary": section.value("rotary") ?? .bool(false),
        ])
        // Read as the layer reads it, so that a mistake shows before any shape is known.
        _ = try ModelElement(.object(["attention": attention]), path: section.path)
    }

    package var arguments: [String: JSONValue] {
        guard case .object(var arguments) = attention else { return [:] }
        arguments["order"] = .string(order.rawValue)
        if let hidden { arguments["hidden"] = .integer(hidden) }
        arguments["norm"] = .string(norm)
        arguments["activation"] = .string(activation)
        arguments["bias"] = .bool(hasBias)
        arguments["dropout"] = .number(dropout)
        return arguments
    }

    package func parts(for input: ActivationShape) throws -> CompositeParts {
        guard input.hasTime, input.width % heads == 0 else {
            throw ShapeProblem(
                message: "needs a sequence whose width \(heads) heads share evenly, not shape \(input.sizes)")
        }
        let width = input.width
        let size = width / heads
        let attend = Self.named(
            "attention",
            [
                Self.dense((heads + 2 * keyHeads) * size, bias: hasBias, name: "qkv"),
                .object(["attention": attention]),
                Self.dense(width, bias: hasBias, name: "out"),
            ] + drop)
        let perceptron = Self.named("mlp", feedForward(width))
        let list: [JSONValue] =
            switch order {
            case .pre:
                [
                    .object(["residual": .array([norm(1), attend])]),
                    .object(["residual": .array([norm(2), perceptron])]),
                ]
            case .post:
                [
                    .object(["residual": .array([attend])]), norm(1),
                    .object(["residual": .array([perceptron])]), norm(2),
                ]
            }
        // Both residual parts bear the block's own name, so that parameters read `attention.qkv.weight`.
        return .chain(
            try ModelElement.list(list.map(Self.unnamed), path: path))
    }

    private var drop: [JSONValue] { dropout > 0 ? [.object(["dropout": .number(dropout)])] : [] }

    private func norm(_ number: Int) -> JSONValue {
        .object([norm: .object([:]), "name": .string("norm\(number)")])
    }

    private func feedForward(_ width: Int) -> [JSONValue] {
        if activation == "swiglu" {
            // Gate and value take as many parameters as the plain perceptron's one layer (Shazeer 2020, section 3.1).
            let size = hidden ?? (8 * width / 3 + 7) / 8 * 8
            return [
                Self.dense(2 * size, bias: hasBias, name: "up"), .string("swiglu"),
                Self.dense(width, bias: hasBias, name: "down"),
            ] + drop
        }
        let function: JSONValue =
            activation == "gelu_tanh" ? .object(["gelu": .string("tanh")]) : .string(activation)
        return [
            Self.dense(hidden ?? 4 * width, bias: hasBias, name: "up"), function,
            Self.dense(width, bias: hasBias, name: "down"),
        ] + drop
    }

    private static func dense(_ units: Int, bias: Bool, name: String) -> JSONValue {
        .object(["dense": .object(["units": .integer(units), "bias": .bool(bias)]), "name": .string(name)])
    }

    private static func named(_ name: String, _ layers: [JSONValue]) -> JSONValue {
        .object(["sequential": .array(layers), "name": .string(name)])
    }

    private static func unnamed(_ element: JSONValue) -> JSONValue {
        guard case .object(var members) = element, members["residual"] != nil else { return element }
        members["name"] = .string(ModelElement.noName)
        return .object(members)
    }
}
