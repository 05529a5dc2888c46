import Foundation
import TestSupport
import Testing

@testable import Cryptography

struct LatticeTests {
    private static let seed = (0..<32).map { UInt8($0) }

    // MARK: Products

    /// Products of an independent implementation (schoolbook, in Python's integers).
    private struct Recorded: Decodable {
        struct Case: Decodable {
            let bits: Int
            let polynomial: Int
            let sha256: String
        }
        let factor: [Int32]
        let cases: [Case]
    }

    private func product(
        _ polynomial: Int, by factor: [Int32], _ parameters: LatticeParameters
    ) throws -> [UInt64] {
        let multiplier = try factor.withUnsafeBufferPointer {
            try LatticeMultiplier(by: $0, parameters: parameters, seed: Self.seed)
        }
        var result: [UInt64] = []
        for _ in 0...polynomial {
            try multiplier.withNextProduct { product in
                result = (0..<LatticeParameters.degree).map { product[$0] & parameters.modulusMask }
            }
        }
        return result
    }

    /// Sizes whose modulus has so many bits.
    private func parameters(modulusBits: Int) throws -> LatticeParameters {
        for members in [2, 3, 5, 9, 17, 30, 100, 300, 1000] {
            for bits in 8...32 {
                if let found = try? LatticeParameters(valueBits: bits, memberCount: members),
                    found.modulusBits == modulusBits
                {
                    return found
                }
            }
        }
        throw CryptographyError.invalidLattice("none of \(modulusBits) bits")
    }

    @Test("Products are those of an independent implementation")
    func independentImplementation() throws {
        let recorded = try JSONDecoder().decode(Recorded.self, from: Vectors.data("lattice_products.json"))
        #expect(recorded.cases.count == 6)
        for expected in recorded.cases {
            let found = try product(
                expected.polynomial, by: recorded.factor, parameters(modulusBits: expected.bits))
            let bytes = found.flatMap { word in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
            }
            #expect(try SHA256.text(of: bytes) == expected.sha256)
        }
    }

    @Test("x^i x^j is x^(i + j), with a minus beyond the degree")
    func monomials() throws {
        let (degree, transform) = (LatticeParameters.degree, NegacyclicTransform.shared)
        for (i, j) in [(0, 0), (1, 2), (1023, 1024), (1, 2047), (2047, 2047), (1500, 700)] {
            var left = [UInt64](repeating: 0, count: degree)
            var right = left
            (left[i], right[j]) = (NegacyclicTransform.prime - 3, 1)
            left.withUnsafeMutableBufferPointer { left in
                right.withUnsafeMutableBufferPointer { right in
                    guard let a = left.baseAddress, let b = right.baseAddress else { return }
                    transform.forward(a)
                    transform.forward(b)
                    transform.prepareFactor(b)
                    transform.multiply(a, by: b)
                    transform.inverse(a)
                }
            }
            var expected = [UInt64](repeating: 0, count: degree)
            expected[(i + j) % degree] = i + j < degree ? NegacyclicTransform.prime - 3 : 3
            #expect(left == expected)
        }
    }

