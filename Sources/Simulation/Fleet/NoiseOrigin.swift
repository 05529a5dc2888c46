internal import Custody
internal import Privacy

/// Where a simulation's noise comes from (`--noise`).
package enum NoiseOrigin: Equatable, Sendable {
    /// Reproducible from the seed: a rehearsal.
    case seeded(UInt64)
    /// The cryptographic generator: a releasable model.
    case secure

    /// Name in summaries and reports.
    package var name: String {
        switch self {
        case .seeded: "seeded"
        case .secure: "secure"
        }
    }

    /// The noise stream of one client (0 for the server) in one round.
    func source(client: Int, round: Int) throws -> AnyNoiseSource {
        switch self {
        case .seeded(let seed): .seeded(SeededNoiseSource(seed: seed, client: client, round: round))
        case .secure: .secure(try SecureNoise())
        }
    }

    /// Calls `body` with the noise stream of one client (0 for the server) in one round.
    func draw<Result>(client: Int, round: Int, _ body: (inout AnyNoiseSource) throws -> Result) throws
        -> Result
    {
        var source = try source(client: client, round: round)
        return try body(&source)
    }
}

/// One of the sources, chosen once a draw and not once a byte.
enum AnyNoiseSource: NoiseSource {
    case seeded(SeededNoiseSource)
    case secure(SecureNoise)
    case secret(KeyedNoise)

    mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws {
        switch self {
        case .seeded(var source):
            source.fill(bytes)
            self = .seeded(source)
        case .secure(var source):
            try source.fill(bytes)
            self = .secure(source)
        case .secret(var source):
            try source.fill(bytes)
            self = .secret(source)
        }
    }
}
