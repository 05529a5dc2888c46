internal import Configuration

/// Presets whose parameters in part stay at the client.
enum FactorPresets {
    /// Parameters of the preset that belong to one user.
    static let matrixFactorizationLocal = ["user.*"]

    // Matrix factorisation with biases (Koren et al. 2009, section 5): the rating of item i is qᵢ · p + bᵢ + b. The items'
    // factors qᵢ and biases bᵢ are everybody's; p and b are those of the one user whose data the client has.
    @Sendable
    static func matrixFactorization(
        _ section: Section, outputs: Int?
    ) throws -> ([JSONValue], [String: JSONValue]) {
        guard let items = try section.integer("items", in: 1...(1 << 24)) else {
            throw section.error(
                "items", "is missing: how many items there are, and one more for those that are unknown")
        }
        let factors = try section.integer("factors", in: 1...(1 << 12)) ?? 8
        let deviation = try section.positive("deviation") ?? 0.1
        func embedding(_ units: Int, _ name: String) -> JSONValue {
            .object([
                EmbeddingLayer.kind: .object([
                    "vocabulary": .integer(items), "units": .integer(units), "deviation": .number(deviation),
                ]), "name": .string(name),
            ])
        }
        let flatten = JSONValue.object([
            FlattenLayer.kind: .object([:]), "name": .string(ModelElement.noName),
        ])
        let user = JSONValue.object([DenseLayer.kind: .integer(1), "name": .string("user")])
        let layers = JSONValue.object([
            ResidualLayer.kind: .object([
                "body": .array([embedding(factors, "item"), flatten, user]),
                "skip": .array([embedding(1, "item_bias"), flatten]),
            ]), "name": .string(ModelElement.noName),
        ])
        return (
            [layers],
            ["items": .integer(items), "factors": .integer(factors), "deviation": .number(deviation)]
        )
    }
}
