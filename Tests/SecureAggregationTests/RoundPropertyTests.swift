import Cryptography
import TestSupport
import Testing

@testable import SecureAggregation

/// The masked sum equals the plain one bit for bit, whoever drops out and when.
struct RoundPropertyTests {
    struct Schedule: Sendable, CustomStringConvertible {
        let count: Int
        let lossRate: Double
        let bits: Int
        let seed: UInt64
        var description: String { "\(count) members, \(lossRate) lost, \(bits) bits, seed \(seed)" }
    }

    static let schedules: [Schedule] = {
        let bits = [8, 12, 16, 17, 20, 24, 31, 32]
        var schedules: [Schedule] = []
        for count in [2, 3, 4, 5, 7, 10, 16, 25] {
            for tenths in 0...3 {
                let rate = tenths == 3 ? 0.33 : Double(tenths) / 10
                schedules.append(
                    Schedule(
                        count: count, lossRate: rate, bits: bits[(count + tenths) % 8],
                        seed: UInt64(count * 100 + tenths)))
            }
        }
        schedules.append(Schedule(count: 60, lossRate: 0.33, bits: 18, seed: 1))
        schedules.append(Schedule(count: 120, lossRate: 0.25, bits: 16, seed: 2))
        schedules.append(Schedule(count: 500, lossRate: 0.33, bits: 24, seed: 3))
        return schedules
    }()

    /// Security is set low, and for the largest cohorts the server passive, so that degrees are ones that a debug
    /// build handles; the steps are the same.
    static func assumptions(dropoutRate: Double, count: Int = 0) throws -> SecurityAssumptions {
        try SecurityAssumptions(
            dropoutRate: dropoutRate, adversarialRate: count > 100 ? 0.05 : 0,
            adversary: count > 100 ? .passive : .active, secrecyBits: 8, correctnessBits: 30)
    }

    @Test("Masked equals unmasked, with losses before and after every step", arguments: schedules)
    func maskedEqualsUnmasked(schedule: Schedule) throws {
        var generator = SeededNumbers(seed: schedule.seed)
        let fleet = try Fleet(
            count: schedule.count, bits: schedule.bits, coordinates: schedule.count == 7 ? 4099 : 5,
            assumptions: Self.assumptions(dropoutRate: 0.33, count: schedule.count), generator: &generator)
        let lost = fleet.members.map(\.identity).shuffled(using: &generator)
            .prefix(Int(Double(schedule.count) * schedule.lossRate))
        for identity in lost {
            fleet.losses[identity] = ProtocolStep.allCases.randomElement(using: &generator)
        }
        let (sum, survivors) = try fleet.run()
        #expect(survivors.count >= schedule.count - lost.count)
        #expect(survivors.sorted() == fleet.present(at: .masked).sorted())
        #expect(try sum == fleet.plainSum(of: survivors))
        #expect(sum != fleet.server.maskedSum)
        for client in fleet.clients.values where fleet.losses.isEmpty { #expect(client.step == .finished) }
    }

    @Test("All of a third lost before one step", arguments: ProtocolStep.allCases)
    func lossesBefore(step: ProtocolStep) throws {
        var generator = SeededNumbers(seed: 77)
        let fleet = try Fleet(
            count: 12, assumptions: Self.assumptions(dropoutRate: 0.33), generator: &generator)
        for member in fleet.members.prefix(4) { fleet.losses[member.identity] = step }
        let (sum, survivors) = try fleet.run()
        #expect(survivors.count == (step > .masked ? 12 : 8))
        #expect(try sum == fleet.plainSum(of: survivors))
    }

    @Test(
        "With too few members at a step the round aborts",
        arguments: [ProtocolStep.keys, .shares, .masked, .consistency, .unmask])
    func belowThreshold(step: ProtocolStep) throws {
        var generator = SeededNumbers(seed: 78)
        let fleet = try Fleet(
            count: 12, minimalSurvivors: 5, assumptions: Self.assumptions(dropoutRate: 0.2),
            generator: &generator)
        for member in fleet.members.prefix(8) { fleet.losses[member.identity] = step }
        #expect(throws: SecureAggregationError.self) { _ = try fleet.run() }
    }

    @Test("One share fewer than the threshold: everything the server holds does not open the sum")
    func insufficientShares() throws {
        var generator = SeededNumbers(seed: 79)
        let fleet = try Fleet(
            count: 9, coordinates: 64, assumptions: Self.assumptions(dropoutRate: 0.2), generator: &generator)
        try fleet.runKeys()
        try fleet.runShares()
        let survivors = try fleet.runMasked()
        try fleet.runConsistency()
        let threshold = try #require(fleet.server.parameters?.threshold)
        // A member holds no share of its own secrets: with `threshold` answers every answering member's secret
        // has one share too few.
        for identity in fleet.present(at: .unmask).prefix(threshold) {
            let shares = try fleet.client(identity).unmask(fleet.server.quorum(for: identity))
            try fleet.server.receive(shares, from: identity)
        }
        #expect(!fleet.server.canUnmask)
        #expect(throws: SecureAggregationError.self) { _ = try fleet.server.closeUnmask() }

        // The server ignores the rules and combines all it has, here and with one share used twice or zero.
        let answering = fleet.present(at: .unmask)[0]
        let index = try #require(fleet.server.roster?.index(of: answering))
        let held = try #require(fleet.server.shares[index])
        #expect(held.count == threshold - 1)
        var reconstruction = Reconstruction(threshold: held.count)
        let commitment = fleet.server.advertisements[index].seedCommitment
        #expect(throws: SecureAggregationError.reconstructionFailed(member: index)) {
            _ = try reconstruction.secret(of: index, from: held) { seed in
                (try? SHA256.commitment(to: seed)) == commitment
            }
        }
        #expect(
            try fleet.server.maskedSum
                != fleet.plainSum(of: survivors.members.map { fleet.server.members[$0] }))
    }

    @Test("Real signatures, degree below complete, false shares of some members: still exact")
    func falseShares() throws {
        var generator = SeededNumbers(seed: 80)
        let members = try (0..<60).map { _ in try KeyedMember(key: Signature.PrivateKey()) }
        let binding = try RoundBinding(
            run: "keyed", round: 0, modelDigest: [UInt8](repeating: 1, count: 32), bits: 16,
            coordinateCount: 33, minimalSurvivors: 10,
            assumptions: SecurityAssumptions(
                dropoutRate: 0.1, adversarialRate: 0.1, secrecyBits: 8, correctnessBits: 30))
        let fleet = try Fleet(
            binding: binding, members: members, verifier: PinnedMembers(Set(members.map(\.identity))),
            generator: &generator)
        try fleet.runKeys()
        let parameters = try #require(fleet.server.parameters)
        #expect(!parameters.isComplete)
        fleet.losses[members[5].identity] = .masked
        try fleet.runShares()
        let survivors = try fleet.runMasked()
        try fleet.runConsistency()
        for (number, identity) in fleet.present(at: .unmask).enumerated() {
            var shares = try fleet.client(identity).unmask(fleet.server.quorum(for: identity))
            if number < 2 {
                shares = UnmaskShares(
                    entries: shares.entries.map { entry in
                        UnmaskShares.Entry(
                            member: entry.member, secret: entry.secret, value: entry.value.map { $0 ^ 0x55 })
                    })
            }
            try fleet.server.receive(shares, from: identity)
        }
        let removal = try fleet.server.closeUnmask()
        var sum = fleet.server.maskedSum
        try removal.apply(to: &sum, threads: 1)
        #expect(try sum == fleet.plainSum(of: survivors.members.map { fleet.server.members[$0] }))
    }
}
