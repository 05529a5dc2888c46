import Configuration
import Cryptography
import Encoding
import Federation
import Foundation
import HTTPWire
import Messages
import Notation
import Operations
import SecureAggregation
import Testing
import Transport

@testable import AggregationServer

/// A server of a masked task, and members with certificates of the product's own kind that speak to it by hand.
final class MaskedFleet {
    /// One member: its connection, and its side of the open round.
    final class Member {
        let name: String
        let http: HTTPClient
        let certified: CertifiedMember
        var plan: RoundOffer?
        var session: MaskedMember?

        init(name: String, http: HTTPClient, certified: CertifiedMember) {
            self.name = name
            self.http = http
            self.certified = certified
        }
    }

    let fixture: ServerFixture
    let authority: CertificateAuthority
    private(set) var members: [Member] = []
    private let folder: String

    /// Starts the server with `count` members that may all be invited.
    init(
        _ count: Int = 4, minimum: Int = 3, deadline: String = "20s", rounds: Int = 1, changes: [String] = []
    )
        throws
    {
        folder = NSTemporaryDirectory() + "sordino-masked-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        authority = try CertificateAuthority(
            name: "test", key: CertificateKey(generating: .ed25519), now: Date())
        try AtomicFile.write(authority.certificate.pem(), to: "\(folder)/ca.crt")
        try Self.issue(
            "server", authority, role: .server, addresses: [ServerAddress("127.0.0.1")], folder: folder)
        fixture = try ServerFixture(
            [
                "server.tls.ca=\"\(folder)/ca.crt\"", "server.tls.certificate=\"\(folder)/server.crt\"",
                "server.tls.key=\"\(folder)/server.key\"", "server.population=\(count)",
                "task.cohort_size=\(count)", "task.min_reports=\(minimum)", "task.rounds=\(rounds)",
                "task.report_deadline=\"\(deadline)\"",
                "task.privacy={ mode: \"distributed\", clipping_norm: 1, noise_multiplier: 1 }",
                "task.secure_aggregation={ estimated_dropout_rate: 0.3, adversarial_client_rate: 0.1 }",
            ] + changes)
        for index in 0..<count { members.append(try member("agent-\(index)")) }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// A member with a certificate of the fleet's authority.
    func member(_ name: String) throws -> Member {
        let (certificate, key) = try Self.issue(name, authority, role: .agent, folder: folder)
        let tls = try TLSContext(
            client: TLSClientConfiguration(
                credentials: TLSCredentials(
                    certificate: "\(folder)/\(name).crt", key: "\(folder)/\(name).key"),
                trust: .authority(path: "\(folder)/ca.crt")))
        let endpoint = SocketEndpoint(host: "127.0.0.1", port: fixture.server?.port ?? 0)
        return Member(
            name: name, http: try HTTPClient(HTTPClientConfiguration(server: endpoint, tls: tls)),
            certified: try CertifiedMember(certificate: certificate, key: key))
    }

    @discardableResult
    static func issue(
        _ name: String, _ authority: CertificateAuthority, role: CertificateRole,
        addresses: [ServerAddress] = [], folder: String
    ) throws -> (Certificate, CertificateKey) {
        let key = try CertificateKey(generating: .ed25519)
        let certificate = try authority.issue(
            CertificateRequest(name: name, key: key), name: name, role: role, addresses: addresses,
            lifetimeDays: nil, now: Date())
        try AtomicFile.write(certificate.pem(), to: "\(folder)/\(name).crt")
        try key.pem().withUnsafeBytes {
            try AtomicFile.write(Array($0), to: "\(folder)/\(name).key", mode: 0o600)
        }
        return (certificate, key)
    }

    // MARK: Playing a round

    /// Checks all members in and gives each its side of the round that opens.
    func assemble() throws {
        for member in members { _ = try checkIn(member, wait: 0) }
        for member in members {
            for _ in 0..<10 where member.plan == nil { member.plan = try checkIn(member, wait: 1) }
            try join(member)
        }
    }

