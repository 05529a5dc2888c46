import Custody
import Foundation
import HTTPWire
import Messages
import Operations
import Ledger
import Privacy
import Testing
import Transport

@testable import AggregationServer

/// Copies of a state directory, and servers that are behind their agents.
@Suite struct BackupTests {
    private static let changes = [
        "task.rounds=400", "task.privacy={mode:\"central\",clipping_norm:1,noise_multiplier:20}",
    ]

    private func lines(_ fixture: ServerFixture) throws -> [LedgerLine] {
        let key = try #require(try fixture.state.ledgerKey.read())
        let verdict = try LedgerVerification.verdict(
            on: LedgerFile.bytes(at: fixture.state.ledger) ?? [], key: key)
        #expect(verdict.findings.isEmpty)
        return verdict.lines
    }

    /// A copy is made while the server serves; the restored server takes a number beyond what its agents served.
    @Test(arguments: [(0, true), (1, true), (7, true), (139, true), (7, false), (139, false)])
    func agentsAreAhead(by ahead: Int, isRestored: Bool) throws {
        let fixture = try ServerFixture(Self.changes)
        try StateDamageTests.serve(fixture, round: 1)
        try StateDamageTests.serve(fixture, round: 2)
        let (state, copy) = (try fixture.state.path, "\(fixture.folder)/copy.tar")
        let manifest = try Backup.make(of: state, to: copy)
        #expect(manifest.round == 2)
        fixture.stop()
        if isRestored {
            try FileManager.default.removeItem(atPath: state)
            #expect(try Backup.restore(copy, to: state) == manifest)
        }
        try fixture.start()
        let run = try #require(try fixture.state.run()).run
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        func checkIn(_ agent: TestAgent, wait: Int) throws -> RoundOffer? {
            let request = CheckInRequest(run: run, software: "test", waitSeconds: wait, lastRound: 2 + ahead)
            let answer = try agent.checkIn(request)
            return answer.status == 200 ? try RoundOffer(decoding: answer.body) : nil
        }
        for agent in agents { _ = try checkIn(agent, wait: 0) }
        var plan: RoundOffer?
        for _ in 0..<20 where plan == nil { plan = try checkIn(agents[0], wait: 1) }
        let number = try #require(plan).round
        #expect(number > 2 + ahead)
        let charged = try lines(fixture).compactMap { line in
            if case .charge(let round, _) = line.entry { round } else { nil }
        }
        #expect(charged.count >= 2 + ahead, "as many are charged as agents served")
        let gaps = try lines(fixture).compactMap { line in
            if case .admin("server", let action) = line.entry { LedgerGap(action: action) } else { nil }
        }
        #expect(gaps.isEmpty == (number == 3))
        #expect(Set(charged).count == charged.count && charged == charged.sorted())
        // Whatever happens now, the state agrees with itself.
        fixture.stop()
        try fixture.start()
        #expect(try fixture.state.run()?.round ?? 0 >= number - 1)
    }

    /// One agent that lies cannot spend the run's budget.
    @Test func oneAgentIsNotBelieved() throws {
        let fixture = try ServerFixture(Self.changes)
        try StateDamageTests.serve(fixture, round: 1)
        let run = try #require(try fixture.state.run()).run
        let liar = try TestAgent(0, fixture)
        let request = CheckInRequest(run: run, software: "test", waitSeconds: 0, lastRound: 9000)
        for _ in 0..<3 { _ = try liar.checkIn(request) }
        try StateDamageTests.serve(fixture, round: 2)
        #expect(AgentsAhead().believed(beyond: 3, witnesses: 1) == nil)
        var ahead = AgentsAhead()
        for client in 0..<3 { ahead.note(client, lastRound: Int(Int32.max) - client) }
        #expect(ahead.believed(beyond: 3, witnesses: 2) == nil, "a jump is bounded")
    }

