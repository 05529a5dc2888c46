internal import Compute
internal import Encoding
internal import Learning
internal import Privacy

/// Rotates the vector at random, so that no coordinate of a sum stands out and wraps; where the round has a rotation.
final class RotationStage: UpdateStage {
    private let rotated: StageBuffer

    init(coordinates: Int) { rotated = StageBuffer(count: coordinates) }

    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) {
        guard let rotation = terms.rotation else { return }
        _ = rotated.values.update(fromContentsOf: update.values)
        rotation.forward(rotated.values)
        update.values = UnsafeBufferPointer(rotated.values)
    }
}

/// Conditional stochastic rounding (Kairouz et al. 2021, section 4): rounds each scaled value up or down at
/// random, without bias, until the integer vector keeps the norm bound, which is checked in integers. On a
/// grid far below the noise, rounding to nearest does as well and always keeps the bound.
final class RoundingStage: UpdateStage {
    private let squaredNormBound: UInt64
    /// Random words, one a coordinate; empty where the grid is fine enough to round to nearest.
    private var coins: [UInt32]

    init(_ privacy: PrivacyPlan, coordinates: Int) {
        squaredNormBound = privacy.squaredNormBound
        coins = [UInt32](repeating: 0, count: privacy.roundsToNearest ? 0 : coordinates)
    }

    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) throws {
        let integers = UnsafeMutableBufferPointer(rebasing: update.encoded[..<update.values.count])
        for _ in 0..<GridRounding.maximalTries {
            if !coins.isEmpty { coins.withUnsafeMutableBufferPointer { rounding.fill($0) } }
            let squared = coins.withUnsafeBufferPointer {
                Kernels.round(
                    into: integers, update.values, factor: update.factor, coins: $0.isEmpty ? nil : $0)
            }
            if let squared, squared <= squaredNormBound { return }
        }
        throw UpdateRefusal.roundingFailed
    }
}

/// Adds the client's own noise: all of it, or its share.
final class NoiseStage: UpdateStage {
    /// The plan's; nil where only a round's members say how much.
    private let mechanism: (any PrivacyMechanism)?

    init(_ mechanism: (any PrivacyMechanism)?) { self.mechanism = mechanism }

    func apply(
        to update: inout UpdateInWork, _ terms: EncodingTerms, rounding: inout SeededGenerator,
        noise source: inout some NoiseSource
    ) throws {
        guard let mechanism = terms.share ?? mechanism else {
            preconditionFailure("the share of a plan is no round's share")
        }
        let encoded = update.encoded
        try mechanism.draw(count: encoded.count, from: &source) { start, noise in
            // Reduced modulo 2^32 like the sum that it becomes part of.
            for index in noise.indices { encoded[start + index] &+= Int32(truncatingIfNeeded: noise[index]) }
        }
    }
}
