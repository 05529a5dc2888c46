import Configuration
import Cryptography
import Encoding
import Federation
import Foundation
import HTTPWire
import Learning
import Messages
import SecureAggregation
import Testing
import Transport

@testable import AggregationServer

@Suite struct MaskedRoundTests {
    private static let steps: [ProtocolStep] = [.keys, .shares, .masked, .consistency, .unmask]

    /// The model that these members' vectors give, summed in the clear beside the server.
    private func plainModel(_ fleet: MaskedFleet, _ members: [MaskedFleet.Member]) throws -> [UInt8] {
        let setup = try fleet.fixture.setup
        let task = setup.plan
        var model = try GlobalModel(parameters: task.model.initialParameters(seed: 7), plan: task)
        var sum = Aggregation(count: task.report.count, bits: task.codec.bits)
        for member in members {
            let plan = try #require(member.plan)
            sum.add(TestAgent.vector(plan.client, plan), weight: 1)
        }
        model.apply(
            noisySum: sum.sum, weight: members.count, rotation: try task.rotation(seed: 7, round: 1))
        return setup.modelFile(model.parameters, round: 1)
    }

    /// The masked sum over TLS is the plain sum of the survivors bit for bit, whoever leaves after which step;
    /// the ledger is charged once and settled with the survivors.
    @Test(arguments: [nil, ProtocolStep.keys, .shares, .masked, .consistency])
    func theMaskedSumIsThePlainSumOfTheSurvivors(leavesAfter: ProtocolStep?) throws {
        let fleet = try MaskedFleet(5, minimum: 3)
        try fleet.assemble()
        var there = fleet.members
        var inTheSum: [MaskedFleet.Member] = []
        for step in Self.steps {
            try fleet.play(step, there)
            if step == .masked { inTheSum = there }
            guard step == leavesAfter, let leaver = there.popLast() else { continue }
            let plan = try #require(leaver.plan)
            let report = FailureReport(run: plan.run, reason: .other, detail: "leaves")
            let answer = try leaver.http.exchange(
                ClientRequest(
                    .post, AgentProtocol.paths.failure(round: 1), body: .bytes(report.encoded())))
            #expect(answer.status == 204)
        }
        let file = try fleet.round(in: .published)
        #expect(file.survivors.count == inTheSum.count)
        #expect(try fleet.fixture.state.readModel(1) == plainModel(fleet, inTheSum))
        let ledger = try String(contentsOfFile: "\(fleet.fixture.folder)/state/ledger.jsonl", encoding: .utf8)
        let kinds = ledger.split(separator: "\n").compactMap {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["kind"] as? String
        }
        #expect(kinds.filter { $0 != "open" } == ["charge", "settle", "release"])
        #expect(ledger.contains("\"survivors\":\(inTheSum.count)"))
    }

