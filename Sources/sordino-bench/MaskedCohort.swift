import Compute
import Cryptography
internal import Custody
import Encoding
import Federation
import Foundation
import SecureAggregation
import Simulation

/// Why a measurement is worth nothing.
enum BenchFailure: Error, CustomStringConvertible {
    /// The unmasked sum is not the sum of the survivors' vectors.
    case wrongSum
    /// A child process did not do its work.
    case childFailed

    var description: String {
        switch self {
        case .wrongSum: "secagg: the unmasked sum differs from the plain sum of the survivors"
        case .childFailed: "a child process of the benchmark failed"
        }
    }
}

/// One round of secure aggregation on one thread, with the processor time of the server and of one agent taken
/// apart. That agent encodes and noises an update and checks every signature itself; the others only play along.
final class MaskedCohort {
    private let plan: TaskPlan
    private let binding: RoundBinding
    private let members: [KeyedMember]
    private let clients: [SecureAggregationClient]
    private var server: SecureAggregationServer
    private var plainSum: RingVector
    private let agent = ProcessorMeter()
    private let work = ProcessorMeter()
    /// Bytes of a vector as it travels.
    private var vectorBytes: Int

    /// What a round took.
    struct Cost {
        /// Processor time of the first member.
        let agent: ProcessorMeter
        /// Processor time of the server.
        let server: ProcessorMeter
        /// Masks that the first member added.
        let agentMasks: Int
        /// Masks that the server took out.
        let serverMasks: Int
        /// Neighbours of every member.
        let degree: Int
        /// Bytes of a vector as it travels over those of the same vector in the open.
        let expansion: Double
    }

    /// A cohort for one round, with masks or on a lattice.
    init(plan: TaskPlan, count: Int, round: Int, isOnLattice: Bool = false) throws {
        self.plan = plan
        let rates = plan.configuration.secureAggregation
        let assumptions = try SecurityAssumptions(
            dropoutRate: rates.dropoutRate, adversarialRate: rates.adversarialRate)
        binding = try RoundBinding(
            run: "bench", round: round, modelDigest: [UInt8](repeating: 1, count: 32), bits: plan.codec.bits,
            coordinateCount: plan.report.count, minimalSurvivors: count / 2, assumptions: assumptions,
            scheme: isOnLattice
                ? .lattice(LatticeParameters(valueBits: plan.codec.bits, memberCount: count)) : .masks)
        members = try (0..<count).map { _ in try KeyedMember(key: Signature.PrivateKey()) }
        let verifier = PinnedMembers(Set(members.map(\.identity)))
        let memoizing = MemoizingVerifier(verifier)
        let policy = AggregationPolicy(minimalSurvivors: 2, assumptions: assumptions)
        var clients: [SecureAggregationClient] = []
        for (index, member) in members.enumerated() {
            var record = ParticipationRecord()
            clients.append(
                try SecureAggregationClient(
                    binding: binding, policy: policy, member: member,
                    verifier: index == 0 ? verifier : memoizing, participation: &record))
        }
        self.clients = clients
        server = SecureAggregationServer(binding: binding, verifier: verifier)
        vectorBytes = RingVector.packedByteCount(count: plan.report.count, bits: plan.codec.bits)
        plainSum = RingVector(zeros: plan.report.count, bits: plan.codec.bits)
    }

