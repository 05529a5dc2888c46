import Cryptography
import Foundation
import Ledger
import Operations
import SecureAggregation
import Testing
import Transport

@testable import ClientAgent

/// A server that passes the authority's list on, or would rather not: an agent judges its peers by the newest list that it
/// ever had.
@Suite struct PeerRevocationTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private let authority: CertificateAuthority
    private let peer: CertifiedMember
    private let serial: String
    private let path = NSTemporaryDirectory() + "revocations-\(UUID().uuidString).pem"
    private let log = TestLog()

    init() throws {
        authority = try Self.authority()
        let key = try CertificateKey(generating: .ed25519)
        let certificate = try authority.issue(
            CertificateRequest(name: "peer", key: key), name: "peer", role: .agent, lifetimeDays: 90,
            now: Self.now.addingTimeInterval(-20 * 86_400))
        peer = try CertifiedMember(certificate: certificate, key: key)
        serial = certificate.serial
    }

    private static func authority() throws -> CertificateAuthority {
        try CertificateAuthority(
            name: "test", key: CertificateKey(generating: .ed25519), now: now.addingTimeInterval(-40 * 86_400)
        )
    }

    /// A list of the test's authority; `age` in days.
    private func list(_ number: Int, revokes: Bool = false, age: Double = 0) throws -> [UInt8] {
        let date = Self.now.addingTimeInterval(-age * 86_400)
        return try authority.revocationList(
            revokes ? [RevokedCertificate(serial: serial, date: date)] : [], number: number, now: date
        ).pem()
    }

    private func watch(
        _ answer: RevocationAnswer, _ change: (inout AgentPolicy) -> Void = { _ in }
    ) -> PeerRevocations {
        var policy = AgentPolicy()
        change(&policy)
        return PeerRevocations(path: path, policy: policy, log: log.logger) { _ in answer }
    }

    private func counts(_ watch: PeerRevocations, at now: Date = now) throws -> Bool {
        let members = try watch.members(of: authority.certificate, at: now)
        let message: [UInt8] = [7]
        return members.identity(
            provenBy: peer.credential, signature: try peer.sign(message), message: message) == peer.identity
    }

    private func removeFile() { try? FileManager.default.removeItem(atPath: path) }

    @Test func aPeerOnTheListIsRefused() throws {
        defer { removeFile() }
        #expect(try counts(watch(.list(list(1), tag: "a"))))
        #expect(try !counts(watch(.list(list(2, revokes: true), tag: "b"))))
    }

    @Test func aCertificateThatCountedDoesNotOutliveTheListThatTakesItBack() throws {
        defer { removeFile() }
        var answer = RevocationAnswer.list(try list(1), tag: "a")
        let watch = PeerRevocations(path: path, policy: AgentPolicy(), log: log.logger) { _ in answer }
        #expect(try counts(watch))
        answer = .list(try list(2, revokes: true, age: -31), tag: "b")
        // The first list has expired by then: the server is asked at once.
        #expect(try !counts(watch, at: Self.now.addingTimeInterval(32 * 86_400)))
    }

    /// What a hostile server shows to an agent that has the list which revokes.
    enum Hostile: CaseIterable { case nothing, unchanged, older, foreign, garbage, failing }

    @Test(arguments: Hostile.allCases) func aServerCannotTakeARevocationBack(_ hostile: Hostile) throws {
        defer { removeFile() }
        #expect(try !counts(watch(.list(list(5, revokes: true, age: 1), tag: nil))))
        let answer: RevocationAnswer =
            switch hostile {
            case .nothing, .failing: .none
            case .unchanged: .unchanged
            case .older: .list(try list(4, age: 2), tag: nil)
            case .foreign:
                .list(try Self.authority().revocationList([], number: 9, now: Self.now).pem(), tag: nil)
            case .garbage:
                .list(Array("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n".utf8), tag: nil)
            }
        let later = PeerRevocations(path: path, policy: AgentPolicy(), log: log.logger) { _ in
            if hostile == .failing { throw ClientError.network("no answer") }
            return answer
        }
        #expect(try !counts(later))
        let isSilent = [Hostile.nothing, .unchanged].contains(hostile)
        #expect(log.text.contains("cannot be renewed") == !isSilent)
    }

    @Test func aListThatHasExpiredRefusesTheRound() throws {
        defer { removeFile() }
        #expect(try counts(watch(.list(list(1), tag: nil))))
        let later = Self.now.addingTimeInterval(31 * 86_400)
        #expect {
            try counts(watch(.none), at: later)
        } throws: { "\($0)".contains("has expired on") }
        #expect(try counts(watch(.list(list(2, age: -31), tag: nil)), at: later))
    }

    @Test func aListOlderThanThePolicyAllowsRefusesTheRound() throws {
        defer { removeFile() }
        #expect {
            try counts(watch(.list(list(1, age: 3), tag: nil)) { $0.maximalRevocationAge = 86_400 })
        } throws: { "\($0)".contains("maximal_revocation_age") }
        #expect(try counts(watch(.list(list(2, age: 0.5), tag: nil)) { $0.maximalRevocationAge = 86_400 }))
    }

    @Test func withoutAListThePolicyDecides() throws {
        defer { removeFile() }
        #expect(try counts(watch(.none)))
        #expect {
            try counts(watch(.none) { $0.requiresRevocationList = true })
        } throws: { ($0 as? SecureAggregationError).map { "\($0)".contains("passes none on") } ?? false }
    }

    @Test(arguments: ["", "-----BEGIN X509 CRL-----\n", "foreign"]) func aDamagedFileIsNamed(_ text: String)
        throws
    {
        defer { removeFile() }
        let bytes =
            text == "foreign"
            ? try Self.authority().revocationList([], number: 1, now: Self.now).pem() : Array(text.utf8)
        try AtomicFile.write(bytes, to: path)
        #expect {
            try counts(watch(.none))
        } throws: { error in
            let failure = error as? Failure
            return failure?.exitCode == .storage && failure?.message.contains(path) == true
        }
    }
}
