package import Configuration

/// Low-rank adapters (LoRA; Hu et al. 2021): a layer's weight W stays as it is, and what is trained, clipped, noised and
/// sent is a product of two small matrices that is added to it.
package struct AdapterOptions: Sendable, Equatable {
    /// Rank of the added product.
    package let rank: Int
    /// The product is scaled by alpha / rank.
    package let alpha: Double
    /// Patterns of the layers that get adapters.
    let targets: [NamePattern]
    /// Patterns of parameters that are trained beside the adapters, such as a new head's.
    let alsoTrained: [NamePattern]

    /// Reads `{ rank: 8, alpha: 16, targets: ["*.c_attn"], train: ["classifier.*"] }` strictly.
    package init(_ section: Section) throws {
        rank = try section.integer("rank", in: 1...4096) ?? 8
        alpha = try section.positive("alpha") ?? Double(rank)
        targets = try Self.patterns(section, "targets")
        guard !targets.isEmpty else {
            throw section.error(
                "targets", "is missing: names of the layers that get adapters, such as [\"*.c_attn\"]")
        }
        alsoTrained = try Self.patterns(section, "train")
        try section.finish()
    }

    /// The section with every default filled in.
    var json: JSONValue {
        .object([
            "rank": .integer(rank), "alpha": .number(alpha),
            "targets": .array(targets.map { .string($0.text) }),
            "train": .array(alsoTrained.map { .string($0.text) }),
        ])
    }

    /// The list of patterns under `key`, empty where it is absent.
    static func patterns(_ section: Section, _ key: String) throws -> [NamePattern] {
        try (try section.list(key) ?? []).map { item in
            guard case .string(let text) = item, !text.isEmpty, text.utf8.count <= 200 else {
                throw section.error(
                    key, "must be a list of names, with * for any part, such as [\"h.*.attn.*\"]")
            }
            return NamePattern(text: text)
        }
    }
}

/// A layer that can get a low-rank adapter.
protocol AdaptableLayer: Layer {
    /// The layer with an adapter beside its weight, which starts as no change.
    func adapted(rank: Int, alpha: Double) -> any Layer
}
