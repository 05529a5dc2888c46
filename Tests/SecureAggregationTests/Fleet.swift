import Cryptography
import TestSupport
import Testing

@testable import SecureAggregation

/// A member whose signatures are mere hashes that anybody could make: enough where a test is about sums, and
/// far faster than real ones.
struct HashingMember: RoundMember {
    let identity: MemberIdentity
    var credential: [UInt8] { identity.bytes }

    init(_ name: String) throws { identity = try MemberIdentity(name: name) }

    func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
        try SHA256.hash(identity.bytes + message)
    }
}

/// Accepts `HashingMember`s.
struct HashingVerifier: MemberVerifier {
    func identity(provenBy credential: [UInt8], signature: [UInt8], message: [UInt8]) -> MemberIdentity? {
        (try? SHA256.hash(credential + message)) == signature ? MemberIdentity(bytes: credential) : nil
    }
}

/// A server and its members in one process, with vectors and drop-outs, all messages through their bytes.
final class Fleet {
    let binding: RoundBinding
    let members: [any RoundMember]
    var clients: [MemberIdentity: SecureAggregationClient] = [:]
    var vectors: [MemberIdentity: [UInt32]] = [:]
    var server: SecureAggregationServer
    /// The step before which a member is lost; absent ones stay to the end.
    var losses: [MemberIdentity: ProtocolStep] = [:]

    init(
        binding: RoundBinding, members: [any RoundMember], verifier: any MemberVerifier,
        policy: AggregationPolicy? = nil, generator: inout some RandomNumberGenerator
    ) throws {
        self.binding = binding
        self.members = members
        server = SecureAggregationServer(binding: binding, verifier: verifier)
        let policy = policy ?? AggregationPolicy(minimalSurvivors: 2, assumptions: binding.assumptions)
        let modulus = UInt32.max >> UInt32(32 - binding.bits)
        for member in members {
            var record = ParticipationRecord()
            clients[member.identity] = try SecureAggregationClient(
                binding: binding, policy: policy, member: member, verifier: verifier, participation: &record)
            vectors[member.identity] = (0..<binding.coordinateCount).map { _ in
                generator.next() & modulus
            }
        }
    }

    /// A fleet of `HashingMember`s.
    convenience init(
        count: Int, bits: Int = 20, coordinates: Int = 5, minimalSurvivors: Int = 2,
        assumptions: SecurityAssumptions, latticeMembers: Int? = nil,
        generator: inout some RandomNumberGenerator
    ) throws {
        let scheme = try latticeMembers.map {
            MaskingScheme.lattice(try LatticeParameters(valueBits: bits, memberCount: $0))
        }
        let binding = try RoundBinding(
            run: "test", round: 3, modelDigest: [UInt8](repeating: 9, count: 32), bits: bits,
            coordinateCount: coordinates, minimalSurvivors: minimalSurvivors, assumptions: assumptions,
            scheme: scheme ?? .masks)
        try self.init(
            binding: binding, members: (0..<count).map { try HashingMember("member \($0)") },
            verifier: HashingVerifier(), generator: &generator)
    }

    func client(_ identity: MemberIdentity) throws -> SecureAggregationClient {
        try #require(clients[identity])
    }

    /// Members still there at a step, in a fixed order.
    func present(at step: ProtocolStep) -> [MemberIdentity] {
        members.map(\.identity).filter { identity in
            guard let loss = losses[identity] else { return true }
            return step < loss
        }
    }

    func runKeys() throws {
        for identity in present(at: .keys) {
            let bytes = try client(identity).advertise().encoded()
            try server.receive(Advertisement(decoding: bytes), from: identity)
        }
        try server.closeKeys()
    }

    func runShares() throws {
        for identity in present(at: .shares) {
            let bytes = try server.rosterMessage(for: identity).encoded()
            let shares = try client(identity).share(RosterMessage(decoding: bytes)).encoded()
            try server.receive(SealedShares(decoding: shares), from: identity)
        }
        try server.closeShares()
    }

    func maskedVector(of identity: MemberIdentity) throws -> [UInt32] {
        let bytes = try server.delivery(for: identity).encoded()
        var words = try #require(vectors[identity])
        let delivery = try SealedShares(decoding: bytes)
        let client = try client(identity)
        try words.withUnsafeMutableBufferPointer { try client.mask($0, delivery: delivery) }
        return words
    }

    /// On a lattice: the member's vector, encrypted.
    func encryptedVector(of identity: MemberIdentity) throws -> EncryptedVector {
        let delivery = try SealedShares(decoding: server.delivery(for: identity).encoded())
        let client = try client(identity)
        return try #require(vectors[identity]).withUnsafeBufferPointer {
            try client.encrypt($0, delivery: delivery)
        }
    }

    func runMasked() throws -> SurvivorSet {
        for identity in present(at: .masked) {
            guard binding.scheme == .masks else {
                let bytes = try encryptedVector(of: identity).encoded()
                try server.receive(EncryptedVector(decoding: bytes), from: identity)
                continue
            }
            let words = try maskedVector(of: identity)
            try words.withUnsafeBufferPointer { try server.receive(masked: $0, from: identity) }
        }
        return try server.closeMasked()
    }

    func runConsistency() throws {
        for identity in present(at: .consistency) {
            let bytes = try server.survivorMessage(for: identity).encoded()
            let confirmation = try client(identity).confirm(SurvivorSet(decoding: bytes)).encoded()
            try server.receive(Confirmation(decoding: confirmation), from: identity)
        }
        try server.closeConsistency()
    }

    func runUnmask() throws -> MaskRemoval {
        for identity in present(at: .unmask) {
            let bytes = try server.quorum(for: identity).encoded()
            let shares = try client(identity).unmask(Quorum(decoding: bytes)).encoded()
            try server.receive(UnmaskShares(decoding: shares), from: identity)
        }
        return try server.closeUnmask()
    }

    /// The whole round: the unmasked sum and who is in it.
    func run(threads: Int = 2) throws -> (sum: [UInt32], survivors: [MemberIdentity]) {
        try runKeys()
        try runShares()
        let survivors = try runMasked()
        try runConsistency()
        let removal = try runUnmask()
        var sum = server.maskedSum
        try removal.apply(to: &sum, threads: threads)
        return (try server.opened(sum), survivors.members.map { server.members[$0] })
    }

    /// What the sum of these members must be.
    func plainSum(of identities: [MemberIdentity]) throws -> [UInt32] {
        let modulus = UInt32.max >> UInt32(32 - binding.bits)
        var sum = [UInt32](repeating: 0, count: binding.coordinateCount)
        for identity in identities {
            for (index, word) in try #require(vectors[identity]).enumerated() {
                sum[index] = (sum[index] &+ word) & modulus
            }
        }
        return sum
    }
}
