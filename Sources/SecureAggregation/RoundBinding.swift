internal import Cryptography

/// Everything that all members of a round must agree on. Its digest enters every signature and every derived
/// key: a member told anything else, such as another model, can neither be checked nor unmasked.
package struct RoundBinding: Hashable, Sendable {
    /// The run's identifier, at most 255 bytes of UTF-8.
    package let run: String
    /// Number of the round, not negative.
    package let round: Int
    /// SHA-256 of the model that the members start from.
    package let modelDigest: [UInt8]
    /// Logarithm of the ring's modulus, 8 to 32.
    package let bits: Int
    /// Coordinates of every vector.
    package let coordinateCount: Int
    /// Fewest members whose sum may be opened, at least 2.
    package let minimalSurvivors: Int
    /// Smallest share of the roster whose sum may be opened, 0 to 1: where noise is sized by the roster.
    package let minimalShare: Double
    /// Rates and security from which degree and threshold follow.
    package let assumptions: SecurityAssumptions
    /// What hides the vectors.
    package let scheme: MaskingScheme
    /// Whatever else members must agree on, such as the hash of their task; at most 255 bytes.
    package let context: [UInt8]
    /// SHA-256 of all of the above.
    package let digest: [UInt8]

    /// Throws `malformed` when a value is out of its range.
    package init(
        run: String, round: Int, modelDigest: [UInt8], bits: Int, coordinateCount: Int, minimalSurvivors: Int,
        minimalShare: Double = 0, assumptions: SecurityAssumptions, scheme: MaskingScheme = .masks,
        context: [UInt8] = []
    ) throws(SecureAggregationError) {
        func refuse(_ reason: String) -> SecureAggregationError { .malformed("round", reason: reason) }
        guard run.utf8.count <= 255 else { throw refuse("a run identifier longer than 255 bytes") }
        guard context.count <= 255 else { throw refuse("a context longer than 255 bytes") }
        guard round >= 0 else { throw refuse("round \(round)") }
        guard modelDigest.count == SHA256.byteCount else { throw refuse("a model digest not of 32 bytes") }
        guard (8...32).contains(bits) else { throw refuse("a ring of \(bits) bits; 8 to 32 are possible") }
        guard (1...(1 << 34)).contains(coordinateCount) else {
            throw refuse("\(coordinateCount) coordinates")
        }
        guard minimalSurvivors >= 2 else {
            throw refuse("a minimum of \(minimalSurvivors) survivors; the sum of one is that one's vector")
        }
        if let lattice = scheme.lattice, lattice.valueBits != bits {
            throw refuse("lattice sizes for \(lattice.valueBits) bits in a ring of \(bits)")
        }
        guard minimalShare >= 0, minimalShare <= 1 else { throw refuse("a share of \(minimalShare)") }
        self.run = run
        self.round = round
        self.modelDigest = modelDigest
        self.bits = bits
        self.coordinateCount = coordinateCount
        self.minimalSurvivors = minimalSurvivors
        self.minimalShare = minimalShare
        self.assumptions = assumptions
        self.scheme = scheme
        self.context = context
        // The version says how masks are expanded: members of another would leave garbage in the sum.
        var writer = MessageWriter(domain: "sordino secagg round v2")
        writer.put(counted: [UInt8](run.utf8))
        writer.put(UInt64(round))
        writer.put(modelDigest)
        writer.put(UInt64(bits))
        writer.put(UInt64(coordinateCount))
        writer.put(UInt64(minimalSurvivors))
        writer.put(minimalShare.bitPattern)
        writer.put(assumptions.dropoutRate.bitPattern)
        writer.put(assumptions.adversarialRate.bitPattern)
        writer.put(UInt16(assumptions.adversary == .active ? 1 : 0))
        writer.put(UInt16(assumptions.secrecyBits))
        writer.put(UInt16(assumptions.correctnessBits))
        writer.put(UInt16(scheme.lattice == nil ? 0 : 1))
        if let lattice = scheme.lattice {
            for size in [lattice.memberCount, lattice.modulusBits, lattice.keyBits] {
                writer.put(UInt64(size))
            }
        }
        writer.put(counted: context)
        digest = try cryptographic { () throws(CryptographyError) in try SHA256.hash(writer.bytes) }
    }

    /// Coordinates of what is masked: the vector, or on a lattice its key.
    package var maskedCount: Int { scheme.lattice == nil ? coordinateCount : LatticeParameters.degree }

    /// Logarithm of the modulus of what is masked.
    package var maskedBits: Int { scheme.lattice?.keyBits ?? bits }

    /// Fewest members of a roster of so many whose sum may be opened.
    package func minimalSurvivors(of members: Int) -> Int {
        max(minimalSurvivors, Self.survivors(share: minimalShare, of: members))
    }

    /// A share of so many members, rounded up; products that only rounding lifts above a whole number stay there.
    package static func survivors(share: Double, of members: Int) -> Int {
        Int((share * Double(members) - 1e-9).rounded(.up))
    }
}
