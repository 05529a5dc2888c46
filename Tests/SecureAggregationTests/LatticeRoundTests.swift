import Cryptography
import TestSupport
import Testing

@testable import SecureAggregation

/// Rounds whose vectors are encrypted on a lattice and whose keys are masked: the same sums, bit for bit.
struct LatticeRoundTests {
    private static let schedules: [RoundPropertyTests.Schedule] = {
        let bits = [8, 12, 16, 17, 20, 24, 18, 19]
        var schedules: [RoundPropertyTests.Schedule] = []
        for count in [2, 3, 4, 5, 7, 10, 16, 25] {
            for tenths in [0, 3] {
                schedules.append(
                    .init(
                        count: count, lossRate: Double(tenths) / 10, bits: bits[(count + tenths) % 8],
                        seed: UInt64(count * 100 + tenths)))
            }
        }
        schedules.append(.init(count: 120, lossRate: 0.25, bits: 16, seed: 2))
        schedules.append(.init(count: 500, lossRate: 0.33, bits: 20, seed: 3))
        return schedules
    }()

    @Test(
        "The opened sum equals the plain one, with losses before and after every step", arguments: schedules)
    func sums(schedule: RoundPropertyTests.Schedule) throws {
        var generator = SeededNumbers(seed: schedule.seed)
        // Two survivors at least where one of a hundred may be corrupt.
        let fleet = try Fleet(
            count: schedule.count, bits: schedule.bits, coordinates: schedule.count == 7 ? 4099 : 5,
            minimalSurvivors: schedule.count > 100 ? schedule.count / 2 : 2,
            assumptions: RoundPropertyTests.assumptions(dropoutRate: 0.33, count: schedule.count),
            latticeMembers: schedule.count + schedule.count % 3, generator: &generator)
        let lost = fleet.members.map(\.identity).shuffled(using: &generator)
            .prefix(Int(Double(schedule.count) * schedule.lossRate))
        for identity in lost {
            fleet.losses[identity] = ProtocolStep.allCases.randomElement(using: &generator)
        }
        let (sum, survivors) = try fleet.run()
        #expect(survivors.sorted() == fleet.present(at: .masked).sorted())
        #expect(try sum == fleet.plainSum(of: survivors))
        // Without taking the masks off the sum of keys nothing opens.
        #expect((try? fleet.server.opened(fleet.server.maskedSum)) != sum)
    }

    private static func fleet(
        count: Int = 5, latticeMembers: Int = 5, adversarialRate: Double = 0, minimalSurvivors: Int = 2
    ) throws -> Fleet {
        var generator = SeededNumbers(seed: 11)
        return try Fleet(
            count: count, coordinates: 64, minimalSurvivors: minimalSurvivors,
            assumptions: SecurityAssumptions(
                dropoutRate: 0.2, adversarialRate: adversarialRate, secrecyBits: 8),
            latticeMembers: latticeMembers, generator: &generator)
    }

