import Compute
import Cryptography
import Datasets
import Federation
import Foundation
import Learning
import Messages
import Operations
import Privacy
import Synchronization
import Testing

@testable import ClientAgent

/// What an agent keeps from round to round: it follows from exactly the reports that the server accepted.
@Suite("The agent's memory") struct MemoryFolderTests {
    private let authority: TestAuthority
    private let federation: TestFederation
    private let task: TestTask

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
        var task = try TestTask(strategy: #"{ name: "scaffold" }"#, folder: authority.folder)
        task.remembered = (0..<task.plan.dimension).map { Float($0 % 7) / 64 - 0.04 }
        self.task = task
        federation.state.withLock { state in
            state.models[0] = task.file
            state.modelStates[0] = task.state
        }
    }

    private struct Death: Error {}
    private struct NoSource: NoiseSource {
        mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { throw Death() }
    }

    /// The reports of a client that serves these rounds, as the product's own training makes them in one process.
    private func reports(_ rounds: [Int]) throws -> [[Float]] {
        let (work, memory) = (ClientTraining(plan: task.plan), ClientMemory(task.plan.clientMemory))
        let indices = Array(0..<Int32(task.dataset.train.count))
        return try rounds.map { round in
            try indices.withUnsafeBufferPointer { indices in
                try task.initial.values.withUnsafeBufferPointer { model in
                    Array(
                        try work.update(
                            of: model, on: task.dataset.train, indices: indices,
                            stream: TrainingStream(seed: task.seed, client: 4, round: round),
                            context: ClientContext(serverState: task.remembered, memory: memory)
                        ) { () throws -> NoSource in throw Death() }.delta)
                }
            }
        }
    }

