import Configuration
import Cryptography
import Foundation
import Ledger
import Messages
import Operations
import Synchronization
import Testing

@testable import ClientAgent

/// Rows that could be told apart keep the agent from serving; how many there are stays here.
@Suite("Quasi-identifiers and identifiers at a site") struct CrowdTests {
    let authority: TestAuthority
    let federation: TestFederation

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
    }

    /// Writes the test's table with a column of ages, of which one is shared by `few` rows.
    private func task(few: Int) throws -> TestTask {
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        let path = authority.path("data.csv")
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let rows = lines.dropFirst().enumerated().map { "\($0.offset < few ? "91" : "40"),\($0.element)" }
        try (["age,\(lines[0])"] + rows).joined(separator: "\n").appending("\n")
            .write(toFile: path, atomically: true, encoding: .utf8)
        return task
    }

    @Test(
        "Below policy.k nothing is served, and only that shows",
        arguments: [(4, false), (5, true), (0, true)])
    func crowd(few: Int, isServed: Bool) throws {
        defer { federation.shutdown() }
        let task = try task(few: few)
        federation.state.withLock { $0.models[0] = task.file }
        let agent = try TestAgent(
            federation, set: ["policy.quasi_identifiers=[\"age\"]", "data.ignore=[\"age\"]"])
        #expect(agent.configuration.policy.minimalGroup == 5)
        let trainer = try Agent.trainer(
            agent.configuration, folder: authority.path("trainer"), isStopped: { false })
        let outcome = try agent.runner(trainer: trainer).serve(task.message(round: 1))
        #expect(outcome == (isServed ? .delivered : .unsuitable))
        let failures = federation.state.withLock { $0.failures }
        #expect(failures.map(\.reason) == (isServed ? [] : [.schema]))
        let told = failures.map(\.detail).joined()
        #expect(!told.split { !$0.isLetter }.contains("age") && !told.contains(where: \.isNumber))
        // The owner reads why.
        #expect(agent.log.text.contains("policy.k (5)") == !isServed)
        let checked = Preflight.examine(agent.configuration).first { $0.subject == "data" }
        #expect((checked?.problem == nil) == isServed)
    }

    /// A row that arrives while the agent works: the round reports noise alone.
    @Test func aRowThatComesLaterIsNotTrainedOn() throws {
        defer { federation.shutdown() }
        let task = try task(few: 0)
        federation.state.withLock { $0.models[0] = task.file }
        let agent = try TestAgent(
            federation, set: ["policy.quasi_identifiers=[\"age\"]", "data.ignore=[\"age\"]"])
        let trainer = try Agent.trainer(
            agent.configuration, folder: authority.path("trainer"), isStopped: { false })
        let runner = try agent.runner(trainer: trainer)
        #expect(try runner.serve(task.message(round: 1)) == .delivered)
        let path = authority.path("data.csv")
        try (String(contentsOfFile: path, encoding: .utf8) + "91,0.1,0.2,0.3,class0\n")
            .write(toFile: path, atomically: true, encoding: .utf8)
        runner.rest()
        #expect(try runner.serve(task.message(round: 2)) == .delivered)
        #expect(agent.log.text.contains("a report of noise alone takes its place"))
    }

    @Test func columnsThatTheAgentDoesNotSeeAreRefused() throws {
        defer { federation.shutdown() }
        #expect(throws: ConfigurationError.self) {
            try TestAgent(
                federation,
                set: ["policy.quasi_identifiers=[\"age\"]", "trainer={ command: [\"true\"] }"])
        }
    }

    @Test("Codes of identifiers are a site's own, the same at every start, and never of a damaged key")
    func identifierKey() throws {
        defer { federation.shutdown() }
        let (here, there) = (authority.path("here"), authority.path("there"))
        let code = try IdentifierKey.hash(in: here)(Array("943-476".utf8))
        #expect(code.count == 64 && code != Array("943-476".utf8))
        #expect(try IdentifierKey.hash(in: here)(Array("943-476".utf8)) == code)
        #expect(try IdentifierKey.hash(in: there)(Array("943-476".utf8)) != code)
        let path = "\(here)/\(IdentifierKey.fileName)"
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for count in 0..<whole.count {
            try whole.prefix(count).write(to: URL(fileURLWithPath: path))
            #expect(throws: Failure.self) { try IdentifierKey.hash(in: here) }
        }
    }
}