    /// What people did, and where labels are, is in a copy that is made while the server serves.
    @Test func booksAreCopied() throws {
        let fixture = try ServerFixture(Self.changes)
        try StateDamageTests.serve(fixture, round: 1)
        fixture.stop()
        let state = try fixture.state
        let key = try #require(try state.signingKey.read())
        let digest = try #require(try state.run()).modelSHA256
        let registry = try ModelRegistry(state.path, key: key) { _, round in state.modelPath(round) }
        try registry.note(
            ModelRegistry.Publication(task: "test", run: "r", round: 1, modelDigest: digest))
        _ = try registry.promote(1, of: "test", to: "production", actor: "otto")
        try fixture.start()
        #expect(try fixture.admin(.post, "/api/pause", token: ServerFixture.operatorToken).status == 200)
        let copy = "\(fixture.folder)/copy.tar"
        _ = try Backup.make(of: state.path, to: copy)
        fixture.stop()
        try FileManager.default.removeItem(atPath: state.path)
        _ = try Backup.restore(copy, to: state.path)
        #expect(try AuditReading(state.path).text(1...Int.max).contains("\"pause\""))
        try fixture.start()
        #expect(try AuditReading(state.path).verdict.isSound)
        let label = try fixture.client(0).exchange(ClientRequest(.get, "/v1/labels/test/production/model"))
        #expect(label.status == 200)
    }

    /// Whatever byte of a copy is changed, it is refused or the same, and leaves nothing behind.
    @Test func damagedCopies() throws {
        let fixture = try ServerFixture(Self.changes)
        try StateDamageTests.serve(fixture, round: 1)
        let copy = "\(fixture.folder)/copy.tar"
        _ = try Backup.make(of: fixture.state.path, to: copy)
        let bytes = try #require(FileManager.default.contents(atPath: copy))
        let (target, damaged) = ("\(fixture.folder)/restored", "\(fixture.folder)/damaged.tar")
        for place in stride(from: 0, to: bytes.count, by: 97) {
            var changed = bytes
            changed[place] ^= 0x21
            try changed.write(to: URL(fileURLWithPath: damaged))
            #expect(throws: Failure.self, "byte \(place)") { try Backup.restore(damaged, to: target) }
        }
        for length in stride(from: 0, to: bytes.count, by: 509) {
            try bytes.prefix(length).write(to: URL(fileURLWithPath: damaged))
            #expect(throws: Failure.self, "length \(length)") { try Backup.restore(damaged, to: target) }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: target).isEmpty)
        for name in [
            "../x", "/x", "run.json/x", "rounds/../x", "models/1.memory", "spool/000001-0.update",
            "rounds/-00001.json", "registry/x.safetensors", "registry/../signing.key", "audit.jsonl.lock",
        ] {
            #expect(!Backup.isAllowed(name))
        }
    }

    /// What is accepted on a server counts at least what its state remembers, and the run goes on.
    @Test(arguments: ["emptied", "removed", "cut", "edited", "key", "run.json"])
    func acceptance(what: String) throws {
        let fixture = try ServerFixture(Self.changes)
        try StateDamageTests.serve(fixture, round: 1)
        let early = try Data(contentsOf: URL(fileURLWithPath: fixture.state.runPath))
        for round in 2...4 { try StateDamageTests.serve(fixture, round: round) }
        fixture.stop()
        let ledger = try fixture.state.ledger
        let text = try String(contentsOfFile: ledger, encoding: .utf8)
        func write(_ text: String) throws {
            try text.write(toFile: ledger, atomically: false, encoding: .utf8)
        }
        switch what {
        case "emptied": try write("")
        case "removed": unlink(ledger)
        case "cut": try write(text.split(separator: "\n").dropLast(4).map { $0 + "\n" }.joined())
        case "edited": try write(text.replacing("\"survivors\":3", with: "\"survivors\":9"))
        case "key": unlink("\(ledger).key")
        default: try early.write(to: URL(fileURLWithPath: fixture.state.runPath))
        }
        #expect(throws: Failure.self) { try fixture.start() }
        let outcome = try LedgerAcceptance.accept(fixture.state.path, actor: "anna", reason: "a test")
        #expect(throws: Failure.self) {
            try LedgerAcceptance.accept(fixture.state.path, actor: "anna", reason: nil)
        }
        let charged = try lines(fixture).count { if case .charge = $0.entry { true } else { false } }
        #expect(charged >= 4 && outcome.round >= 4)
        try fixture.start()
        try StateDamageTests.serve(fixture, round: outcome.round + 1)
    }
}