    /// The values of the reports that came for a round.
    private func sent(_ round: Int) -> Set<[Float]> {
        Set(
            (federation.state.withLock { $0.updates[round] ?? [] }).map { body in
                body[UpdateHeader.byteCount...].withUnsafeBytes { bytes in
                    (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
                }
            })
    }

    @Test("Reports are the simulator's, bit for bit") func equalsSimulation() throws {
        defer { federation.shutdown() }
        let runner = try TestAgent(federation).runner()
        let wanted = try reports([1, 2, 3])
        for round in 1...3 {
            #expect(try runner.serve(task.message(round: round)) == .delivered)
            #expect(sent(round) == [wanted[round - 1]])
        }
        #expect(wanted[1] != (try reports([2])[0]))
    }

    /// A death between any two steps: what is kept is what the accepted reports made, no more and no less.
    @Test("Killed between any two steps", arguments: RoundRunner.Milestone.allCases, [false, true])
    func killed(at milestone: RoundRunner.Milestone, serverLosesAnswer: Bool) throws {
        defer { federation.shutdown() }
        federation.state.withLock { $0.updateStatuses = serverLosesAnswer ? [503, 502] : [] }
        do {
            let runner = try TestAgent(federation).runner()
            runner.reached = { if $0 == milestone { throw Death() } }
            #expect(throws: Death.self) { try runner.serve(task.message(round: 1)) }
        }
        let second = try TestAgent(federation).runner()
        try second.sendLeftovers()
        try second.sendLeftovers()
        try second.serve(task.message(round: 2))
        let wasKept = milestone == .stored || milestone == .delivered
        let wanted = try wasKept ? reports([1, 2]) : reports([2])
        #expect(sent(1) == (wasKept ? [wanted[0]] : []))
        #expect(sent(2) == [try #require(wanted.last)])
        let names = try FileManager.default.contentsOfDirectory(atPath: authority.path("state/memory"))
        #expect(names == ["\(TestFederation.run).kept"])
    }

    /// A report that the server does not take leaves no trace.
    @Test("Turned away") func turnedAway() throws {
        defer { federation.shutdown() }
        let runner = try TestAgent(federation).runner()
        federation.state.withLock { $0.updateStatuses = [409] }
        #expect(try runner.serve(task.message(round: 1)) == .notDelivered)
        #expect(try runner.serve(task.message(round: 2)) == .delivered)
        #expect(sent(2) == [try reports([2])[0]])
    }

    /// Another run begins with nothing, and what was kept of the one before goes with its first report.
    @Test("Another run") func anotherRun() throws {
        defer { federation.shutdown() }
        let runner = try TestAgent(federation).runner()
        try runner.serve(task.message(round: 1))
        let other = String(repeating: "a1", count: 16)
        try runner.serve(task.message(round: 2, run: other))
        #expect(sent(2) == [try reports([2])[0]])
        let names = try FileManager.default.contentsOfDirectory(atPath: authority.path("state/memory"))
        #expect(names == ["\(other).kept"])
    }

    /// Runs in turn: each goes on from what its own reports made.
    @Test("Two runs in turn") func runsInTurn() throws {
        defer { federation.shutdown() }
        let runner = try TestAgent(federation).runner()
        let other = String(repeating: "a1", count: 16)
        for round in 1...2 {
            for run in [TestFederation.run, other] {
                let offer = try task.message(round: round, run: run, hasRunPaths: true)
                #expect(try runner.serve(offer) == .delivered)
            }
        }
        let wanted = try reports([1, 2])
        #expect(sent(1) == [wanted[0]] && sent(2) == [wanted[1]])
    }

    @Test(
        "A server that gives no state, or another's",
        arguments: ["none", "longer", "not finite", "of another form"])
    func strangeStates(kind: String) throws {
        defer { federation.shutdown() }
        var strange = task
        switch kind {
        case "longer": strange.remembered.append(1)
        case "not finite": strange.remembered[0] = .nan
        case "of another form": strange.remembered = [1]
        default: break
        }
        var message = try strange.message(round: 1)
        if kind == "none" { message.state = nil }
        federation.state.withLock { $0.modelStates[0] = strange.state }
        let agent = try TestAgent(federation)
        #expect(try agent.runner().serve(message) == .notDelivered)
        #expect(sent(1).isEmpty && agent.log.text.contains("the plan is not one that the agent can follow"))
    }

    /// A file that is cut, emptied, changed, of a later version or of another task or run: one line, and status 6.
    @Test(
        "Damaged files",
        arguments: ["cut", "emptied", "changed", "later", "other task", "other run", "not finite"])
    func damaged(kind: String) throws {
        defer { federation.shutdown() }
        let folder = authority.path("state/memory")
        let path = "\(folder)/\(TestFederation.run).kept"
        let files = MemoryFolder(folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let vectors =
            kind == "other task"
            ? [ClientMemoryVector(name: "gradient", count: task.plan.dimension)] : task.plan.clientMemory
        let memory = ClientMemory(vectors)
        memory.values.update(repeating: kind == "not finite" ? .infinity : 1)
        let run = kind == "other run" ? String(repeating: "a1", count: 16) : TestFederation.run
        try files.make(run: run, round: 1, memory)
        try files.keep(run: run, round: 1)
        if kind == "other run" {
            try FileManager.default.moveItem(atPath: "\(folder)/\(run).kept", toPath: path)
        }
        var bytes = try #require(FileManager.default.contents(atPath: path))
        switch kind {
        case "cut": bytes = bytes.dropLast()
        case "emptied": bytes = Data()
        case "changed": bytes[bytes.count - 1] ^= 1
        case "later":
            let text = "sordino-memory 9 \(run) x 1\n"
            bytes = Data("\(try SHA256.text(of: Array(text.utf8)))\n\(text)".utf8)
        default: break
        }
        try bytes.write(to: URL(fileURLWithPath: path))
        let own = ClientMemory(task.plan.clientMemory)
        let failure = #expect(throws: Failure.self) { try files.load(run: TestFederation.run, into: own) }
        #expect(failure?.exitCode == .storage && failure?.message.contains(path) == true)
        let later = failure?.message.contains("newer program") == true
        #expect(later == (kind == "later"))
        // The agent ends with it, and neither trains nor sends.
        #expect(throws: Failure.self) { try TestAgent(federation).runner().serve(task.message(round: 1)) }
        #expect(sent(1).isEmpty)
    }
}
