import Compute
import Configuration
import Datasets
import Encoding
import Federation
import Foundation
import Ledger
import Messages
import Privacy
import Synchronization
import Testing

@testable import ClientAgent
@testable import Simulation

@Suite("Serving rounds") struct RoundRunnerTests {
    let authority: TestAuthority
    let federation: TestFederation

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
    }

    private struct Death: Error {}

    @Test(
        "Without noise a report is the simulator's, bit for bit",
        arguments: [
            #"{ name: "fedavg" }"#, #"{ name: "fedprox", mu: 0.1 }"#, #"{ name: "fedsgd" }"#,
        ])
    func equalsSimulation(strategy: String) throws {
        try check(TestTask(strategy: strategy, folder: authority.folder), weight: 30)
    }

    @Test("A report for a forest is the simulator's, bit for bit")
    func forestEqualsSimulation() throws {
        let task = try TestTask(
            model: #"{ preset: "trees", trees: 3, depth: 2, classes: 3, edges: [-0.5, 0, 0.5] }"#,
            strategy: #"{ name: "trees" }"#, training: "{}", folder: authority.folder)
        try check(task, weight: 1)
    }

    private func check(_ task: TestTask, weight: Int) throws {
        defer { federation.shutdown() }
        federation.state.withLock { $0.models[0] = task.file }
        let agent = try TestAgent(federation)
        let runner = try agent.runner()
        let worker = ClientWorker(plan: task.plan)
        for round in [2, 3] {
            try runner.serve(task.message(round: round))
            worker.beginRound()
            let result = worker.serve(
                ClientJob(
                    run: TestFederation.run, seed: task.seed, client: 4, round: round,
                    model: task.initial.values, clippingNorm: .infinity, rotation: nil, masking: nil,
                    share: nil,
                    examples: task.dataset.train,
                    indices: Array(0..<Int32(task.dataset.train.count))[...], noise: .seeded(1)))
            #expect(result.failure == nil)
            let bodies = federation.state.withLock { $0.updates[round] ?? [] }
            let body = try #require(bodies.first, "\(agent.log.text)")
            let header = try body.withUnsafeBytes { try UpdateHeader(decoding: $0) }
            #expect(header.round == round && header.weight == weight && header.bits == 64)
            #expect(header.values == .floats)
            var sum = Aggregation(count: task.plan.report.count, bits: 64)
            Array(body[UpdateHeader.byteCount...]).withUnsafeBytes {
                sum.add(
                    floats: $0, factor: task.plan.codec.scale * Double(weight), weight: weight)
            }
            #expect(sum.sum == worker.partial.sum)
        }
    }

    @Test("With local noise no two rounds, agents or starts give the same report")
    func noiseIsFresh() throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        var bodies: Set<[UInt8]> = []
        for name in ["one", "two"] {
            let agent = try TestAgent(federation, set: ["state_directory=\(name)"])
            try agent.runner().serve(task.message(round: 1))
        }
        for body in federation.state.withLock({ $0.updates[1] ?? [] }) { bodies.insert(body) }
        #expect(bodies.count == 2)
    }

    /// The invariants of a death between any two steps: at most one byte string a round, charged before it is
    /// sent, and no round is served again by the next process.
    @Test("Killed between any two steps", arguments: RoundRunner.Milestone.allCases, [false, true])
    func killed(at milestone: RoundRunner.Milestone, serverLosesAnswer: Bool) throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        federation.state.withLock { state in
            state.models[0] = task.file
            state.updateStatuses = serverLosesAnswer ? [503, 502] : []
        }
        do {
            let runner = try TestAgent(federation).runner()
            runner.reached = { reached in
                if reached != .begun { #expect(try charged(task).contains(1)) }
                if reached == milestone { throw Death() }
            }
            #expect(throws: Death.self) { try runner.serve(task.message(round: 1)) }
        }
        let second = try TestAgent(federation).runner()
        try second.sendLeftovers()
        // The server may not know and ask again.
        try second.serve(task.message(round: 1))
        try second.serve(task.message(round: 2))
        let updates = federation.state.withLock { $0.updates }
        let wasKept = milestone == .stored || milestone == .delivered
        #expect(Set(updates[1] ?? []).count == (wasKept ? 1 : 0))
        #expect(Set(updates[2] ?? []).count == 1)
        #expect(federation.state.withLock { $0.failures.map(\.reason) } == [.busy])
        let expected = milestone == .begun ? [2] : [1, 2]
        #expect(try charged(task) == expected)
        #expect(try Outbox(folder: authority.path("state/outbox")).entries().isEmpty)
    }

    /// Rounds charged in the ledger file, read as an outsider would.
    private func charged(_ task: TestTask) throws -> [Int] {
        let path = authority.path("state/runs/\(TestFederation.run)/ledger.jsonl")
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { line in
            guard let json = try? JSONValue(json5: line.utf8, source: path), case .object(let fields) = json,
                fields["kind"] == .string("charge"), case .integer(let round)? = fields["round"]
            else { return nil }
            return round
        }
    }

    @Test("The budget ends the agent's part, however the server numbers its runs")
    func budget() throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        let event = try #require(task.plan.privacy?.serverEvent)
        var two = event
        two.steps = 2
        let limit = try PrivacyGuarantee.of([two], delta: 1e-5).epsilon * 1.0001
        let agent = try TestAgent(federation, set: ["policy.maximal_epsilon=\(limit)"])
        let runner = try agent.runner()
        let runs = ["5e", "a1", "b2"].map { String(repeating: $0, count: 16) }
        for run in runs { try runner.serve(task.message(round: 1, run: run)) }
        #expect(federation.state.withLock { $0.updates[1]?.count } == 2, "\(agent.log.text)")
        #expect(federation.state.withLock { $0.failures.map(\.reason) } == [.budget])
        // What the server is told holds no figure of other runs.
        let detail = try #require(federation.state.withLock { $0.failures.first?.detail })
        let figures = detail.filter(\.isNumber)
        #expect(figures.isEmpty)
    }

    @Test(
        "The default policy refuses a task that shows the server the update",
        arguments: [
            (TestTask.plain, [], true), (TestTask.plain, ["policy.modes=[\"none\"]"], true),
            (TestTask.plain, ["policy.trust_server=true"], true),
            (TestTask.plain, ["policy.trust_server=true", "policy.modes=[\"none\"]"], false),
            (TestTask.local, [], false), (TestTask.local, ["policy.maximal_clipping_norm=0.1"], true),
            (TestTask.local, ["policy.minimal_cohort=11"], true),
            (TestTask.local, ["policy.minimal_noise_multiplier=3"], true),
            (TestTask.local, ["policy.tasks=[\"other\"]"], true),
            (TestTask.local, ["policy.models=[\"mlp\"]"], false),
            (TestTask.local, ["policy.maximal_rounds_per_day=0"], true),
        ])
    func policy(privacy: String, set: [String], isRefused: Bool) throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: privacy, folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        let agent = try TestAgent(federation, set: ["policy={ maximal_epsilon: 1000 }"] + set)
        try agent.runner().serve(task.message(round: 1))
        let state = federation.state.withLock { $0 }
        #expect(state.updates.isEmpty == isRefused, "\(agent.log.text)")
        #expect(state.failures.count == (isRefused ? 1 : 0))
        if isRefused { #expect(state.failures.first?.reason == .policy) }
    }

    @Test(
        "A plan that contradicts its own task is given up", arguments: ["digest", "scale", "count", "model"])
    func contradictions(what: String) throws {
        defer { federation.shutdown() }
        let task = try TestTask(folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        var plan = try task.message(round: 1)
        switch what {
        case "digest": plan.taskSHA256 = String(repeating: "0", count: 64)
        case "scale": plan.report.scale *= 2
        case "count": plan.report.count += 1
        default: federation.state.withLock { $0.models[0]?[task.file.count - 1] ^= 1 }
        }
        try TestAgent(federation).runner().serve(plan)
        #expect(federation.state.withLock { $0.failures.count } == 1)
        #expect(federation.state.withLock { $0.updates.isEmpty })
    }

    @Test("A download goes on where an earlier process stopped")
    func resumedDownload() throws {
        defer { federation.shutdown() }
        let task = try TestTask(folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        let plan = try task.message(round: 1)
        let models = authority.path("state/models")
        try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: true)
        try Data(task.file[..<100])
            .write(to: URL(fileURLWithPath: "\(models)/\(plan.model.sha256).safetensors"))
        try TestAgent(federation).runner().serve(plan)
        #expect(federation.state.withLock { $0.ranges } == ["bytes=100-"])
        #expect(federation.state.withLock { $0.updates[1]?.count } == 1)
    }
}
