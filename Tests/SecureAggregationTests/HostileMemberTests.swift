import Cryptography
import TestSupport
import Testing

@testable import SecureAggregation

/// Hostile members and strangers: what the server refuses, while the round of the others goes on.
struct HostileMemberTests {
    private static func fleet(count: Int = 7) throws -> Fleet {
        var generator = SeededNumbers(seed: 6)
        return try Fleet(
            count: count, assumptions: SecurityAssumptions(dropoutRate: 0.3, adversarialRate: 0),
            generator: &generator)
    }

    @Test("Repeats, strangers, wrong steps, lengths and kinds are refused, and the sum is still exact")
    func refusals() throws {
        let fleet = try Self.fleet()
        let first = fleet.members[0].identity
        let stranger = try MemberIdentity(name: "stranger")
        var server: SecureAggregationServer {
            get { fleet.server }
            set { fleet.server = newValue }
        }
        func refused(_ body: () throws -> Void, _ comment: Comment) {
            #expect(throws: SecureAggregationError.self, comment, performing: body)
        }

        for identity in fleet.present(at: .keys) {
            let advertisement = try fleet.client(identity).advertise()
            refused({ try server.receive(advertisement, from: stranger) }, "another's advertisement")
            try server.receive(advertisement, from: identity)
            refused({ try server.receive(advertisement, from: identity) }, "an advertisement twice")
        }
        refused({ _ = try server.rosterMessage(for: first) }, "the roster before its step")
        try server.closeKeys()
        refused({ _ = try server.rosterMessage(for: stranger) }, "the roster for a stranger")

        for identity in fleet.present(at: .shares) {
            let shares = try fleet.client(identity).share(server.rosterMessage(for: identity))
            refused({ try server.receive(shares, from: stranger) }, "shares of a stranger")
            let fewer = SealedShares(entries: Array(shares.entries.dropLast()))
            refused({ try server.receive(fewer, from: identity) }, "a share missing")
            let short = SealedShares(
                entries: shares.entries.map { SealedShares.Entry(member: $0.member, sealed: [1]) })
            refused({ try server.receive(short, from: identity) }, "shares of a wrong length")
            try server.receive(shares, from: identity)
            refused({ try server.receive(shares, from: identity) }, "shares twice")
        }
        try server.closeShares()

        for identity in fleet.present(at: .masked) {
            let words = try fleet.maskedVector(of: identity)
            func send(_ words: [UInt32], _ sender: MemberIdentity) throws {
                try words.withUnsafeBufferPointer { try server.receive(masked: $0, from: sender) }
            }
            refused({ try send(words, stranger) }, "a vector of a stranger")
            refused({ try send(words + [0], identity) }, "a vector too long")
            refused({ try send([], identity) }, "an empty vector")
            refused({ try send([1 << 20] + words.dropFirst(), identity) }, "a word outside the ring")
            try send(words, identity)
            refused({ try send(words, identity) }, "a vector twice")
        }
        let survivors = try server.closeMasked()

        for identity in fleet.present(at: .consistency) {
            let confirmation = try fleet.client(identity).confirm(survivors)
            refused({ try server.receive(confirmation, from: stranger) }, "a stranger's confirmation")
            let forged = Confirmation(signature: confirmation.signature.reversed())
            refused({ try server.receive(forged, from: identity) }, "a forged confirmation")
            try server.receive(confirmation, from: identity)
            refused({ try server.receive(confirmation, from: identity) }, "a confirmation twice")
        }
        try server.closeConsistency()

        for identity in fleet.present(at: .unmask) {
            let shares = try fleet.client(identity).unmask(server.quorum(for: identity))
            func changed(_ change: (UnmaskShares.Entry) -> UnmaskShares.Entry) -> UnmaskShares {
                UnmaskShares(entries: shares.entries.map(change))
            }
            let wrongKind = changed {
                UnmaskShares.Entry(member: $0.member, secret: .maskKey, value: $0.value)
            }
            refused({ try server.receive(wrongKind, from: identity) }, "the wrong kind of share")
            let wrongMember = changed {
                UnmaskShares.Entry(member: $0.member + 90, secret: $0.secret, value: $0.value)
            }
            refused({ try server.receive(wrongMember, from: identity) }, "a share of nobody")
            try server.receive(shares, from: identity)
            refused({ try server.receive(shares, from: identity) }, "shares twice")
        }
        let removal = try server.closeUnmask()
        var sum = server.maskedSum
        try removal.apply(to: &sum, threads: 3)
        #expect(try sum == fleet.plainSum(of: server.members))
    }