    /// Every message, damaged anywhere, is refused and changes nothing: the right one is taken afterwards. The same
    /// bytes again are the same message, other bytes are not.
    @Test func damagedAndRepeatedMessagesChangeNothing() throws {
        let fleet = try MaskedFleet()
        try fleet.assemble()
        var generator = SystemRandomNumberGenerator()
        for step in Self.steps {
            var messages: [[UInt8]] = []
            for member in fleet.members { messages.append(try fleet.message(member, step)) }
            for (member, message) in zip(fleet.members, messages) {
                // A sealed share and a mask cannot be told from random bytes by the server; lengths can.
                if step == .keys || step == .consistency {
                    var damaged = message
                    damaged[Int.random(in: 0..<damaged.count, using: &generator)] ^= 1
                    #expect(try fleet.put(member, step.rawValue, damaged).status == 422)
                }
                #expect(try fleet.put(member, step.rawValue, Array(message.dropLast())).status == 422)
                let longer = try fleet.put(member, step.rawValue, message + [0])
                #expect(longer.status == 422 || longer.status == 413)
                #expect(try fleet.put(member, step.rawValue, []).status == 422)
            }
            for (member, message) in zip(fleet.members.dropLast(), messages) {
                #expect(try fleet.put(member, step.rawValue, message).status == 202)
                #expect(try fleet.put(member, step.rawValue, message).status == 200)
                #expect(try fleet.put(member, step.rawValue, message + [1]).status != 202)
            }
            let last = try #require(fleet.members.last)
            // Once the shares of the others suffice, the round may be over.
            let status = try fleet.put(last, step.rawValue, #require(messages.last)).status
            #expect(status == 202 || step == .unmask)
            #expect(try fleet.put(fleet.members[0], step.rawValue, messages[0]).status == 200)
        }
        _ = try fleet.round(in: .published)
        #expect(try fleet.fixture.state.readModel(1) == plainModel(fleet, fleet.members))
    }

    /// Keys for another round or run, another's keys, keys certified by another authority, messages out of step,
    /// of strangers and of the wrong length: each is refused.
    @Test func hostileMessagesAreRefused() throws {
        let fleet = try MaskedFleet()
        try fleet.assemble()
        let (honest, hostile) = (fleet.members[0], fleet.members[1])
        let run = try #require(hostile.plan).run
        try fleet.join(hostile, round: 2)
        #expect(try fleet.put(hostile, "keys", fleet.message(hostile, .keys)).status == 422)
        try fleet.join(hostile, run: String(repeating: "0", count: 32))
        #expect(try fleet.put(hostile, "keys", fleet.message(hostile, .keys)).status == 422)
        try fleet.join(hostile)
        #expect(try fleet.put(hostile, "keys", fleet.message(honest, .keys)).status == 422)
        #expect(try fleet.put(hostile, "keys", foreignKeys(fleet, hostile)).status == 422)
        for step in ["shares", "consistency", "unmask"] {
            #expect(try fleet.put(hostile, step, [1, 2, 3]).status == 409)
        }
        let plan = try #require(hostile.plan)
        let early = try MaskedFleet.header(plan).encoded() + TestAgent.vector(1, plan).packed()
        #expect(try fleet.put(hostile, "masked", early).status == 409)
        #expect(try fleet.put(hostile, "update", []).status == 404)
        #expect(try fleet.put(hostile, "keys", [], run: String(run.reversed()) + "").status == 409)
        #expect(try fleet.put(hostile, "keys", [], round: 2).status == 409)
        #expect(try fleet.put(hostile, "keys", [UInt8](repeating: 0, count: 1 << 20)).status == 413)
        #expect(try fleet.get(hostile, "keys").status == 405)
        #expect(try fleet.get(hostile, "unmask", wait: 0).status == 204)
        let unmasked = try hostile.http.exchange(
            ClientRequest(.put, AgentProtocol.paths.update(round: 1), body: .bytes(early)))
        #expect(unmasked.status == 422)
        let stranger = try fleet.member("stranger")
        stranger.plan = plan
        try fleet.join(stranger)
        #expect(try fleet.put(stranger, "keys", fleet.message(stranger, .keys)).status == 409)
    }

    /// An advertisement of the member's name, but under a certificate of another authority.
    private func foreignKeys(_ fleet: MaskedFleet, _ member: MaskedFleet.Member) throws -> [UInt8] {
        let other = try CertificateAuthority(
            name: "other", key: CertificateKey(generating: .ed25519), now: Date())
        let folder = NSTemporaryDirectory() + "sordino-foreign-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (certificate, key) = try MaskedFleet.issue(member.name, other, role: .agent, folder: folder)
        let foreign = MaskedFleet.Member(
            name: member.name, http: member.http,
            certified: try CertifiedMember(certificate: certificate, key: key))
        foreign.plan = member.plan
        try fleet.join(foreign)
        return try fleet.message(foreign, .keys)
    }

    /// A false share is caught against what its owner advertised; the round is opened by the others' shares.
    @Test func falseSharesDoNotSpoilTheSum() throws {
        let fleet = try MaskedFleet(6, minimum: 3)
        try fleet.assemble()
        for step in Self.steps.dropLast() { try fleet.play(step) }
        var lie = try fleet.message(fleet.members[0], .unmask)
        // The last byte is of a share's value; so it stays a share, of nothing.
        lie[lie.count - 1] ^= 0x55
        #expect(try fleet.put(fleet.members[0], "unmask", lie).status == 202)
        for member in fleet.members.dropFirst() {
            guard let message = try? fleet.message(member, .unmask) else { break }
            _ = try fleet.put(member, "unmask", message)
        }
        _ = try fleet.round(in: .published)
        #expect(try fleet.fixture.state.readModel(1) == plainModel(fleet, fleet.members))
    }

    /// The set of survivors never changes once it was shown.
    @Test func everyMemberSeesOneSurvivorSet() throws {
        let fleet = try MaskedFleet(5, minimum: 3, deadline: "3s")
        try fleet.assemble()
        try fleet.play(.keys)
        try fleet.play(.shares)
        try fleet.play(.masked, Array(fleet.members.dropLast()))
        let seen = try fleet.members.dropLast().map { try fleet.get($0, "consistency").body }
        #expect(Set(seen).count == 1)
        #expect(try SurvivorSet(decoding: seen[0]).count == 4)
        // Whoever is late stays out.
        let late = try #require(fleet.members.last)
        #expect(try fleet.get(late, "consistency").status == 409)
        #expect(try fleet.members.dropLast().map { try fleet.get($0, "consistency").body } == seen)
    }

    /// Too few survivors: nothing is opened, nothing released, nothing charged; and the next round has a new number.
    @Test(arguments: [ProtocolStep.keys, .shares, .masked, .unmask])
    func belowTheMinimumNothingIsReleased(missingFrom: ProtocolStep) throws {
        let fleet = try MaskedFleet(4, minimum: 3, deadline: "2s")
        try fleet.assemble()
        for step in Self.steps {
            try fleet.play(step, step < missingFrom ? fleet.members : [fleet.members[0]])
            if step == missingFrom { break }
        }
        let file = try fleet.round(in: .abandoned)
        #expect(file.abandoned != nil && file.modelSHA256 == nil && file.noisySumSHA256 == nil)
        let run = try #require(try fleet.fixture.state.run())
        #expect(run.published == 0 && run.round >= 1 && run.modelRound == 0)
        // Opening was tried in the last case only: that alone is charged, and stays so.
        #expect(run.charged == (missingFrom == .unmask ? 1 : 0))
        #expect(try fleet.fixture.state.readModel(1) == nil)
    }

    /// A server that ends before the sum is open abandons the round, keeps its charge, and counts on.
    @Test(arguments: [ProtocolStep.shares, .consistency])
    func anEndedServerAbandonsTheRound(after: ProtocolStep) throws {
        let fleet = try MaskedFleet(4, minimum: 3)
        try fleet.assemble()
        for step in Self.steps where step <= after { try fleet.play(step) }
        fleet.fixture.stop()
        try fleet.fixture.start()
        let file = try fleet.round(in: .abandoned)
        #expect(file.abandoned?.contains("restarted") == true)
        let run = try #require(try fleet.fixture.state.run())
        #expect(run.charged == (after == .consistency ? 1 : 0))
    }
}