    private func checkIn(_ member: Member, wait: Int) throws -> RoundOffer? {
        let request = CheckInRequest(software: "test", waitSeconds: wait)
        let answer = try member.http.exchange(
            ClientRequest(.post, AgentProtocol.checkInPath, body: .bytes(request.encoded())))
        return answer.status == 200 ? try RoundOffer(decoding: answer.body) : nil
    }

    /// Gives a member its side of the round it was assigned, or of another.
    func join(_ member: Member, round: Int? = nil, run: String? = nil) throws {
        let plan = try #require(member.plan)
        let task = try fixture.setup
        let binding = try task.plan.binding(
            run: run ?? plan.run, round: round ?? plan.round,
            modelDigest: #require(Hexadecimal.bytes(of: plan.model.sha256, count: 32)),
            context: TaskPlan.maskingContext(
                taskDigest: #require(Hexadecimal.bytes(of: task.taskDigest, count: 32)),
                population: plan.population,
                seed: plan.seed))
        var record = ParticipationRecord()
        let verifier = CertifiedMembers(
            trust: CertificateTrust(authority: authority.certificate, revocations: nil), moment: Date())
        member.session = try MaskedMember(
            binding: binding,
            policy: AggregationPolicy(minimalSurvivors: 2, assumptions: binding.assumptions),
            member: member.certified, verifier: verifier, participation: &record)
    }

    func put(_ member: Member, _ step: String, _ body: [UInt8], run: String? = nil, round: Int? = nil) throws
        -> ClientResponse
    {
        let plan = try #require(member.plan)
        return try member.http.exchange(
            ClientRequest(
                .put, AgentProtocol.paths.secureAggregation(round: round ?? plan.round, step: step),
                query: [("run", run ?? plan.run)], body: .bytes(body)))
    }

    func get(_ member: Member, _ step: String, wait: Int = 5) throws -> ClientResponse {
        let plan = try #require(member.plan)
        return try member.http.exchange(
            ClientRequest(
                .get, AgentProtocol.paths.secureAggregation(round: plan.round, step: step),
                query: [("run", plan.run), ("wait_seconds", String(wait))]))
    }

    /// This member's message of a step: what the server has for it is fetched, and answered.
    func message(_ member: Member, _ step: ProtocolStep) throws -> [UInt8] {
        let session = try #require(member.session)
        guard step != .keys else { return try session.answer(.keys, to: []) }
        let received = try get(member, step.rawValue)
        guard received.status == 200 else {
            throw MessageError("\(member.name) \(step): \(received.status) \(received.reason)")
        }
        guard step == .masked else { return try session.answer(step, to: received.body) }
        let plan = try #require(member.plan)
        var report = TestAgent.vector(plan.client, plan)
        try session.mask(&report, delivery: received.body)
        return try Self.header(plan).encoded() + report.packed()
    }

    static func header(_ plan: RoundOffer) throws -> UpdateHeader {
        try #require(
            UpdateHeader(
                run: plan.run, round: plan.round, weight: 1, count: plan.report.count, bits: plan.report.bits)
        )
    }

    /// One step of the given members, all of whose messages must be accepted; shares for the unmasking only until
    /// they suffice, which ends the round.
    func play(_ step: ProtocolStep, _ members: [Member]? = nil) throws {
        for member in members ?? self.members {
            if step == .unmask {
                // Its group's sum may be open already.
                guard let message = try? message(member, step) else { continue }
                _ = try put(member, step.rawValue, message)
                continue
            }
            let answer = try put(member, step.rawValue, message(member, step))
            #expect(answer.status == 202, "\(member.name) \(step): \(answer.status) \(answer.reason)")
        }
    }

    /// The file of the first round, once it has ended in this state and is in the books.
    func round(in state: RoundFile.State) throws -> RoundFile {
        #expect(try fixture.eventually { try fixture.state.run()?.round ?? 0 >= 1 })
        #expect(try fixture.state.round(1)?.state == state)
        return try #require(try fixture.state.round(1))
    }
}
