/// Integer noise of a known distribution, which states what a release with it costs.
///
/// Noise is drawn in bulk, ahead of the data that it will hide, so that drawing time tells nothing of the data.
package protocol PrivacyMechanism: Sendable {
    /// Name as written in configurations and reports, such as `"discrete_gaussian"`.
    var name: String { get }
    /// Variance of one coordinate's noise, grid units squared.
    var variance: Double { get }
    /// Bound on the total-variation distance between one coordinate as drawn and as claimed, given uniform
    /// bytes; 0 for an exact sampler. The sum over all coordinates of all releases adds to delta.
    var totalVariationBound: Double { get }
    /// Fills `noise` with independent draws. On a thrown error (the source's) the buffer is zeroed.
    func draw(into noise: UnsafeMutableBufferPointer<Int64>, from source: inout some NoiseSource) throws
    /// Makes the same `count` draws and hands them over in pieces, each with the number of its first, for sums that
    /// noise is added to where it arises. After a thrown error (the source's) pieces are missing: what the others
    /// were added to must not be used.
    func draw(
        count: Int, from source: inout some NoiseSource,
        inPieces take: (_ start: Int, _ piece: UnsafeBufferPointer<Int64>) -> Void
    ) throws
    /// What one release costs that adds this noise to a sum of the given sensitivity (grid units).
    func event(for sensitivity: PrivacyEvent.IntegerSensitivity) -> PrivacyEvent.Mechanism
    /// What one release costs that adds the sum of `shares` independent draws, or nil where no proved
    /// curve covers such a sum.
    func event(
        for sensitivity: PrivacyEvent.IntegerSensitivity, sumOf shares: Int
    ) -> PrivacyEvent.Mechanism?
}

extension PrivacyMechanism {
    /// `count` independent draws, for callers without a buffer of their own.
    package func draw(count: Int, from source: inout some NoiseSource) throws -> [Int64] {
        var noise = [Int64](repeating: 0, count: count)
        try noise.withUnsafeMutableBufferPointer { try draw(into: $0, from: &source) }
        return noise
    }
}

/// Why a mechanism cannot be made.
package enum MechanismError: Error, Hashable, CustomStringConvertible {
    /// A parameter lies outside the range that its sampler is proved for.
    case parameterOutOfRange(
        mechanism: String, parameter: String, value: Double, allowed: ClosedRange<Double>)
    /// No mechanism has this name.
    case unknownMechanism(name: String, known: [String])
    /// No proved curve covers prefix sums with this noise.
    case unprovedForTrees(mechanism: String)

    package var description: String {
        switch self {
        case .parameterOutOfRange(let mechanism, let parameter, let value, let allowed):
            "mechanism \(mechanism): \(parameter) is \(value); give a number from \(allowed.lowerBound) to "
                + "\(allowed.upperBound)"
        case .unknownMechanism(let name, let known):
            "there is no mechanism \"\(name)\"; known are \(known.joined(separator: ", "))"
        case .unprovedForTrees(let mechanism):
            "mechanism \(mechanism) cannot noise a tree; use gaussian or discrete_gaussian"
        }
    }
}
