import Cryptography
import TestSupport
import Testing

@testable import SecureAggregation

struct MaskingTests {
    private func expand(_ masks: [SignedMask], count: Int, bits: Int, parts: Int = 1) throws -> [UInt32] {
        var words = [UInt32](repeating: 0, count: count)
        try words.withUnsafeMutableBufferPointer { words in
            for range in MaskRemoval.ranges(count: count, parts: parts) {
                try MaskExpansion.add(masks, to: words, range: range, bits: bits)
            }
        }
        return words
    }

    private func freshMask(_ sign: SignedMask.Sign = .plus) throws -> SignedMask {
        SignedMask(seed: SharedSecret(try SecretBytes.random(count: 32)), sign: sign)
    }

    /// Lane `index` of a keystream, read one bit at a time.
    private func lane(_ index: Int, of keystream: [UInt8], bits: Int) -> UInt32 {
        let sections = [8: [8], 4: [4], 3: [2, 1], 2: [2], 1: [1], 0: []][bits - 16] ?? [8, 8]
        let (block, place) = (index / 512 * (64 * bits), index % 512)
        var value = UInt32(keystream[block + 2 * place]) | UInt32(keystream[block + 2 * place + 1]) << 8
        if bits == 32 {
            let high = block + 1024 + 2 * place
            return value | UInt32(keystream[high]) << 16 | UInt32(keystream[high + 1]) << 24
        }
        var (start, shift) = (block + 1024, 16)
        for width in sections {
            let (group, rest) = (place / 64, place % 64)
            let byte = keystream[start + group % width * 64 + rest]
            let part = UInt32(byte) >> UInt32(group / width * width) & (1 << UInt32(width) - 1)
            value |= part << UInt32(shift)
            start += 64 * width
            shift += width
        }
        return value
    }

    @Test(
        "A mask is the AES-256-CTR keystream in the narrowest lanes",
        arguments: zip(
            [8, 12, 16, 17, 18, 19, 20, 21, 24, 25, 32], [16, 16, 16, 17, 18, 19, 20, 24, 24, 32, 32]))
    func lanes(bits: Int, laneBits: Int) throws {
        let mask = try freshMask()
        let count = 2 * MaskExpansion.pieceCount + 1000 + bits
        let words = try expand([mask], count: count, bits: bits)
        var stream = try PseudorandomStream(key: mask.seed.bytes)
        var bytes = [UInt8](repeating: 0, count: (count + 511) / 512 * 64 * laneBits)
        try bytes.withUnsafeMutableBytes { try stream.fill($0) }
        let modulus = UInt32.max >> UInt32(32 - bits)
        #expect(words == (0..<count).map { lane($0, of: bytes, bits: laneBits) & modulus })
        // Every bit of the stream has its place in one lane.
        let all = [UInt8](repeating: 0xFF, count: 64 * laneBits)
        #expect(
            (0..<512).allSatisfy { lane($0, of: all, bits: laneBits) == UInt32.max >> UInt32(32 - laneBits) })
    }

    @Test(
        "Plus and minus cancel, and any number of ranges gives the same",
        arguments: [16, 17, 18, 19, 20, 24, 32])
    func ranges(bits: Int) throws {
        let masks = [try freshMask(), try freshMask(.minus), try freshMask()]
        let count = 5 * MaskExpansion.pieceCount + 77
        let whole = try expand(masks, count: count, bits: bits)
        for parts in [2, 3, 5, 6, 100] {
            #expect(try expand(masks, count: count, bits: bits, parts: parts) == whole)
        }
        let opposites = masks.map { SignedMask(seed: $0.seed, sign: $0.sign == .plus ? .minus : .plus) }
        #expect(try expand(masks + opposites, count: count, bits: bits).allSatisfy { $0 == 0 })
    }

    @Test("Ranges cover every coordinate once", arguments: [1, 4095, 4096, 4097, 100_000])
    func rangesCover(count: Int) {
        for parts in 1...9 {
            let ranges = MaskRemoval.ranges(count: count, parts: parts)
            #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == count)
            for (left, right) in zip(ranges, ranges.dropFirst()) {
                #expect(left.upperBound == right.lowerBound)
            }
        }
    }

    @Test("Masked constant vectors are uniform over coordinates, members and rounds", arguments: [16, 20])
    func uniformity(bits: Int) throws {
        // 2 rounds of 6 members with 2,000 coordinates: 24,000 words, by their top and bottom four bits.
        var generator = SeededNumbers(seed: 10)
        var vectors: [[UInt32]] = []
        for _ in 0..<2 {
            let fleet = try Fleet(
                count: 6, bits: bits, coordinates: 2000,
                assumptions: SecurityAssumptions(dropoutRate: 0.1, adversarialRate: 0), generator: &generator)
            for identity in fleet.vectors.keys {
                fleet.vectors[identity] = [UInt32](repeating: 5, count: 2000)
            }
            try fleet.runKeys()
            try fleet.runShares()
            for identity in fleet.present(at: .masked) {
                vectors.append(try fleet.maskedVector(of: identity))
            }
        }
        for shift in [0, UInt32(bits - 4)] {
            var counts = [Int](repeating: 0, count: 16)
            for word in vectors.joined() { counts[Int(word >> shift & 15)] += 1 }
            let expected = Double(vectors.count * 2000) / 16
            let statistic = counts.reduce(0) {
                $0 + (Double($1) - expected) * (Double($1) - expected) / expected
            }
            // Chi-square with 15 degrees of freedom: above 62.2 once in 10^7 runs.
            #expect(statistic < 62.2)
        }
        let half = Double(UInt32.max >> UInt32(32 - bits)) / 2
        for (first, left) in vectors.enumerated() {
            for right in vectors[..<first] { #expect(abs(correlation(left, right, half)) < 6) }
            #expect(abs(correlation(Array(left.dropLast()), Array(left.dropFirst()), half)) < 6)
        }
    }

    /// The correlation of two uniform vectors in standard deviations; above 6 once in 5 * 10^8 pairs.
    private func correlation(_ left: [UInt32], _ right: [UInt32], _ half: Double) -> Double {
        var sum = 0.0
        for (x, y) in zip(left, right) { sum += (Double(x) / half - 1) * (Double(y) / half - 1) }
        return sum * 3 / Double(left.count).squareRoot()
    }
}