    @Test("A member that seals nonsense does no harm while it and enough others stay honest in the end")
    func unopenableShares() throws {
        let fleet = try Self.fleet()
        try fleet.runKeys()
        let hostile = fleet.members[2].identity
        for identity in fleet.present(at: .shares) {
            var shares = try fleet.client(identity).share(fleet.server.rosterMessage(for: identity))
            if identity == hostile {
                // Two of its six shares cannot be opened.
                shares = SealedShares(
                    entries: shares.entries.enumerated().map { number, entry in
                        SealedShares.Entry(
                            member: entry.member,
                            sealed: number < 2 ? entry.sealed.reversed() : entry.sealed)
                    })
            }
            try fleet.server.receive(shares, from: identity)
        }
        try fleet.server.closeShares()
        let survivors = try fleet.runMasked()
        try fleet.runConsistency()
        let removal = try fleet.runUnmask()
        var sum = fleet.server.maskedSum
        try removal.apply(to: &sum, threads: 1)
        #expect(survivors.count == 7)
        #expect(try sum == fleet.plainSum(of: fleet.server.members))
    }

    @Test("Too many false shares end in a clean abort, not in a false sum")
    func tooManyFalseShares() throws {
        let fleet = try Self.fleet(count: 5)
        try fleet.runKeys()
        try fleet.runShares()
        _ = try fleet.runMasked()
        try fleet.runConsistency()
        for identity in fleet.present(at: .unmask) {
            let shares = try fleet.client(identity).unmask(fleet.server.quorum(for: identity))
            let forged = UnmaskShares(
                entries: shares.entries.map {
                    UnmaskShares.Entry(member: $0.member, secret: $0.secret, value: $0.value.reversed())
                })
            try fleet.server.receive(forged, from: identity)
        }
        #expect(throws: SecureAggregationError.self) { _ = try fleet.server.closeUnmask() }
        #expect(fleet.server.step == .unmask)
    }

    @Test("Members handed different models cannot be unmasked, or do not even start")
    func differentModels() throws {
        let fleet = try Self.fleet()
        let member = fleet.members[0]
        let binding = fleet.binding
        let other = try RoundBinding(
            run: binding.run, round: binding.round, modelDigest: [UInt8](repeating: 8, count: 32),
            bits: binding.bits, coordinateCount: binding.coordinateCount,
            minimalSurvivors: binding.minimalSurvivors, assumptions: binding.assumptions)
        var record = ParticipationRecord()
        let misled = try SecureAggregationClient(
            binding: other,
            policy: AggregationPolicy(minimalSurvivors: 2, assumptions: binding.assumptions),
            member: member, verifier: HashingVerifier(), participation: &record)
        let advertisement = try misled.advertise()
        #expect(throws: SecureAggregationError.self) {
            try fleet.server.receive(advertisement, from: member.identity)
        }

        // Were the signature right, the masks would still not be: other salt, other seeds.
        let entries = [
            RosterMessage.Entry(
                identity: member.identity, advertisementDigest: [UInt8](repeating: 0, count: 32)),
            RosterMessage.Entry(
                identity: fleet.members[1].identity, advertisementDigest: [UInt8](repeating: 1, count: 32)),
        ].sorted { $0.identity < $1.identity }
        let (left, right) = (try KeyAgreement.PrivateKey(), try KeyAgreement.PrivateKey())
        func seed(_ binding: RoundBinding) throws -> [UInt8] {
            try PairwiseKeys.maskSeed(
                own: left, peer: right.publicKey, between: 0, and: 1,
                roster: Roster(entries: entries, binding: binding)
            ).bytes.withUnsafeBytes { [UInt8]($0) }
        }
        #expect(try seed(binding) == seed(binding))
        #expect(try seed(binding) != seed(other))
    }
}
