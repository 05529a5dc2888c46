import Cryptography
import TestSupport
import Testing

@testable import SecureAggregation

/// A lying server: what a member refuses, and that it answers nothing afterwards.
struct HostileServerTests {
    private static func fleet(
        count: Int = 8, minimalSurvivors: Int = 4, policy: AggregationPolicy? = nil
    ) throws -> Fleet {
        var generator = SeededNumbers(seed: 5)
        let members = try (0..<count).map { _ in try KeyedMember(key: Signature.PrivateKey()) }
        let binding = try RoundBinding(
            run: "run", round: 1, modelDigest: [UInt8](repeating: 1, count: 32), bits: 20,
            coordinateCount: 3, minimalSurvivors: minimalSurvivors,
            assumptions: SecurityAssumptions(dropoutRate: 0.2, adversarialRate: 0.1))
        return try Fleet(
            binding: binding, members: members, verifier: PinnedMembers(Set(members.map(\.identity))),
            policy: policy, generator: &generator)
    }

    private static func refusal(_ body: () throws -> Void) -> SecureAggregationError? {
        do { try body() } catch let error as SecureAggregationError { return error } catch {}
        return nil
    }

    @Test("A roster that is changed in any way is refused, and the round is over for the member")
    func rosters() throws {
        typealias Change = (RosterMessage) -> RosterMessage
        func edited(
            entries: (([RosterMessage.Entry]) -> [RosterMessage.Entry])? = nil, degree: Int = 0,
            threshold: Int = 0, advertisements: (([Advertisement]) -> [Advertisement])? = nil
        ) -> Change {
            { message in
                RosterMessage(
                    entries: entries?(message.entries) ?? message.entries, degree: message.degree + degree,
                    threshold: message.threshold + threshold,
                    advertisements: advertisements?(message.advertisements) ?? message.advertisements)
            }
        }
        let changes: [(String, Change)] = [
            ("a duplicate identity", edited(entries: { Array($0[..<1]) + $0 })),
            ("out of order", edited(entries: { $0.reversed() })),
            ("too small", edited(entries: { Array($0[..<3]) })),
            ("one member fewer", edited(entries: { Array($0.dropLast()) })),
            ("lower degree", edited(degree: -1)), ("lower threshold", edited(threshold: -1)),
            ("higher threshold", edited(threshold: 1)),
            ("a neighbour fewer", edited(advertisements: { Array($0.dropLast()) })),
            ("a neighbour twice", edited(advertisements: { Array($0.dropLast()) + [$0[0]] })),
            ("neighbours exchanged", edited(advertisements: { [$0[1], $0[0]] + $0[2...] })),
            ("empty", edited(entries: { _ in [] })),
        ]
        for (name, change) in changes {
            let fleet = try Self.fleet()
            try fleet.runKeys()
            let identity = fleet.members[0].identity
            let client = try fleet.client(identity)
            let message = try fleet.server.rosterMessage(for: identity)
            #expect(throws: SecureAggregationError.self, "\(name)") { _ = try client.share(change(message)) }
            #expect(client.step == .finished, "\(name)")
            #expect(throws: SecureAggregationError.wrongStep(expected: .finished, actual: .shares)) {
                _ = try client.share(message)
            }
        }
    }

    @Test("An advertisement with an exchanged key, another round's signature or a low-order point is refused")
    func advertisements() throws {
        let low = try KeyAgreement.PublicKey(bytes: [1] + [UInt8](repeating: 0, count: 31))
        let fresh = try KeyAgreement.PrivateKey().publicKey
        typealias Forgery = (Advertisement, KeyedMember, RoundBinding) throws -> Advertisement
        func signed(
            _ advertisement: Advertisement, by member: KeyedMember, binding: RoundBinding,
            mask: KeyAgreement.PublicKey
        ) throws -> Advertisement {
            let message = Advertisement.signedBytes(
                binding: binding, identity: member.identity, encryptionKey: advertisement.encryptionKey,
                maskKey: mask, seedCommitment: advertisement.seedCommitment)
            return Advertisement(
                encryptionKey: advertisement.encryptionKey, maskKey: mask,
                seedCommitment: advertisement.seedCommitment, credential: member.credential,
                signature: try member.sign(message))
        }
        let forgeries: [Forgery] = [
            { original, _, _ in
                Advertisement(
                    encryptionKey: fresh, maskKey: original.maskKey, seedCommitment: original.seedCommitment,
                    credential: original.credential, signature: original.signature)
            },
            { original, _, _ in
                let stranger = try KeyedMember(key: Signature.PrivateKey())
                return Advertisement(
                    encryptionKey: original.encryptionKey, maskKey: original.maskKey,
                    seedCommitment: original.seedCommitment, credential: stranger.credential,
                    signature: original.signature)
            },
            { original, member, binding in
                let other = try RoundBinding(
                    run: binding.run, round: binding.round + 1, modelDigest: binding.modelDigest,
                    bits: binding.bits, coordinateCount: binding.coordinateCount,
                    minimalSurvivors: binding.minimalSurvivors, assumptions: binding.assumptions)
                return try signed(original, by: member, binding: other, mask: original.maskKey)
            },
            { try signed($0, by: $1, binding: $2, mask: low) },
        ]
        for (number, forge) in forgeries.enumerated() {
            let fleet = try Self.fleet()
            let victim = try #require(fleet.members[0] as? KeyedMember)
            let original = try fleet.client(victim.identity).advertise()
            let forged = try forge(original, victim, fleet.binding)
            // An honest server does not let it in, and the cohort goes on without it.
            #expect(throws: SecureAggregationError.self) {
                try fleet.server.receive(forged, from: victim.identity)
            }
            for member in fleet.members.dropFirst() {
                try fleet.server.receive(fleet.client(member.identity).advertise(), from: member.identity)
            }
            // A lying server lets it in: every neighbour refuses.
            try fleet.server.receive(original, from: victim.identity)
            try fleet.server.closeKeys()
            let digest = try SHA256.hash(forged.encoded())
            let entries = try #require(fleet.server.roster).entries.map { entry in
                entry.identity == victim.identity
                    ? RosterMessage.Entry(identity: entry.identity, advertisementDigest: digest) : entry
            }
            let identity = fleet.members[1].identity
            let message = try fleet.server.rosterMessage(for: identity)
            let lie = RosterMessage(
                entries: entries, degree: message.degree, threshold: message.threshold,
                advertisements: message.advertisements.map { $0 == original ? forged : $0 })
            let error = Self.refusal { _ = try fleet.client(identity).share(lie) }
            let index = try #require(fleet.server.roster?.index(of: victim.identity))
            #expect(
                error == (number == 3 ? .lowOrderPoint(member: index) : .invalidSignature(member: index)))
        }
    }

    @Test(
        "A cohort below the policy's minimum, outside its pinned members or too sparse for its rates is refused"
    )
    func policies() throws {
        let plan = try SecurityAssumptions(dropoutRate: 0.2, adversarialRate: 0.1)
        let strict = try SecurityAssumptions(dropoutRate: 0.2, adversarialRate: 0.5)
        let stranger = try MemberIdentity(name: "stranger")
        let policies: [(AggregationPolicy, SecureAggregationError?)] = [
            (
                AggregationPolicy(minimalSurvivors: 9, assumptions: plan),
                .tooFewMembers(actual: 8, minimum: 9)
            ),
            (
                AggregationPolicy(minimalSurvivors: 4, assumptions: plan, pinnedMembers: [stranger]),
                .unknownMember
            ),
            (
                AggregationPolicy(minimalSurvivors: 4, assumptions: strict),
                .graphTooSparse(degree: 7, threshold: 4)
            ),
            (AggregationPolicy(minimalSurvivors: 8, assumptions: plan), nil),
        ]
        for (policy, expected) in policies {
            let fleet = try Self.fleet(policy: policy)
            try fleet.runKeys()
            let identity = fleet.members[0].identity
            let message = try fleet.server.rosterMessage(for: identity)
            #expect(Self.refusal { _ = try fleet.client(identity).share(message) } == expected)
        }
    }

    @Test(
        "Deliveries with strangers, senders twice or below the threshold are refused; the vector stays whole")
    func deliveries() throws {
        let changes: [([SealedShares.Entry]) -> [SealedShares.Entry]] = [
            { Array($0.prefix(2)) }, { $0 + [$0[0]] },
            { $0.map { SealedShares.Entry(member: $0.member + 100, sealed: $0.sealed) } }, { _ in [] },
        ]
        for change in changes {
            let fleet = try Self.fleet()
            try fleet.runKeys()
            try fleet.runShares()
            let identity = fleet.members[0].identity
            let delivery = SealedShares(entries: change(try fleet.server.delivery(for: identity).entries))
            var words = try #require(fleet.vectors[identity])
            let client = try fleet.client(identity)
            #expect(throws: SecureAggregationError.self) {
                try words.withUnsafeMutableBufferPointer { try client.mask($0, delivery: delivery) }
            }
            #expect(words == fleet.vectors[identity])
            #expect(client.step == .finished)
        }
    }

    @Test("Survivor sets that lie are refused, the true one is signed")
    func survivorSets() throws {
        // Member 7 never shared. The lies are written with the roster indices of the asked and the silent one.
        typealias Lie = (_ own: Int, _ silent: Int) -> SurvivorSet
        func answer(_ lie: Lie) throws -> (error: SecureAggregationError?, silent: Int) {
            let fleet = try Self.fleet()
            fleet.losses[fleet.members[7].identity] = .shares
            try fleet.runKeys()
            try fleet.runShares()
            _ = try fleet.runMasked()
            let identity = fleet.members[0].identity
            let own = try #require(fleet.server.roster?.index(of: identity))
            let silent = try #require(fleet.server.roster?.index(of: fleet.members[7].identity))
            let client = try fleet.client(identity)
            let error = Self.refusal { _ = try client.confirm(lie(own, silent)) }
            #expect(client.step == (error == nil ? .unmask : .finished))
            return (error, silent)
        }
        let absent = try answer { own, silent in
            SurvivorSet(cohortSize: 8, members: (0..<8).filter { $0 != own && $0 != silent })
        }
        #expect(absent.error == .ownAbsence)
        let few = try answer { own, silent in
            SurvivorSet(
                cohortSize: 8, members: [own] + (0..<8).filter { $0 != own && $0 != silent }.prefix(1))
        }
        #expect(few.error == .tooFewMembers(actual: 2, minimum: 4))
        let invented = try answer { _, _ in SurvivorSet(cohortSize: 8, members: 0..<8) }
        #expect(
            invented.error
                == .inconsistentSurvivors("member \(invented.silent) survives without having shared"))
        let foreign = try answer { _, _ in SurvivorSet(cohortSize: 9, members: 0..<9) }
        #expect(foreign.error == .inconsistentSurvivors("of 9 members, not 8"))
        let honest = try answer { _, silent in
            SurvivorSet(cohortSize: 8, members: (0..<8).filter { $0 != silent })
        }
        #expect(honest.error == nil)
    }

    @Test("An equivocating server learns nothing: two survivor sets split the quorum")
    func equivocation() throws {
        let fleet = try Self.fleet(count: 9)
        try fleet.runKeys()
        try fleet.runShares()
        _ = try fleet.runMasked()
        let victim = 4
        let roster = try #require(fleet.server.roster)
        let all = SurvivorSet(cohortSize: 9, members: 0..<9)
        let without = SurvivorSet(cohortSize: 9, members: (0..<9).filter { $0 != victim })
        var signatures: [Int: [UInt8]] = [:]
        for index in 0..<9 {
            let shown = index.isMultiple(of: 2) || index == victim ? all : without
            signatures[index] =
                try fleet.client(roster.entries[index].identity).confirm(shown).signature
        }
        for index in 0..<9 {
            let quorum = Quorum(
                entries: signatures.filter { $0.key != index }.sorted { $0.key < $1.key }
                    .map { Quorum.Entry(member: $0.key, signature: $0.value) })
            let client = try fleet.client(roster.entries[index].identity)
            #expect(throws: SecureAggregationError.self) { _ = try client.unmask(quorum) }
            #expect(throws: SecureAggregationError.wrongStep(expected: .finished, actual: .unmask)) {
                _ = try client.unmask(quorum)
            }
        }
    }

    @Test("Quorums below the threshold, of strangers or with others' signatures are refused")
    func quorums() throws {
        let changes: [([Quorum.Entry]) -> [Quorum.Entry]] = [
            { Array($0.prefix(2)) }, { _ in [] }, { $0 + [$0[0]] },
            { $0.map { Quorum.Entry(member: $0.member, signature: [UInt8](repeating: 0, count: 64)) } },
            { entries in
                zip(entries, entries.dropFirst() + entries.prefix(1)).map {
                    Quorum.Entry(member: $0.member, signature: $1.signature)
                }
            },
            { $0.map { Quorum.Entry(member: $0.member + 50, signature: $0.signature) } },
        ]
        for change in changes {
            let fleet = try Self.fleet()
            try fleet.runKeys()
            try fleet.runShares()
            _ = try fleet.runMasked()
            try fleet.runConsistency()
            let identity = fleet.members[0].identity
            let quorum = Quorum(entries: change(try fleet.server.quorum(for: identity).entries))
            let client = try fleet.client(identity)
            #expect(throws: SecureAggregationError.self) { _ = try client.unmask(quorum) }
            #expect(client.step == .finished)
        }
    }

    @Test("A round is never joined twice, nor an earlier one; another run is another matter")
    func repeatedRounds() throws {
        var record = ParticipationRecord()
        try record.enter(run: "a", round: 4)
        #expect(throws: SecureAggregationError.repeatedRound(run: "a", round: 4)) {
            try record.enter(run: "a", round: 4)
        }
        #expect(throws: SecureAggregationError.repeatedRound(run: "a", round: 3)) {
            try record.enter(run: "a", round: 3)
        }
        try record.enter(run: "b", round: 0)
        try record.enter(run: "a", round: 5)
    }

    @Test("Shares are given once: a second request in any step changes nothing and is refused")
    func onceOnly() throws {
        let fleet = try Self.fleet()
        try fleet.runKeys()
        try fleet.runShares()
        _ = try fleet.runMasked()
        try fleet.runConsistency()
        let identity = fleet.members[0].identity
        let client = try fleet.client(identity)
        let survivors = try #require(fleet.server.survivors)
        #expect(throws: SecureAggregationError.wrongStep(expected: .unmask, actual: .consistency)) {
            _ = try client.confirm(survivors)
        }
        let quorum = try fleet.server.quorum(for: identity)
        let shares = try client.unmask(quorum)
        #expect(Set(shares.entries.map(\.member)).count == shares.entries.count)
        #expect(throws: SecureAggregationError.wrongStep(expected: .finished, actual: .unmask)) {
            _ = try client.unmask(quorum)
        }
    }
}
