import Cryptography
import TestSupport
import Testing

@testable import SecureAggregation

/// The binary forms: golden bytes, round trips, truncation at every byte, left-over bytes, wrong kinds.
struct MessageTests {
    private static func key(_ byte: UInt8) throws -> KeyAgreement.PublicKey {
        try KeyAgreement.PublicKey(bytes: [UInt8](repeating: byte, count: 32))
    }

    private static func advertisement() throws -> Advertisement {
        try Advertisement(
            encryptionKey: key(1), maskKey: key(2), seedCommitment: [UInt8](repeating: 3, count: 32),
            credential: [4, 5], signature: [6])
    }

    private static func roster() throws -> RosterMessage {
        try RosterMessage(
            entries: [
                RosterMessage.Entry(
                    identity: MemberIdentity(name: "x"), advertisementDigest: [UInt8](repeating: 7, count: 32)
                )
            ], degree: 42, threshold: 27, advertisements: [advertisement(), advertisement()])
    }

    private static let sealed = SealedShares(
        entries: [3, 900].map { .init(member: $0, sealed: [UInt8](repeating: 9, count: 80)) })
    private static let survivors = SurvivorSet(cohortSize: 11, members: [0, 3, 10])
    private static let confirmation = Confirmation(signature: [1, 2, 3])
    private static let quorum = Quorum(entries: [
        .init(member: 1, signature: [5]), .init(member: 7, signature: []),
    ])
    private static let unmask = UnmaskShares(entries: [
        .init(member: 2, secret: .selfMaskSeed, value: [UInt8](repeating: 1, count: 32)),
        .init(member: 258, secret: .maskKey, value: [UInt8](repeating: 2, count: 32)),
    ])

