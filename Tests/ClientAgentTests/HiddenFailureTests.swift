import Compute
import Datasets
import Configuration
import Federation
import Foundation
import Learning
import Ledger
import Messages
import Operations
import Privacy
import SecureAggregation
import Synchronization
import Testing

@testable import ClientAgent

/// Fails as it is told to.
private final class FailingTrainer: RoundTrainer {
    enum Kind: CaseIterable, Sendable {
        case none, crash, diverged, unreadable, storage, data, notANumber, infinite, huge, metrics
    }

    private let kind: Kind
    /// Called when private data would be touched.
    private let touched: () throws -> Void

    init(_ kind: Kind, touched: @escaping () throws -> Void = {}) {
        self.kind = kind
        self.touched = touched
    }

    func examine(_ job: TrainingJob) {}

    func withUpdate<Result>(
        _ job: TrainingJob, _ body: (UnsafeBufferPointer<Float>, Int) throws -> Result
    ) throws -> Result {
        try touched()
        var delta = ParameterVector(zeros: job.model.layout)
        switch kind {
        case .none, .metrics: break
        case .crash: throw TrainerFailure("the program ended with status 3")
        case .diverged: throw TrainingError.diverged(step: 2)
        case .unreadable: throw Failure(.invalidInput, "data.csv, line 12: secret-value")
        case .storage: throw Failure(.storage, "data.csv: cannot be read: secret-value")
        case .data: throw ConfigurationError(path: "data", problem: "secret-value is no class")
        case .notANumber: delta.values[3] = .nan
        case .infinite: delta.values[3] = .infinity
        case .huge: delta.values[3] = 3e38
        }
        return try delta.values.withUnsafeBufferPointer { try body($0, 30) }
    }

    func metrics(_ job: TrainingJob) throws -> ClientMetrics {
        try touched()
        if kind == .metrics { throw TrainingError.noExamples }
        return ClientMetrics(loss: 1, accuracy: 0.5, examples: 30)
    }

    func rest() {}
}

