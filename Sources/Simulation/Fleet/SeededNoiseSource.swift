internal import Compute
internal import Privacy

/// Noise from the seeded generator: a rehearsal whose ε holds only while the seed is secret. It lives in
/// Simulation, which agents and server cannot import.
package struct SeededNoiseSource: NoiseSource {
    private var generator: SeededGenerator

    /// The noise stream of one client (0 for the server) in one round.
    package init(seed: UInt64, client: Int, round: Int) {
        generator = SeededGenerator(seed: seed, purpose: .noise, client: client, round: round)
    }

    package mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) { generator.fill(bytes) }
}