    private func check<Message: SecureAggregationMessage>(_ message: Message) throws {
        let bytes = message.encoded()
        #expect(try Message(decoding: bytes) == message)
        for count in 0..<bytes.count {
            #expect(throws: SecureAggregationError.self, "cut to \(count)") {
                _ = try Message(decoding: [UInt8](bytes[..<count]))
            }
        }
        #expect(throws: SecureAggregationError.self) { _ = try Message(decoding: bytes + [0]) }
        for place in 0..<2 {
            var changed = bytes
            changed[place] ^= 0x40
            #expect(throws: SecureAggregationError.self) { _ = try Message(decoding: changed) }
        }
    }

    @Test("Every message comes back from its bytes, and from nothing shorter, longer or of another kind")
    func roundTrips() throws {
        try check(Self.advertisement())
        try check(Self.roster())
        try check(Self.sealed)
        try check(Self.survivors)
        try check(Self.confirmation)
        try check(Self.quorum)
        try check(Self.unmask)
    }

    private static func encrypted(_ coefficients: [UInt64]) throws -> EncryptedVector {
        let parameters = try LatticeParameters(valueBits: 9, memberCount: 2)
        return coefficients.withUnsafeBufferPointer {
            EncryptedVector(
                key: [1, 2] + [UInt32](repeating: 0, count: 2046), coefficients: $0, parameters: parameters)
        }
    }

    @Test("An encrypted vector comes back from its bytes, and from nothing else")
    func encryptedVectors() throws {
        // 9 bits and 8 for the error of two members; keys in a ring of 8.
        let bytes = try Self.encrypted([0x1FFFF, 1, 0x10000]).encoded()
        #expect(bytes.prefix(16) == [8, 1, 8, 0, 17, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 2])
        #expect(bytes.suffix(7) == [0xFF, 0xFF, 0x03, 0, 0, 0, 0x04])
        #expect(bytes.count == 14 + 2048 + 7)
        let parameters = try LatticeParameters(valueBits: 9, memberCount: 2)
        #expect(bytes.count == EncryptedVector.byteCount(of: 3, parameters: parameters))
        let read = try EncryptedVector(decoding: bytes)
        #expect(try read == Self.encrypted([0x1FFFF, 1, 0x10000]) && read.keyWords.prefix(3) == [1, 2, 0])
        for count in Array(0..<40) + Array((bytes.count - 20)..<bytes.count) {
            #expect(throws: SecureAggregationError.self, "cut to \(count)") {
                _ = try EncryptedVector(decoding: [UInt8](bytes[..<count]))
            }
        }
        // Kind, version, widths and length changed; a bit beyond the last coordinate; a byte more.
        var wrong = [
            (0, 0x40), (1, 0x40), (2, 0x30), (4, 0x40), (6, 0x01), (12, 0x80), (bytes.count - 1, 0x80),
        ].map {
            (place, bits) in
            var changed = bytes
            changed[place] ^= UInt8(bits)
            return changed
        }
        wrong.append(bytes + [0])
        for changed in wrong {
            #expect(throws: SecureAggregationError.self) { _ = try EncryptedVector(decoding: changed) }
        }
    }

    @Test("Golden bytes")
    func golden() throws {
        #expect(Self.survivors.encoded() == [4, 1, 11, 0, 0b0000_1001, 0b0000_0100])
        #expect(Self.confirmation.encoded() == [5, 1, 3, 0, 1, 2, 3])
        #expect(Self.quorum.encoded() == [6, 1, 2, 0, 1, 0, 1, 0, 5, 7, 0, 0, 0])
        #expect(Self.unmask.encoded().prefix(8) == [7, 1, 2, 0, 2, 0, 0, 1])
        #expect(Self.sealed.encoded().prefix(7) == [3, 1, 2, 0, 3, 0, 9])
        let advertisement = try Self.advertisement().encoded()
        #expect(advertisement.count == 2 + 96 + 2 + 2 + 2 + 1)
        #expect(advertisement.suffix(7) == [2, 0, 4, 5, 1, 0, 6])
        #expect(try Self.roster().encoded().prefix(8) == [2, 1, 42, 0, 27, 0, 1, 0])
    }

    @Test("Members out of order or twice, unused bits, unknown kinds and oversize counts are refused")
    func refusals() {
        let twice = SealedShares(entries: [Self.sealed.entries[0], Self.sealed.entries[0]])
        #expect(throws: SecureAggregationError.self) { _ = try SealedShares(decoding: twice.encoded()) }
        let reversed = Quorum(entries: Self.quorum.entries.reversed())
        #expect(throws: SecureAggregationError.self) { _ = try Quorum(decoding: reversed.encoded()) }
        let both = UnmaskShares(entries: [Self.unmask.entries[0], Self.unmask.entries[0]])
        #expect(throws: SecureAggregationError.self) { _ = try UnmaskShares(decoding: both.encoded()) }
        #expect(throws: SecureAggregationError.self) {
            _ = try SurvivorSet(decoding: [4, 1, 11, 0, 0, 0b0000_1000])
        }
        var unknown = Self.unmask.encoded()
        unknown[6] = 2
        #expect(throws: SecureAggregationError.self) { _ = try UnmaskShares(decoding: unknown) }
        #expect(throws: SecureAggregationError.self) { _ = try SealedShares(decoding: [3, 1, 255, 255]) }
        #expect(throws: SecureAggregationError.self) { _ = try Confirmation(decoding: [5, 1, 255, 255]) }
        #expect(throws: SecureAggregationError.self) {
            _ = try Confirmation(decoding: [5, 1, 1, 2] + [UInt8](repeating: 0, count: 513))
        }
    }

    @Test("Random bytes never trap")
    func noise() {
        var generator = SeededNumbers(seed: 4)
        for round in 0..<4000 {
            var bytes = (0..<Int.random(in: 0...120, using: &generator)).map { _ in
                UInt8.random(in: 0...(round.isMultiple(of: 2) ? 255 : 3), using: &generator)
            }
            if bytes.count >= 2 { (bytes[0], bytes[1]) = (UInt8(round % 7 + 1), 1) }
            _ = try? Advertisement(decoding: bytes)
            _ = try? RosterMessage(decoding: bytes)
            _ = try? SealedShares(decoding: bytes)
            _ = try? SurvivorSet(decoding: bytes)
            _ = try? Confirmation(decoding: bytes)
            _ = try? Quorum(decoding: bytes)
            _ = try? UnmaskShares(decoding: bytes)
        }
    }
}