/// Whatever happens in local work, a server that must not be trusted receives the same.
@Suite struct HiddenFailureTests {
    let authority: TestAuthority
    let federation: TestFederation

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
    }

    private func charges() throws -> Int {
        let path = authority.path("state/runs/\(TestFederation.run)/ledger.jsonl")
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return 0 }
        return text.split(separator: "\n").count { $0.contains(#""kind":"charge""#) }
    }

    static let withMetrics =
        TestTask.local + #", evaluation: { every: 1, holdout: "federated" }"#

    @Test(
        "A failure is a report of noise alone, charged, and told to the owner only",
        arguments: FailingTrainer.Kind.allCases, [TestTask.local, withMetrics, TestTask.records])
    private func hidden(kind: FailingTrainer.Kind, privacy: String) throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: privacy, folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        let agent = try TestAgent(federation)
        let runner = try agent.runner(
            trainer: FailingTrainer(kind) {
                let count = try charges()
                #expect(count >= 1, "touched before the charge")
            })
        for round in [1, 2] { #expect(try runner.serve(task.message(round: round)) == .delivered) }
        let state = federation.state.withLock { $0 }
        #expect(state.failures.isEmpty)
        #expect(try charges() == 2)
        let bodies = [1, 2].compactMap { state.updates[$0]?.first }
        let weights = try bodies.map { try $0.withUnsafeBytes { try UpdateHeader(decoding: $0).weight } }
        #expect(weights == [1, 1], "no number of records is told")
        #expect(
            bodies.map(\.count) == [Int](repeating: UpdateHeader.byteCount + task.plan.reportBytes, count: 2))
        // Noise of single records is the trainer's own: this one adds none.
        let isNoised = privacy != TestTask.records || agent.log.text.contains("local work failed")
        let rests = bodies.map { Array($0[UpdateHeader.byteCount...]) }
        #expect(Set(rests).count == (isNoised ? 2 : 1))
        let isFailure = kind != .none && (kind != .metrics || privacy == Self.withMetrics)
        let told = agent.log.text.split(separator: "\n").count { $0.contains("local work failed") }
        // Clipping brings any finite change within bounds; without it this one leaves the ring.
        let expected = kind == .huge && privacy != TestTask.records ? 0 : isFailure ? 2 : 0
        #expect(told == expected, "\(agent.log.text)")
    }

    @Test(
        "Where nothing is private the server is told as before, in words that hold nothing of the data",
        arguments: [
            (FailingTrainer.Kind.crash, FailureReport.Reason.training), (.diverged, .training),
            (.notANumber, .training), (.data, .data), (.unreadable, .other),
        ])
    private func open(kind: FailingTrainer.Kind, reason: FailureReport.Reason) throws {
        defer { federation.shutdown() }
        let task = try TestTask(folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        let agent = try TestAgent(federation)
        let outcome = try agent.runner(trainer: FailingTrainer(kind)).serve(task.message(round: 1))
        #expect(outcome == .notDelivered)
        let state = federation.state.withLock { $0 }
        #expect(state.updates.isEmpty && state.failures.map(\.reason) == [reason])
        #expect(state.failures.allSatisfy { !$0.detail.contains("secret") })
    }

    /// The built-in trainer on two tables that differ in one column, under a model with a weight of 1e38 on it: one
    /// would overflow and the other would not.
    @Test(
        "A lying server sees no difference", arguments: [TestTask.local, TestTask.records],
        [Float(1e38), 9e3])
    func lyingServer(privacy: String, weight: Float) throws {
        defer { federation.shutdown() }
        var task = try TestTask(privacy: privacy, folder: authority.folder)
        var model = task.initial
        // Weights of the third column, of all hidden units.
        for unit in 0..<8 { model.values[3 * unit + 2] = weight }
        task.published = model
        federation.state.withLock { $0.models[0] = task.file }
        let text = try String(contentsOfFile: authority.path("data.csv"), encoding: .utf8)
        let rows = text.split(separator: "\n").enumerated().map { line, row -> String in
            var cells = row.split(separator: ",").map(String.init)
            if line > 0 { cells[2] = "0" }
            return cells.joined(separator: ",")
        }
        try (rows.joined(separator: "\n") + "\n").write(
            toFile: authority.path("zeros.csv"), atomically: true, encoding: .utf8)
        for (name, path) in [("one", "data.csv"), ("two", "zeros.csv")] {
            let agent = try TestAgent(
                federation,
                set: ["state_directory=\"\(name)\"", "data.path=\"\(path)\"", "policy.maximal_epsilon=1e9"])
            let runner = try agent.runner()
            for round in 1...4 {
                #expect(try runner.serve(task.message(round: round)) == .delivered, "\(agent.log.text)")
            }
            let ledger = authority.path("\(name)/runs/\(TestFederation.run)/ledger.jsonl")
            let lines = try String(contentsOfFile: ledger, encoding: .utf8)
            #expect(lines.split(separator: "\n").count { $0.contains(#""kind":"charge""#) } == 4)
            #expect(agent.log.text.contains("maximal_weight") == (weight > 1e4))
        }
        let state = federation.state.withLock { $0 }
        #expect(state.failures.isEmpty)
        #expect((1...4).allSatisfy { Set(state.updates[$0]?.map(\.count) ?? []).count == 1 })
        #expect((1...4).allSatisfy { state.updates[$0]?.count == 2 })
        let finite = state.updates.values.joined().allSatisfy { body in
            guard privacy == TestTask.records else { return true }
            return Array(body[UpdateHeader.byteCount...]).withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: 4).allSatisfy {
                    bytes.loadUnaligned(fromByteOffset: $0, as: Float.self).isFinite
                }
            }
        }
        #expect(finite)
    }

    /// The budgets of single records and against other members hold over all runs, as that against the server does.
    @Test(
        "Every budget of the policy ends the agent's part",
        arguments: [
            (TestTask.records, "maximal_epsilon_example", ["policy.modes=[\"none\"]"]),
            (TestTask.local, "maximal_epsilon_members", []),
        ])
    func budgets(privacy: String, key: String, set: [String]) throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: privacy, folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        let event = try #require(
            task.plan.example?.event(rounds: 1) ?? task.plan.privacy?.membersEvents(charge: 1).first)
        var two = event
        two.steps *= 2
        let limit = try PrivacyGuarantee.of([two], delta: 1e-5).epsilon * 1.0001
        let agent = try TestAgent(federation, set: set + ["policy.\(key)=\(limit)"])
        let runner = try agent.runner()
        for run in ["5e", "a1", "b2"] {
            try runner.serve(task.message(round: 1, run: String(repeating: run, count: 16)))
        }
        #expect(federation.state.withLock { $0.updates[1]?.count } == 2, "\(agent.log.text)")
        #expect(federation.state.withLock { $0.failures.map(\.reason) } == [.budget])
        #expect(federation.state.withLock { $0.failures.first?.detail.contains(key) } == true)
    }

    /// Reports leave at `report_after`, whatever local work did until then; what is not ready is abandoned.
    @Test(
        "A report leaves when its frame is over",
        arguments: [
            "cp \"$SORDINO_MODEL_IN\" \"$SORDINO_MODEL_OUT\"", "exit 1", "sleep 100",
            "trap '' TERM; sleep 100",
        ])
    func frame(script: String) throws {
        defer { federation.shutdown() }
        let task = try TestTask(privacy: TestTask.local, reportAfter: "1s", folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        let agent = try TestAgent(federation)
        let command = TrainerCommand(
            command: ["/bin/sh", "-c", script], schema: task.dataset.preprocessing, folder: authority.folder)
        let folder = authority.path("trainer")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let runner = try agent.runner(trainer: ExternalTrainer(command, folder: folder) { false })
        let began = ContinuousClock.now
        var left: Duration?
        runner.reached = { milestone in
            if milestone == .delivered { left = began.duration(to: .now) }
        }
        #expect(try runner.serve(task.message(round: 1)) == .delivered, "\(agent.log.text)")
        let seconds = try #require(left)
        // On a busy machine ending the program may outlast the frame: the report then leaves at one of its doublings.
        #expect(seconds >= .seconds(1) && seconds < .seconds(60))
        #expect(federation.state.withLock { $0.failures.isEmpty && $0.updates[1]?.count == 1 })
        #expect(agent.log.text.contains("local work failed") == !script.hasPrefix("cp"))
    }

    @Test("Data that do not fit are found before the first round, and told once", arguments: [0, 1, 2])
    func unsuitable(what: Int) throws {
        defer { federation.shutdown() }
        let privacy = what == 2 ? TestTask.records : TestTask.local
        let task = try TestTask(privacy: privacy, folder: authority.folder)
        federation.state.withLock { $0.models[0] = task.file }
        let set = [
            ["data.path=\"none.csv\""], ["data.label=\"a\""],
            [#"trainer={ command: ["touch", "was-run"] }"#],
        ][what]
        let agent = try TestAgent(federation, set: set)
        let trainer = try Agent.trainer(agent.configuration, folder: authority.path("t")) { false }
        let runner = try agent.runner(trainer: trainer)
        for round in [1, 2] { #expect(try runner.serve(task.message(round: round)) == .unsuitable) }
        let state = federation.state.withLock { $0 }
        #expect(state.updates.isEmpty && state.failures.map(\.reason) == [.schema, .schema])
        #expect(Set(state.failures.map(\.detail)).count == 1)
        #expect(try charges() == 0)
        #expect(agent.log.text.split(separator: "\n").count == 1, "\(agent.log.text)")
        #expect(!FileManager.default.fileExists(atPath: authority.path("was-run")))
    }
}
