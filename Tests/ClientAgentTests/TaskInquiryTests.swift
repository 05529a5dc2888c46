import Cryptography
import Federation
import Foundation
import Ledger
import Messages
import Operations
import Privacy
import Synchronization
import Testing

@testable import ClientAgent

/// What a site's people are shown before they decide: computed here, from the task itself.
@Suite("Tasks that a site is asked to serve") struct TaskInquiryTests {
    let authority: TestAuthority
    let federation: TestFederation
    private let a = TestFederation.run("a")
    private let b = TestFederation.run("b")

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
    }

    private func task(_ name: String) throws -> TestTask {
        try TestTask(privacy: TestTask.local, name: name, folder: authority.folder)
    }

    private func ask(_ agent: TestAgent) throws -> [AskedTask] {
        let answer = try TaskInquiry.ask(agent.configuration, log: agent.log.logger)
        #expect(answer.failures.isEmpty)
        return answer.tasks
    }

    @Test("The cost shown is what the ledgers will say, on top of what is spent") func cost() throws {
        defer { federation.shutdown() }
        let task = try task("priced")
        try federation.list([(a, task)], key: Signature.PrivateKey())
        let agent = try TestAgent(federation)
        let before = try #require(try ask(agent).first)
        #expect(before.spent.server == 0 && before.rounds == 5 && before.obstacles.isEmpty)
        #expect(
            before.name == "priced" && before.origin?.submittedBy == "dr-a" && before.origin?.isSigned == true
        )
        #expect(before.spokenDigest.split(separator: " ").count == 16)
        #expect(before.spokenDigest.filter { $0 != " " } == before.digest)
        // Asked while the agent's parts are alive, as it works.
        let runner = try agent.runner()
        var expected = [before.afterRound]
        for round in 1...5 {
            #expect(try runner.serve(task.message(round: round, run: a, hasRunPaths: true)) == .delivered)
            let now = try #require(try ask(agent).first)
            #expect(now.spent == expected.last && now.rounds == 5 - round)
            #expect(now.afterAll?.server == before.afterAll?.server)
            expected.append(now.afterRound)
        }
        let spent = try AgentStatus(agent.configuration).total
        #expect(spent.server == before.afterAll?.server && spent.members == before.afterAll?.members)
        #expect(spent.server > 0)
    }

    @Test("Signature, policy and budget show, and what a server sends cannot write on the terminal")
    func obstacles() throws {
        defer { federation.shutdown() }
        let (good, forged) = (try task("good"), try task(#"\u001b[2J\u202ename"#))
        try federation.list([(a, good)], key: Signature.PrivateKey())
        try federation.list([(a, good), (b, forged)], key: Signature.PrivateKey(), forged: [a])
        federation.state.withLock { $0.list?.tasks[1].name = "n" }
        let agent = try TestAgent(
            federation, set: ["policy.minimal_cohort=1000", "policy.approval=\"manual\""])
        let asked = try ask(agent)
        #expect(asked.map(\.origin?.isSigned) == [false, false])
        #expect(asked[0].obstacles.contains { $0.contains("signature") })
        #expect(asked[0].obstacles.contains { $0.hasPrefix("minimal_cohort") })
        #expect(asked[0].obstacles.contains { $0.contains("waits for this site's approval") })
        for task in asked {
            for line in task.lines(now: 0) {
                #expect(line.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 0x202e }, "\(line)")
            }
        }
    }

    @Test("A name or the first digits mean one task, or none") func words() throws {
        defer { federation.shutdown() }
        let (one, two) = (try task("one"), try task("two"))
        try federation.list([(a, one), (b, two)], key: Signature.PrivateKey())
        let agent = try TestAgent(federation)
        func digest(_ word: String) throws -> String {
            try Decision.digest(of: word, agent.configuration, log: agent.log.logger)
        }
        let whole = try one.offer().taskSHA256
        #expect(try digest("one") == whole && digest(String(whole.prefix(8))) == whole)
        #expect(try digest(AskedTask.grouped(String(whole.prefix(12))).uppercased()) == whole)
        // What another site has read out needs no server.
        let unknown = String(repeating: "0f", count: 32)
        #expect(try digest(unknown) == unknown)
        for word in ["three", String(whole.prefix(7)), "00000000", ""] {
            #expect(throws: Failure.self, "\(word)") { try digest(word) }
        }
        // Two tasks of one name.
        try federation.list(
            [(a, one), (b, try TestTask(privacy: TestTask.central, name: "one", folder: authority.folder))],
            key: Signature.PrivateKey())
        #expect(throws: Failure.self) { try digest("one") }
    }

    @Test("A server of one run is asked for its only task") func serverOfOneRun() throws {
        defer { federation.shutdown() }
        let offer = try task("only").offer()
        federation.state.withLock { $0.offer = offer }
        let asked = try ask(TestAgent(federation))
        #expect(
            asked.map(\.name) == ["only"] && asked[0].origin == nil && asked[0].digest == offer.taskSHA256)
    }
}