    /// Runs the round; the last `dropped` members share and then are gone. Throws ``BenchFailure/wrongSum``
    /// unless the sum comes out exactly.
    func run(dropped: Int) throws -> Cost {
        let survivors = Array(clients.indices.dropLast(dropped))
        try exchangeKeys()
        for index in survivors { try deliver(index) }
        _ = try work.charge("consistency") { try server.closeMasked() }
        for index in survivors {
            let set = try work.charge("consistency") {
                try server.survivorMessage(for: members[index].identity).encoded()
            }
            let bytes = try charge(index, "consistency") {
                try clients[index].confirm(SurvivorSet(decoding: set)).encoded()
            }
            try work.charge("consistency") {
                try server.receive(Confirmation(decoding: bytes), from: members[index].identity)
            }
        }
        try work.charge("consistency") { try server.closeConsistency() }
        for index in survivors {
            let quorum = try work.charge("unmask") {
                try server.quorum(for: members[index].identity).encoded()
            }
            let bytes = try charge(index, "unmask") {
                try clients[index].unmask(Quorum(decoding: quorum)).encoded()
            }
            try work.charge("unmask") {
                try server.receive(UnmaskShares(decoding: bytes), from: members[index].identity)
            }
        }
        let removal = try work.charge("reconstruction") { try server.closeUnmask() }
        var sum = server.maskedSum
        try work.charge("removal") { try removal.apply(to: &sum, threads: 1) }
        sum = try work.charge("removal") { try server.opened(sum) }
        guard RingVector(narrow: sum, bits: plan.codec.bits) == plainSum else { throw BenchFailure.wrongSum }
        let degree = server.parameters?.degree ?? 0
        return Cost(
            agent: agent, server: work, agentMasks: degree + 1, serverMasks: removal.maskCount,
            degree: degree,
            expansion: Double(vectorBytes)
                / Double(RingVector.packedByteCount(count: plan.report.count, bits: plan.codec.bits)))
    }

    /// The steps `keys` and `shares`.
    private func exchangeKeys() throws {
        for index in clients.indices {
            let bytes = try charge(index, "keys") { try clients[index].advertise().encoded() }
            try work.charge("keys") {
                try server.receive(Advertisement(decoding: bytes), from: members[index].identity)
            }
        }
        try work.charge("keys") { try server.closeKeys() }
        for index in clients.indices {
            let roster = try work.charge("shares") {
                try server.rosterMessage(for: members[index].identity).encoded()
            }
            let bytes = try charge(index, "shares") {
                try clients[index].share(RosterMessage(decoding: roster)).encoded()
            }
            try work.charge("shares") {
                try server.receive(SealedShares(decoding: bytes), from: members[index].identity)
            }
        }
        try work.charge("shares") { try server.closeShares() }
    }

    /// The step `masked` of one member.
    private func deliver(_ index: Int) throws {
        let delivery = try work.charge("masked") {
            try server.delivery(for: members[index].identity).encoded()
        }
        var report = index == 0 ? try encodedUpdate() : madeUp(index)
        plainSum.add(report)
        if binding.scheme != .masks {
            let bytes = try report.withNarrowWords { words in
                try charge(index, "masks") {
                    try clients[index].encrypt(
                        UnsafeBufferPointer(words), delivery: SealedShares(decoding: delivery)
                    ).encoded()
                }
            }
            vectorBytes = bytes.count
            return try work.charge("masked") {
                try server.receive(EncryptedVector(decoding: bytes), from: members[index].identity)
            }
        }
        try report.withNarrowWords { words in
            try charge(index, "masks") {
                try clients[index].mask(words, delivery: SealedShares(decoding: delivery))
            }
            try work.charge("masked") {
                try server.receive(masked: UnsafeBufferPointer(words), from: members[index].identity)
            }
        }
    }

    /// The first member's update: rotated, rounded, noised.
    private func encodedUpdate() throws -> RingVector {
        let update = BenchTask.update(count: plan.dimension)
        let pipeline = UpdatePipeline(plan: plan)
        var rounding = SeededGenerator(seed: 1, purpose: .stochasticRounding)
        return try agent.charge("encoding") {
            var noise = try SecureNoise()
            let rotation = try RandomRotation(count: plan.dimension, seed: binding.digest)
            _ = try update.withUnsafeBufferPointer {
                try pipeline.encode(
                    $0, examples: 60, clippingNorm: plan.configuration.privacy.clippingNorm,
                    rotation: rotation, rounding: &rounding, noise: &noise)
            }
            return pipeline.report(bits: plan.codec.bits)
        }
    }

    private func madeUp(_ index: Int) -> RingVector {
        RingVector(
            narrow: [UInt32](repeating: UInt32(index) &* 40_503, count: plan.report.count),
            bits: plan.codec.bits)
    }

    /// Charges the first member; the others' time is nobody's.
    private func charge<Result>(
        _ index: Int, _ step: String, _ body: () throws -> Result
    ) rethrows -> Result {
        try index == 0 ? agent.charge(step, body) : body()
    }
}
