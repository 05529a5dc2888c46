internal import Compute
package import Encoding
internal import Privacy
package import SecureAggregation

/// What a masked round takes from the plan: the same for agents, server and simulator.
extension TaskPlan {
    /// Whether reports are masked, so that nobody sees more of them than their sum.
    package var masksReports: Bool { configuration.privacy.mode == .distributed }

    /// Most members that are masked together. Noise shares are sized for the corrupt among so many: a larger roster is refused.
    package var maximalMembers: Int { greatestGroup }

    /// Fewest members whose sum may be opened.
    package var minimalSurvivors: Int { max(2, fewestOfGroup) }

    /// The rates that the plan assumes of its cohort, against a server that may lie.
    package func assumptions() throws(SecureAggregationError) -> SecurityAssumptions {
        let rates = configuration.secureAggregation
        return try SecurityAssumptions(
            dropoutRate: rates.dropoutRate, adversarialRate: rates.adversarialRate, adversary: .active)
    }

    /// What all members of one round must agree on. `modelDigest` is the SHA-256 of the model that they start
    /// from; `context` whatever else the plan follows from, such as ``maskingContext(taskDigest:population:seed:)``.
    package func binding(
        run: String, round: Int, modelDigest: [UInt8], context: [UInt8] = []
    ) throws(SecureAggregationError) -> RoundBinding {
        try RoundBinding(
            run: run, round: round, modelDigest: modelDigest, bits: codec.bits,
            coordinateCount: report.count, minimalSurvivors: minimalSurvivors,
            minimalShare: rules.minimumShare, assumptions: assumptions(),
            scheme: MaskingChoice(self).scheme(),
            context: context)
    }

    /// The context of a deployed round: members told of another task, population or seed cannot be unmasked
    /// together, so that every member's noise is what the others count on.
    package static func maskingContext(taskDigest: [UInt8], population: Int, seed: UInt64) -> [UInt8] {
        var bytes = taskDigest
        for value in [UInt64(population), seed] {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// The public rotation of a round, where the plan rotates. It protects accuracy only, so that whoever chose
    /// the seed gains nothing.
    package func rotation(seed: UInt64, round: Int) throws(SecureAggregationError) -> RandomRotation? {
        guard privacy?.rotates == true else { return nil }
        var generator = SeededGenerator(seed: seed, purpose: .rotation, round: round)
        let bytes = (0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        return try RandomRotation(count: report.vector.count, seed: bytes)
    }
}