    @Test("Sums of coefficients that would leave the transform's range are not called exact")
    func range() throws {
        let parameters = try LatticeParameters(valueBits: 20, memberCount: 1 << 14)
        #expect(LatticeMultiplier.isExact([Int32](repeating: 3000, count: 2048), parameters: parameters))
        #expect(!LatticeMultiplier.isExact([Int32](repeating: .max, count: 2048), parameters: parameters))
        let key = [UInt32](repeating: 1 << UInt32(parameters.keyBits - 1), count: 2048)
        #expect(throws: CryptographyError.self) {
            _ = try LatticeSum(count: 5, parameters: parameters).open(keySum: key, seed: Self.seed)
        }
        #expect(throws: CryptographyError.self) {
            _ = try LatticeSum(count: 5, parameters: parameters).open(keySum: [1, 2], seed: Self.seed)
        }
    }

    // MARK: Noise

    @Test("The table is the discrete Gaussian's")
    func table() {
        let deviation = LatticeNoise.deviation
        func weight(_ x: Int) -> Double { exp(-Double(x * x) / (2 * deviation * deviation)) }
        let total = 1 + 2 * (1...200).reduce(0.0) { $0 + weight($1) }
        var sum = 0.0
        for (x, entry) in LatticeNoise.cumulative.enumerated() {
            sum += (x == 0 ? 1 : 2) * weight(x) / total
            #expect(abs(Double(entry) * 0x1p-63 - sum) < 1e-14)
            // The tail to its own precision: the table's last entries count single steps of 2^-63.
            let tail = (x + 1...200).reduce(0.0) { $0 + 2 * weight($1) } / total
            #expect(abs(Double((1 << 63) - entry) - tail * 0x1p63) <= 1 + tail * 0x1p63 * 1e-12)
        }
        #expect(LatticeNoise.cumulative.count == LatticeNoise.bound)
        #expect(deviation >= 4.5)
    }

    @Test("Draws have the table's frequencies, either sign alike")
    func draws() throws {
        let room = LatticeRoom()
        var stream = try SecureRandomStream()
        var counts = [Int](repeating: 0, count: 2 * LatticeNoise.bound + 1)
        for _ in 0..<100 {
            try LatticeNoise.fill(room.values, words: room.words, from: &stream)
            for value in room.values { counts[Int(Int64(bitPattern: value)) + LatticeNoise.bound] += 1 }
        }
        let total = Double(counts.reduce(0, +))
        var (statistic, cells) = (0.0, 0)
        for x in -12...12 {
            let magnitude = abs(x)
            let below = magnitude == 0 ? 0 : LatticeNoise.cumulative[magnitude - 1]
            let both = Double(LatticeNoise.cumulative[magnitude] - below) * 0x1p-63
            let expected = total * (x == 0 ? both : both / 2)
            let difference = Double(counts[x + LatticeNoise.bound]) - expected
            statistic += difference * difference / expected
            cells += 1
        }
        // Chi-square with about 25 degrees of freedom: above 81 once in 10^7 runs.
        #expect(statistic < 81 && cells == 25)
    }

    // MARK: Encryption

    private func encrypt(
        _ words: [UInt32], _ parameters: LatticeParameters, key: inout LatticeKey
    ) throws -> [UInt64] {
        var ciphertext = [UInt64](repeating: 0, count: words.count)
        try words.withUnsafeBufferPointer { words in
            try ciphertext.withUnsafeMutableBufferPointer {
                try key.encrypt(words, seed: Self.seed, into: $0)
            }
        }
        return ciphertext
    }

    /// The sum of ciphertexts of these vectors, each taken so many times, and that of their keys.
    private func encryptedSum(
        _ vectors: [[UInt32]], _ parameters: LatticeParameters, times: Int = 1
    ) throws -> (sum: LatticeSum, keys: [UInt32]) {
        var sum = LatticeSum(count: vectors[0].count, parameters: parameters)
        var keys = [UInt32](repeating: 0, count: LatticeParameters.degree)
        for vector in vectors {
            var key = try LatticeKey(parameters)
            let ciphertext = try encrypt(vector, parameters, key: &key)
            for _ in 0..<times { ciphertext.withUnsafeBufferPointer { sum.add($0) } }
            var words = [UInt32](repeating: 0, count: LatticeParameters.degree)
            words.withUnsafeMutableBufferPointer { key.write(to: $0) }
            for place in words.indices {
                keys[place] =
                    (keys[place] &+ UInt32(times) &* words[place]) & UInt32.max
                    >> UInt32(32 - parameters.keyBits)
            }
        }
        return (sum, keys)
    }

    /// The sum of ciphertexts of these vectors, opened.
    private func opened(
        _ vectors: [[UInt32]], _ parameters: LatticeParameters, times: Int = 1
    ) throws -> LatticeSum.Opened {
        let (sum, keys) = try encryptedSum(vectors, parameters, times: times)
        return try sum.open(keySum: keys, seed: Self.seed)
    }

    @Test(
        "The opened sum is the plain one modulo 2^b, bit for bit",
        arguments: [
            (8, 2, 5), (12, 3, 2048), (16, 10, 2049), (18, 40, 5000), (20, 7, 1), (24, 100, 33),
            (27, 16, 4096), (32, 2, 100),
        ])
    func sums(bits: Int, members: Int, count: Int) throws {
        let parameters = try LatticeParameters(valueBits: bits, memberCount: members)
        var generator = SeededNumbers(seed: UInt64(bits * members))
        let mask = UInt32.max >> UInt32(32 - bits)
        let vectors = (0..<members).map { _ in (0..<count).map { _ in generator.next() & mask } }
        let found = try opened(vectors, parameters)
        let expected = (0..<count).map { place in vectors.reduce(UInt32(0)) { $0 &+ $1[place] } & mask }
        #expect(found.words == expected)
        #expect(found.greatestError > 0 && found.greatestError < 1 << (parameters.shift - 1))
        let otherSeed = [UInt8](repeating: 9, count: 32)
        let parted = try encryptedSum(vectors, parameters)
        #expect(try parted.sum.open(keySum: parted.keys, seed: Self.seed).words == expected)
        let wrong = try? parted.sum.open(keySum: parted.keys, seed: otherSeed)
        // One coefficient alone may look well by chance; a hundred do not.
        #expect(count < 100 ? wrong?.words != expected : wrong == nil)
        var keys = parted.keys
        keys[7] = (keys[7] &+ 1) & UInt32.max >> UInt32(32 - parameters.keyBits)
        #expect(count < 100 || (try? parted.sum.open(keySum: keys, seed: Self.seed)) == nil)
    }

    @Test("Exact with the most members and the greatest words, with room for the error")
    func extreme() throws {
        let members = LatticeParameters.greatestMemberCount
        let parameters = try LatticeParameters(valueBits: 27, memberCount: members)
        #expect(parameters.modulusBits == LatticeParameters.greatestModulusBits)
        let greatest = UInt32(1 << 27) - 1
        // Each taken four times, so that the error is twice that of as many members.
        let vectors = [[UInt32]](repeating: [greatest, 1, greatest], count: members / 4)
        let found = try opened(vectors, parameters, times: 4)
        let wrapped = UInt32((1 << 27) - members)
        #expect(found.words == [wrapped, UInt32(members), wrapped])
        // Six deviations of this sum, and twelve of one of 2^14 errors: one of three is above once in 10^8 runs.
        #expect(found.greatestError < UInt64(12 * LatticeNoise.deviation * Double(members).squareRoot()))
        #expect(parameters.shift >= 14)
    }

    @Test("Ciphertexts of zero are uniform, in their upper and lower bits, and differ from key to key")
    func uniformity() throws {
        let parameters = try LatticeParameters(valueBits: 18, memberCount: 1000)
        var counts = [[Int]](repeating: [Int](repeating: 0, count: 16), count: 2)
        var seen: Set<[UInt64]> = []
        for _ in 0..<10 {
            var key = try LatticeKey(parameters)
            let ciphertext = try encrypt([UInt32](repeating: 0, count: 4096), parameters, key: &key)
            seen.insert(ciphertext)
            for word in ciphertext {
                counts[0][Int(word & 15)] += 1
                counts[1][Int(word >> UInt64(parameters.modulusBits - 4))] += 1
            }
        }
        #expect(seen.count == 10)
        for counts in counts {
            let statistic = counts.reduce(0.0) { $0 + (Double($1) - 2560) * (Double($1) - 2560) / 2560 }
            // Chi-square with 15 degrees of freedom: above 62.2 once in 10^7 runs.
            #expect(statistic < 62.2)
        }
    }

    @Test("A key takes one vector")
    func spentKey() throws {
        let parameters = try LatticeParameters(valueBits: 18, memberCount: 10)
        var key = try LatticeKey(parameters)
        _ = try encrypt([1, 2, 3], parameters, key: &key)
        var refusal: CryptographyError?
        do { _ = try encrypt([1, 2, 3], parameters, key: &key) } catch let error as CryptographyError {
            refusal = error
        }
        #expect(refusal == .spentKey)
    }

    // MARK: Sizes

    @Test(
        "Sizes that are not secure, or not possible, are refused",
        arguments: [(7, 10), (33, 10), (20, 1), (20, (1 << 14) + 1), (28, 1 << 14), (32, 100)])
    func refusedSizes(bits: Int, members: Int) {
        #expect(throws: CryptographyError.self) {
            try LatticeParameters(valueBits: bits, memberCount: members)
        }
    }

    @Test("The modulus holds the words and twelve deviations of the error; keys' sums never wrap")
    func sizes() throws {
        for members in [2, 3, 10, 100, 1000, 1 << 14] {
            for bits in 8...32 {
                guard let found = try? LatticeParameters(valueBits: bits, memberCount: members) else {
                    continue
                }
                let half = Double(UInt64(1) << (found.shift - 1))
                let always = Double(members * LatticeNoise.bound)
                #expect(half >= min(always, 54 * Double(members).squareRoot()))
                #expect(found.modulusBits <= 41 && 1 << (found.keyBits - 1) > members * LatticeNoise.bound)
            }
        }
        // What a vector becomes on the wire: at most 2.2 times itself in the cohorts that this is for.
        for (members, bits) in [(100, 17), (1000, 18), (10_000, 19), (1 << 14, 20)] {
            let found = try LatticeParameters(valueBits: bits, memberCount: members)
            #expect(Double(found.modulusBits) / Double(bits) < 1.8)
        }
    }

    @Test("The wire form is read back, and other lengths or bits are refused", arguments: [17, 30, 34, 41])
    func wireForm(modulusBits: Int) throws {
        let parameters = try parameters(modulusBits: modulusBits)
        var generator = SeededNumbers(seed: 3)
        for count in [1, 2, 3, 7, 8, 9, 100] {
            let words = (0..<count).map { _ in generator.next() & parameters.modulusMask }
            let bytes = words.withUnsafeBufferPointer { LatticeCiphertext.packed($0, bits: modulusBits) }
            #expect(bytes.count == parameters.packedByteCount(of: count))
            var read: [UInt64] = []
            bytes.withUnsafeBytes {
                LatticeCiphertext.forEachWord($0, count: count, bits: modulusBits) { read.append($1) }
            }
            #expect(read == words)
            var sum = LatticeSum(count: count, parameters: parameters)
            #expect(bytes.withUnsafeBytes { sum.add(packed: $0) })
            for wrong in [Array(bytes.dropLast()), bytes + [0], []] {
                #expect(!wrong.withUnsafeBytes { sum.add(packed: $0) })
            }
            guard count * modulusBits % 8 != 0 else { continue }
            var beyond = bytes
            beyond[bytes.count - 1] |= 0x80
            #expect(!beyond.withUnsafeBytes { sum.add(packed: $0) })
        }
    }
}
