/// A counter-based generator: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
///
/// The stream is a pure function of (seed, purpose, client, round), so any client's round can be recomputed
/// alone and in any order. Key: the seed. Counter words: block number, purpose, client, round. Not
/// cryptographic: never for noise, masks or cohort choice outside the simulator.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    /// What a stream is for. Streams of different purposes never share a block. Raw values are part of the
    /// reproducibility promise: never renumber.
    package enum Purpose: UInt32, Sendable, CaseIterable {
        case initialWeights = 1
        case dataOrder = 2
        case dropoutMask = 3
        case stochasticRounding = 4
        case split = 5
        case partition = 6
        case cohort = 7
        case noise = 8
        case faults = 9
        case computeTime = 10
        case rotation = 11
        case test = 12
        case augmentation = 13
        case bucketing = 20
        case attack = 21
        case compression = 22
        case maskingGroups = 23
        case treeSplits = 30
        case audit = 40
    }

    private let key: (UInt32, UInt32)
    let purpose: UInt32
    let client: UInt32
    let round: UInt32
    private var block: UInt32 = 0
    private var pending: UInt64 = 0
    private(set) var hasPending = false

    /// The stream of `purpose` for one client and round (both zero where they do not apply).
    package init(seed: UInt64, purpose: Purpose, client: Int = 0, round: Int = 0) {
        key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        self.purpose = purpose.rawValue
        self.client = UInt32(truncatingIfNeeded: client)
        self.round = UInt32(truncatingIfNeeded: round)
    }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        if hasPending {
            hasPending = false
            return pending
        }
        let output = Self.philox(counter: (block, purpose, client, round), key: key)
        block &+= 1
        pending = UInt64(output.2) | UInt64(output.3) << 32
        hasPending = true
        return UInt64(output.0) | UInt64(output.1) << 32
    }

    /// Uniform in [0, 1) with 24 random bits, exact in `Float`.
    package mutating func uniform() -> Float {
        Float(next() >> 40) * 0x1p-24
    }

    /// Uniform in [0, 1) with 53 random bits.
    package mutating func uniformDouble() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// Uniform whole number in `0..<bound`, without bias (Lemire 2019).
    package mutating func index(below bound: Int) -> Int {
        Int(next(upperBound: UInt64(bound)))
    }

    /// Claims the next `count` whole blocks; returns the number of the first one and the key.
    mutating func takeBlocks(_ count: Int) -> (first: UInt32, key: (UInt32, UInt32)) {
        defer { block &+= UInt32(truncatingIfNeeded: count) }
        hasPending = false
        return (block, key)
    }

    /// Ten rounds of Philox4x32: the 128-bit block for a counter under a key.
    package static func philox(
        counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
    ) -> (UInt32, UInt32, UInt32, UInt32) {
        var (x0, x1, x2, x3) = counter
        var (k0, k1) = key
        for _ in 0..<10 {
            let p0 = UInt64(x0) &* 0xD251_1F53
            let p1 = UInt64(x2) &* 0xCD9E_8D57
            x0 = UInt32(truncatingIfNeeded: p1 >> 32) ^ x1 ^ k0
            x2 = UInt32(truncatingIfNeeded: p0 >> 32) ^ x3 ^ k1
            x1 = UInt32(truncatingIfNeeded: p1)
            x3 = UInt32(truncatingIfNeeded: p0)
            k0 &+= 0x9E37_79B9
            k1 &+= 0xBB67_AE85
        }
        return (x0, x1, x2, x3)
    }
}
