internal import Configuration

/// Presets of recurrences, which predict the next token at each position of a text from the tokens up to there.
enum RecurrentPresets {
    /// `char-lstm`: the next-character model of LEAF's Shakespeare task (Caldas et al. 2018; McMahan et al. 2017): an
    /// embedding of 8, two LSTM layers of 256, a dense layer to the vocabulary at each position.
    @Sendable
    static func characterLSTM(
        _ section: Section, outputs: Int?
    ) throws -> ([JSONValue], [String: JSONValue]) {
        try nextToken(section, outputs, kind: LongShortTermMemory.kind, embedding: 8, depth: 2)
    }

    /// `gru-text`: a small text generator: an embedding of 64, a GRU of 256, a dense layer to the vocabulary at each
    /// position.
    @Sendable
    static func textGRU(
        _ section: Section, outputs: Int?
    ) throws -> ([JSONValue], [String: JSONValue]) {
        try nextToken(section, outputs, kind: GatedRecurrence.kind, embedding: 64, depth: 1)
    }

    private static func nextToken(
        _ section: Section, _ outputs: Int?, kind: String, embedding: Int, depth: Int
    ) throws -> ([JSONValue], [String: JSONValue]) {
        guard let vocabulary = try section.integer("vocabulary", in: 2...(1 << 24)) ?? outputs else {
            throw section.error("vocabulary", "is missing: how many tokens there are, such as 80")
        }
        let embedding = try section.integer("embedding", in: 1...(1 << 16)) ?? embedding
        let units = try section.integer("units", in: 1...(1 << 14)) ?? 256
        let depth = try section.integer("depth", in: 1...64) ?? depth
        return (
            [
                .object([
                    EmbeddingLayer.kind: .object([
                        "vocabulary": .integer(vocabulary), "units": .integer(embedding),
                    ])
                ]),
                .object([kind: .object(["units": .integer(units), "layers": .integer(depth)])]),
                .object([DenseLayer.kind: .integer(vocabulary)]),
            ],
            [
                "vocabulary": .integer(vocabulary), "embedding": .integer(embedding),
                "units": .integer(units), "depth": .integer(depth),
            ]
        )
    }
}
