package import Compute
package import Configuration

/// How an update travels in fewer bytes where nothing is clipped, hidden or masked.
///
/// Bytes are a function of the update, the round and the client's own random numbers; what they expand to is a function of
/// the bytes and the round alone, the same at client, server and simulator. All compressed updates of a plan are of one
/// length.
package protocol UpdateCompressor: Sendable {
    /// Reads the compressor's own keys of `task.compression`; the caller refuses what is left over.
    init(_ section: Section) throws
    /// Its own keys with their values, as ``init(_:)`` reads them.
    var settings: [String: JSONValue] { get }
    /// Whether what the bytes leave out is kept at the client and added to its next update (error feedback: Karimireddy
    /// et al. 2019): for what leaves out on purpose, and not by chance around the truth.
    var feedsBack: Bool { get }
    /// Bytes of an update of `count` coordinates.
    func byteCount(_ count: Int) -> Int
    /// Writes the bytes of an update, which is finite. `room` is for updates of its length.
    func compress(
        _ values: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer,
        room: CompressionRoom,
        round: CompressionRound, random: inout SeededGenerator)
    /// Writes the update that bytes stand for, for which ``norm(_:count:)`` is not nil.
    func expand(
        _ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>,
        room: CompressionRoom,
        round: CompressionRound)
    /// A bound of the L2 norm of what bytes expand to; nil where they are no update of so many coordinates. The bytes may
    /// be anything.
    func norm(_ bytes: UnsafeRawBufferPointer, count: Int) -> Double?
}

/// What is public and common to all updates of a round: the run's seed and the round's number.
package struct CompressionRound: Equatable, Sendable {
    package let seed: UInt64
    package let round: Int

    package init(seed: UInt64, round: Int) { (self.seed, self.round) = (seed, round) }

    /// Random numbers that all of the round's clients and the server share.
    var generator: SeededGenerator { SeededGenerator(seed: seed, purpose: .compression, round: round) }
}

/// `task.compression`: a compressor and its name.
package struct Compression: Sendable {
    package let name: String
    package let compressor: any UpdateCompressor

    /// One line a compressor: its name and its type.
    package static let all: [(name: String, compressor: any UpdateCompressor.Type)] = [
        ("quantize", RotatedQuantization.self),
        ("top-k", LargestCoordinates.self),
        ("random-k", RandomCoordinates.self),
    ]

    /// Name of the vector that clients keep where the compressor feeds back.
    package static let residual = "compression_residual"

    /// Reads `task.compression`: how updates travel, and how models do; either may be missing, not both. Throws
    /// ``ConfigurationError`` as ``init(_:)`` does.
    static func read(_ section: Section?) throws -> (updates: Compression?, models: ModelGrid?) {
        guard let section else { return (nil, nil) }
        let models = try section.section("download").map { try ModelGrid($0) }
        guard section.value("name") == nil, models != nil else { return (try Compression(section), models) }
        try section.finish()
        return (nil, models)
    }

    /// Reads the section. Throws ``ConfigurationError`` for a name that is not in the catalog, and for unknown keys.
    package init(_ section: Section) throws {
        guard let name = try section.string("name") else {
            throw section.error("name", "is missing: one of " + Self.all.map(\.name).joined(separator: ", "))
        }
        guard let entry = Self.all.first(where: { $0.name == name }) else {
            throw section.error("name", Section.unknownName(name, known: Self.all.map(\.name)))
        }
        self.name = name
        compressor = try entry.compressor.init(section)
        try section.finish()
    }

    /// The section with every default filled in.
    package var json: JSONValue {
        .object(compressor.settings.merging(["name": .string(name)]) { $1 })
    }

    /// Throws ``ConfigurationError`` where a task's updates cannot be compressed.
    func check(_ task: TaskConfiguration) throws {
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: "task.compression", problem: problem)
        }
        guard task.privacy.mode == .none else {
            throw refuse(
                "goes with privacy mode \"none\" only: clipped and noised updates travel as integers of a ring already, "
                    + "whose width secure_aggregation.bits sets; remove it")
        }
        if let companion = task.strategy.client.companion,
            companion.sendsControlVariate || !companion.scalars.isEmpty
        {
            throw refuse(
                "shortens changes of the model, but strategy \"\(task.strategy.name)\" has clients send more than that; "
                    + "remove one of the two")
        }
        guard task.robust == nil else {
            throw refuse(
                "does not go with task.robust, which looks at updates as they are; remove one of the two")
        }
    }
}