    @Test("Other sizes, a second vector and the other scheme are refused, and the sum is still exact")
    func refusals() throws {
        let fleet = try Self.fleet()
        try fleet.runKeys()
        try fleet.runShares()
        let first = fleet.members[0].identity
        let vector = try fleet.encryptedVector(of: first)
        let stranger = try MemberIdentity(name: "stranger")
        let parameters = try LatticeParameters(valueBits: 20, memberCount: 5)
        let others = try [
            (63, parameters), (64, LatticeParameters(valueBits: 20, memberCount: 1000)),
            (64, LatticeParameters(valueBits: 19, memberCount: 5)),
        ].map { count, parameters in
            [UInt64](repeating: 1, count: count).withUnsafeBufferPointer {
                EncryptedVector(
                    key: [UInt32](repeating: 0, count: 2048), coefficients: $0, parameters: parameters)
            }
        }
        for other in others {
            #expect(throws: SecureAggregationError.self) { try fleet.server.receive(other, from: first) }
        }
        #expect(throws: SecureAggregationError.unknownMember) {
            try fleet.server.receive(vector, from: stranger)
        }
        let words = [UInt32](repeating: 1, count: 64)
        #expect(throws: SecureAggregationError.self) {
            try words.withUnsafeBufferPointer { try fleet.server.receive(masked: $0, from: first) }
        }
        try fleet.server.receive(vector, from: first)
        #expect(throws: SecureAggregationError.repeatedMessage) {
            try fleet.server.receive(vector, from: first)
        }
        // No second vector under this round's key, and none under its masks.
        #expect(throws: SecureAggregationError.self) { _ = try fleet.encryptedVector(of: first) }
        #expect(throws: SecureAggregationError.self) { _ = try fleet.maskedVector(of: first) }
        fleet.losses[first] = .masked
        _ = try fleet.runMasked()
        fleet.losses[first] = nil
        try fleet.runConsistency()
        var sum = fleet.server.maskedSum
        try fleet.runUnmask().apply(to: &sum, threads: 1)
        #expect(try fleet.server.opened(sum) == fleet.plainSum(of: fleet.members.map(\.identity)))
    }

    @Test("A member that is asked to mask without encrypting gives nothing, and is done with the round")
    func masksAlone() throws {
        let fleet = try Self.fleet()
        try fleet.runKeys()
        try fleet.runShares()
        let first = fleet.members[0].identity
        #expect(throws: SecureAggregationError.self) { _ = try fleet.maskedVector(of: first) }
        #expect(try fleet.client(first).step == .finished)
    }

    @Test("A sum of keys that no honest members have is refused")
    func greatKeys() throws {
        let fleet = try Self.fleet(latticeMembers: 16_384)
        _ = try fleet.run()
        let bits = UInt32(fleet.binding.maskedBits)
        #expect(throws: SecureAggregationError.self) {
            _ = try fleet.server.opened([UInt32](repeating: 1 << (bits - 1), count: 2048))
        }
        #expect(throws: SecureAggregationError.self) { _ = try fleet.server.opened([1, 2, 3]) }
    }

    @Test(
        "More members than the sizes are for, or fewer than two honest survivors, are refused by both sides")
    func rosters() throws {
        #expect(throws: SecureAggregationError.self) { try Self.fleet(latticeMembers: 4).runKeys() }
        // Of ten members three may be corrupt: four survivors leave one honest one, five leave two.
        let few = try Self.fleet(count: 10, latticeMembers: 10, adversarialRate: 0.3, minimalSurvivors: 4)
        #expect(throws: SecureAggregationError.self) { try few.runKeys() }
        let enough = MaskingScheme.lattice(try LatticeParameters(valueBits: 20, memberCount: 10))
        #expect(enough.objection(members: 10, minimalSurvivors: 5, adversarialRate: 0.3) == nil)
        #expect(enough.objection(members: 10, minimalSurvivors: 4, adversarialRate: 0.3) != nil)
        #expect(enough.objection(members: 11, minimalSurvivors: 9, adversarialRate: 0) != nil)
        #expect(MaskingScheme.masks.objection(members: 11, minimalSurvivors: 2, adversarialRate: 0.9) == nil)
    }

    @Test("A member whose own policy doubts more members goes no further where the plan does not")
    func policies() throws {
        var generator = SeededNumbers(seed: 12)
        let plan = try Self.fleet(count: 10, latticeMembers: 10, minimalSurvivors: 4)
        for (survivors, joins) in [(4, false), (5, true)] {
            let policy = AggregationPolicy(
                minimalSurvivors: survivors,
                assumptions: try SecurityAssumptions(
                    dropoutRate: 0, adversarialRate: 0.3, adversary: .passive, secrecyBits: 1))
            let fleet = try Fleet(
                binding: plan.binding, members: plan.members, verifier: HashingVerifier(), policy: policy,
                generator: &generator)
            try fleet.runKeys()
            if joins {
                try fleet.runShares()
            } else {
                #expect(throws: SecureAggregationError.self) { try fleet.runShares() }
            }
        }
    }

    @Test("Scheme and sizes are in the round's digest; words of other bits than the ring's are refused")
    func binding() throws {
        func binding(_ scheme: MaskingScheme, bits: Int = 20) throws -> RoundBinding {
            try RoundBinding(
                run: "r", round: 1, modelDigest: [UInt8](repeating: 9, count: 32), bits: bits,
                coordinateCount: 64, minimalSurvivors: 2,
                assumptions: SecurityAssumptions(dropoutRate: 0, adversarialRate: 0), scheme: scheme)
        }
        let schemes: [MaskingScheme] = [
            .masks, .lattice(try LatticeParameters(valueBits: 20, memberCount: 5)),
            .lattice(try LatticeParameters(valueBits: 20, memberCount: 500)),
        ]
        #expect(try Set(schemes.map { try binding($0).digest }).count == 3)
        #expect(throws: SecureAggregationError.self) { try binding(schemes[1], bits: 19) }
    }
}
