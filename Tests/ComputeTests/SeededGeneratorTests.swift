import Compute
import Testing

@Suite struct SeededGeneratorTests {
    /// The known answers that the authors publish for philox4x32-10 (Random123, `kat_vectors`).
    @Test(arguments: [
        (
            [0, 0, 0, 0] as [UInt32], [0, 0] as [UInt32],
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8] as [UInt32]
        ),
        (
            [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff], [0xffff_ffff, 0xffff_ffff],
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        ),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        ),
    ])
    func philoxGivesTheKnownAnswers(counter: [UInt32], key: [UInt32], answer: [UInt32]) {
        let block = SeededGenerator.philox(
            counter: (counter[0], counter[1], counter[2], counter[3]), key: (key[0], key[1]))
        #expect([block.0, block.1, block.2, block.3] == answer)
    }

    @Test(arguments: [0, 1, 3, 4, 5, 63, 64, 65, 257])
    func bulkFillContinuesTheStream(count: Int) {
        var single = SeededGenerator(seed: 0xDEAD_BEEF_0123, purpose: .noise, client: 7, round: 9)
        var bulk = single
        _ = single.next()
        _ = single.next()
        _ = bulk.next()  // The other half of this block is dropped by the bulk draw.
        var words = [UInt32](repeating: 0, count: count)
        words.withUnsafeMutableBufferPointer { bulk.fill($0) }
        var expected: [UInt32] = []
        while expected.count < count {
            let next = single.next()
            expected += [UInt32(truncatingIfNeeded: next), UInt32(truncatingIfNeeded: next >> 32)]
        }
        #expect(words == Array(expected.prefix(count)))
    }

    /// Whatever the pieces, as long as they end on whole words.
    @Test(arguments: [8, 16, 24, 40, 104]) func bytesAreThoseOfTheWords(piece: Int) {
        var words = SeededGenerator(seed: 3, purpose: .noise, round: 2)
        var stream = words
        var bytes = [UInt8](repeating: 0, count: 8 * 39 + 5)
        bytes.withUnsafeMutableBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: piece) {
                stream.fill(
                    UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(start + piece, bytes.count)]))
            }
        }
        let expected = (0..<40).flatMap { _ in
            let word = words.next()
            return (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
        }
        #expect(bytes == Array(expected[..<bytes.count]))
    }

    @Test func streamsOfDifferentPurposesClientsAndRoundsDiffer() {
        var seen: Set<UInt64> = []
        for purpose in SeededGenerator.Purpose.allCases {
            for client in 0..<3 {
                for round in 0..<3 {
                    var stream = SeededGenerator(seed: 1, purpose: purpose, client: client, round: round)
                    seen.insert(stream.next())
                }
            }
        }
        #expect(seen.count == SeededGenerator.Purpose.allCases.count * 9)
    }

    /// 40,000 uniforms: the mean lies within 5 standard errors (failure rate below 1e-6, and seeded).
    @Test func uniformsAreUniform() {
        var stream = SeededGenerator(seed: 5, purpose: .test)
        var values = [Float](repeating: 0, count: 40_000)
        values.withUnsafeMutableBufferPointer { stream.fillUniform($0) }
        #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
        let mean: Double = values.reduce(0.0) { $0 + Double($1) } / 40_000
        let error: Double = (1 / 12.0).squareRoot() / 200
        #expect(abs(mean - 0.5) < 5 * error)
    }

    @Test func shuffleKeepsTheItemsAndDependsOnTheStream() {
        func order(_ round: Int) -> [Int32] {
            var items = (0..<50).map { Int32($0) }
            var stream = SeededGenerator(seed: 5, purpose: .dataOrder, round: round)
            items.withUnsafeMutableBufferPointer { stream.shuffle($0) }
            return items
        }
        #expect(order(1) == order(1))
        #expect(order(1) != order(2))
        #expect(order(1).sorted() == (0..<50).map { Int32($0) })
    }
}
