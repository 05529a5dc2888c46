package import Encoding
package import Privacy

/// Where a server's noise comes from.
package protocol ServerNoiseSources {
    associatedtype Fresh: NoiseSource
    associatedtype Keyed: NoiseSource

    /// A source for one round's own noise, independent of every other.
    func fresh() throws -> Fresh
    /// The source of a step of noise over rounds, the same whenever it is asked (``TreeAggregation``, ``MatrixNoise``).
    func keyed(step: Int) throws -> Keyed
    /// What the keyed sources gave for the last rounds, where noise over rounds follows from that (``MatrixNoise``).
    var history: NoiseHistory { get }
    /// The round's own noise, where it was drawn before the sum existed.
    func drawnAhead() throws -> DrawnNoise?
}

extension ServerNoiseSources {
    package func drawnAhead() throws -> DrawnNoise? { nil }
}

/// A round's own noise, drawn ahead of the sum that it will hide; ``PrivacyPlan/drawAhead(coordinates:from:)``.
package struct DrawnNoise: Sendable {
    let vector: RingVector

    // Not memberwise: only a privacy plan draws noise.
    init(vector: RingVector) { self.vector = vector }
}

/// The exact sum of a round's survivors: nothing of it may leave, and nothing stay once there is a noisy one.
package struct ExactSum: Sendable {
    package let vector: RingVector
    /// Sum of the survivors' weights.
    package let weight: Int
    /// Clients that the round's noise was sized for: the invited, or the members of a masked round.
    package let members: Int
    /// Clients that are in the sum.
    package let survivors: Int

    package init(vector: RingVector, weight: Int, members: Int, survivors: Int) {
        (self.vector, self.weight) = (vector, weight)
        (self.members, self.survivors) = (members, survivors)
    }
}

/// A sum with all of its noise and what that costs. Only one of these can be settled and released, and only drawing
/// makes one.
package struct NoisedSum: Sendable {
    package let vector: RingVector
    /// Sum of the survivors' weights.
    package let weight: Int
    /// What the round costs with the noise that is in it.
    package let costs: RoundCosts

    fileprivate init(vector: RingVector, weight: Int, costs: RoundCosts) {
        (self.vector, self.weight, self.costs) = (vector, weight, costs)
    }
}

extension TaskPlan {
    /// What the charged round number `charge`, from 1, costs at worst.
    package func costs(charge: Int) -> RoundCosts {
        RoundCosts(
            released: privacy?.events(charge: charge) ?? [],
            server: privacy?.serverEvents(charge: charge)
                ?? [PrivacyPlan.unprotected(configuration.privacy.adjacency)],
            example: [example?.event(rounds: 1)].compactMap(\.self),
            members: privacy?.membersEvents(charge: charge) ?? [])
    }

    /// The sum of the charged round number `charge` with the server's noise, where the plan has it add any. Throws a
    /// source's error; nothing may be released then.
    package func noised(
        _ exact: ExactSum, charge: Int, from sources: some ServerNoiseSources
    ) throws -> NoisedSum {
        var sum = exact.vector
        try privacy?.addServerNoise(to: &sum, of: exact, charge: charge, from: sources)
        return NoisedSum(vector: sum, weight: exact.weight, costs: costs(charge: charge))
    }

    /// The sum that an earlier try of the same charged round had made and stored. Noise is never drawn twice for a round
    /// that may have been seen; what was stored was a ``NoisedSum``, and nothing else ever is.
    package func restored(_ vector: RingVector, weight: Int, charge: Int) -> NoisedSum {
        NoisedSum(vector: vector, weight: weight, costs: costs(charge: charge))
    }
}
