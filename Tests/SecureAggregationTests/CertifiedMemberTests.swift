import Cryptography
import Foundation
import TestSupport
import Testing

@testable import SecureAggregation

/// Rounds among members known by certificates.
struct CertifiedMemberTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private static func member(
        _ name: String, _ authority: CertificateAuthority, _ scheme: CertificateKey.Scheme = .ed25519,
        role: CertificateRole = .agent
    ) throws -> (member: CertifiedMember, certificate: Certificate) {
        let key = try CertificateKey(generating: scheme)
        let certificate = try authority.issue(
            CertificateRequest(name: name, key: key), name: name, role: role, now: now)
        return (try CertifiedMember(certificate: certificate, key: key), certificate)
    }

    private static func authority() throws -> CertificateAuthority {
        try CertificateAuthority(name: "ca", key: CertificateKey(generating: .p256), now: now)
    }

    private static func binding() throws -> RoundBinding {
        try RoundBinding(
            run: "certified", round: 2, modelDigest: [UInt8](repeating: 0, count: 32), bits: 24,
            coordinateCount: 10, minimalSurvivors: 3,
            assumptions: SecurityAssumptions(dropoutRate: 0.2, adversarialRate: 0.1))
    }

    @Test("Agents with certificates of both schemes sum exactly")
    func wholeRound() throws {
        let authority = try Self.authority()
        let members = try (0..<6).map {
            try Self.member("agent-\($0)", authority, $0.isMultiple(of: 2) ? .ed25519 : .p256).member
        }
        let trust = CertificateTrust(authority: authority.certificate, revocations: nil)
        var generator = SeededNumbers(seed: 11)
        let fleet = try Fleet(
            binding: Self.binding(), members: members,
            verifier: MemoizingVerifier(CertifiedMembers(trust: trust, moment: Self.now)),
            generator: &generator)
        fleet.losses[members[3].identity] = .masked
        let (sum, survivors) = try fleet.run()
        #expect(survivors.count == 5)
        #expect(try sum == fleet.plainSum(of: survivors))
    }

    @Test(
        "Revoked, foreign, expired and administrators' certificates, and a second one of a name, do not enter"
    )
    func refusals() throws {
        let authority = try Self.authority()
        let (good, _) = try Self.member("good", authority)
        let (twin, _) = try Self.member("good", authority, .p256)
        let (revoked, certificate) = try Self.member("revoked", authority)
        let (foreign, _) = try Self.member("foreign", Self.authority())
        let (admin, _) = try Self.member("admin", authority, role: .admin)
        let list = try authority.revocationList(
            [RevokedCertificate(serial: certificate.serial, date: Self.now)], number: 1, now: Self.now)
        let verifier = CertifiedMembers(
            trust: CertificateTrust(authority: authority.certificate, revocations: list), moment: Self.now)
        let binding = try Self.binding()
        var server = SecureAggregationServer(binding: binding, verifier: verifier)
        func enter(_ member: CertifiedMember) throws {
            var record = ParticipationRecord()
            let client = try SecureAggregationClient(
                binding: binding,
                policy: AggregationPolicy(minimalSurvivors: 2, assumptions: binding.assumptions),
                member: member, verifier: verifier, participation: &record)
            try server.receive(client.advertise(), from: member.identity)
        }
        try enter(good)
        #expect(twin.identity == good.identity)
        #expect(throws: SecureAggregationError.duplicateIdentity) { try enter(twin) }
        for member in [revoked, foreign, admin] {
            #expect(throws: SecureAggregationError.self) { try enter(member) }
        }
        #expect(server.arrivedCount == 1)

        let late = CertifiedMembers(
            trust: CertificateTrust(authority: authority.certificate, revocations: nil),
            moment: Self.now.addingTimeInterval(40 * 86_400))
        let message: [UInt8] = [1]
        #expect(
            late.identity(provenBy: good.credential, signature: try good.sign(message), message: message)
                == nil)
    }
}
