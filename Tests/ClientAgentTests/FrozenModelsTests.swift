import Compute
import Configuration
import Datasets
import Encoding
import Federation
import Foundation
import Learning
import Messages
import Operations
import Synchronization
import Testing
import Transport

@testable import ClientAgent
@testable import Simulation

@Suite("Parameters that nobody trains") struct FrozenModelsTests {
    let authority: TestAuthority
    let federation: TestFederation
    let task: TestTask
    let frozen: [UInt8]
    let sha256: String

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
        task = try TestTask(model: TestTask.adapted, folder: authority.folder)
        let (file, frozen) = (task.file, try #require(task.frozen))
        self.frozen = frozen
        sha256 = try #require(task.plan.model.spec.frozenFile?.sha256)
        federation.state.withLock { state in
            state.models[0] = file
            state.frozen = frozen
        }
    }

    private var folder: String { authority.path("state/frozen") }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    private func put(_ bytes: [UInt8], _ name: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    private var delivered: Int { federation.state.withLock { $0.updates.values.map(\.count).reduce(0, +) } }
    private var requests: Int { federation.state.withLock { $0.frozenRequests } }

    @Test("A round with adapters is the simulator's, bit for bit, and the file is fetched once")
    func equalsSimulation() throws {
        defer { federation.shutdown() }
        let worker = ClientWorker(plan: task.plan)
        // Two processes, one after the other; memory that is given back is filled from the file again.
        for rounds in [[2, 3], [4]] {
            let runner = try TestAgent(federation).runner()
            for round in rounds {
                try runner.serve(task.message(round: round))
                runner.rest()
                worker.beginRound()
                let result = worker.serve(
                    ClientJob(
                        run: TestFederation.run, seed: task.seed, client: 4, round: round,
                        model: task.initial.values, clippingNorm: .infinity, rotation: nil, masking: nil,
                        share: nil, examples: task.dataset.train,
                        indices: Array(0..<Int32(task.dataset.train.count))[...], noise: .seeded(1)))
                #expect(result.failure == nil)
                let body = try #require(federation.state.withLock { $0.updates[round]?.first })
                var sum = Aggregation(count: task.plan.report.count, bits: 64)
                Array(body[UpdateHeader.byteCount...]).withUnsafeBytes {
                    sum.add(floats: $0, factor: task.plan.codec.scale * 30, weight: 30)
                }
                #expect(sum.sum == worker.partial.sum && sum.sum.isNonzero)
            }
        }
        #expect(requests == 1)
        #expect(try names() == ["\(sha256).safetensors"])
        #expect(task.plan.report.count == task.plan.model.layout.count)
    }

    @Test("A download goes on where an earlier process stopped")
    func resumes() throws {
        defer { federation.shutdown() }
        try put(Array(frozen[..<100]), "\(sha256).part")
        try TestAgent(federation).runner().serve(task.message(round: 1))
        #expect(federation.state.withLock { $0.ranges } == ["bytes=100-"])
        #expect(delivered == 1 && requests == 1)
        #expect(try names() == ["\(sha256).safetensors"])
    }

    /// What may lie in the place of the file.
    enum Damage: CaseIterable, Sendable { case flipped, cut, longer, empty, otherPart, wholePart }

    @Test("What is damaged is fetched again", arguments: Damage.allCases)
    func damaged(_ damage: Damage) throws {
        defer { federation.shutdown() }
        var bytes = frozen
        switch damage {
        case .flipped, .wholePart: bytes[bytes.count - 3] ^= 1
        case .cut: bytes.removeLast()
        case .longer: bytes.append(0)
        case .empty: bytes = []
        case .otherPart: bytes = [UInt8](repeating: 7, count: 50)
        }
        let isPart = damage == .otherPart || damage == .wholePart
        try put(bytes, isPart ? "\(sha256).part" : "\(sha256).safetensors")
        let agent = try TestAgent(federation)
        try agent.runner().serve(task.message(round: 1))
        #expect(delivered == 1, "\(agent.log.text)")
        // The rest of another file's beginning is asked for first.
        #expect(requests == (damage == .otherPart ? 2 : 1))
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(sha256).safetensors")) == Data(frozen))
        #expect(try names() == ["\(sha256).safetensors"])
    }

    @Test("Other bytes than the task states are refused, and not kept", arguments: [true, false])
    func wrongBytes(hasAny: Bool) throws {
        defer { federation.shutdown() }
        federation.state.withLock { state in
            state.frozen?[frozen.count - 1] ^= 1
            if !hasAny { state.frozen = nil }
        }
        let agent = try TestAgent(federation)
        try agent.runner().serve(task.message(round: 1))
        #expect(delivered == 0 && requests == (hasAny ? 2 : 1))
        #expect(federation.state.withLock { $0.failures.map(\.reason) } == [.other])
        let why = hasAny ? "have not the stated SHA-256" : "does not give the model's frozen parameters"
        #expect(agent.log.text.contains(why), "\(agent.log.text)")
        #expect(try !names().contains("\(sha256).safetensors"))
    }

    @Test("Files of other digests go, also where nothing is frozen any more", arguments: [true, false])
    func others(isFrozen: Bool) throws {
        defer { federation.shutdown() }
        let other = String(repeating: "0", count: 64)
        for name in ["\(other).safetensors", "\(other).part"] { try put([1, 2, 3], name) }
        let task = isFrozen ? task : try TestTask(folder: authority.folder)
        let file = task.file
        federation.state.withLock { $0.models[0] = file }
        try TestAgent(federation).runner().serve(task.message(round: 1))
        #expect(delivered == 1)
        #expect(try names() == (isFrozen ? ["\(sha256).safetensors"] : []))
    }

    @Test(
        "A plan whose frozen parameters and their file do not fit is refused in one line",
        arguments: ["missing", "needless", "short", "from", "limit"])
    func unusable(what: String) throws {
        let model = task.plan.model
        func spec(_ change: (inout [String: JSONValue]) -> Void) throws -> ModelSpec {
            guard case .object(var members) = model.spec.json else { return model.spec }
            change(&members)
            return try ModelSpec(.object(members), path: "task.model")
        }
        let changed = try spec { members in
            switch what {
            case "missing": members["frozen"] = nil
            case "needless": members["adapters"] = nil
            case "short":
                members["frozen"] = .object([
                    "sha256": .string(sha256), "bytes": .integer(frozen.count - 4),
                ])
            case "from": members["from"] = .string("weights.safetensors")
            default: break
            }
        }
        let limit = what == "limit" ? frozen.count - 1 : frozen.count
        let refused = try Model(changed, inputShape: [3])
        let error = #expect(throws: UnusablePlan.self) { try FrozenRules.check(refused, limit: limit) }
        #expect(error?.description.contains(where: \.isNewline) == false)
        try FrozenRules.check(model, limit: frozen.count)
        try FrozenRules.check(TestTask(folder: authority.folder).plan.model, limit: 0)
        federation.shutdown()
    }

    @Test("Above the agent's limit nothing is fetched, and neither check nor run takes the task")
    func limit() throws {
        defer { federation.shutdown() }
        let offer = try task.offer()
        federation.state.withLock { $0.offer = offer }
        let agent = try TestAgent(federation, set: ["frozen_limit_bytes=\(frozen.count - 1)"])
        let finding = try #require(
            Preflight.examine(agent.configuration).first { $0.subject == "task" })
        #expect(finding.problem == .invalidInput && finding.detail.contains("frozen_limit_bytes"))
        #expect(throws: UnusablePlan.self) {
            try OfferedTask(offer, frozenLimit: agent.configuration.frozenLimit)
        }
        let plan = try task.message(round: 1)
        federation.state.withLock { $0.plans = [plan] }
        let ending = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
            .run(untilFinished: true)
        #expect(ending == .done && delivered == 0 && requests == 0)
    }

    @Test("The check says what will be fetched, and run fetches it before the first round")
    func ahead() throws {
        defer { federation.shutdown() }
        let offer = try task.offer()
        federation.state.withLock { $0.offer = offer }
        let agent = try TestAgent(federation)
        func detail() -> String {
            Preflight.examine(agent.configuration).first { $0.subject == "task" }?.detail ?? ""
        }
        #expect(detail().contains("\(Quantity.bytes(frozen.count)) of frozen parameters will be fetched"))
        #expect(requests == 0)
        do {
            let running = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
            #expect(try running.run(untilFinished: true) == .done)
        }
        #expect(requests == 1 && delivered == 0)
        #expect(detail().contains("of frozen parameters are here"))
    }

    @Test("Frozen values count among the published model's", arguments: [Float.nan, .infinity, -2e4, 0.5])
    func greatestMagnitude(value: Float) throws {
        defer { federation.shutdown() }
        let layout = task.plan.model.frozenLayout
        let parameters = try FrozenParameters(layout: layout) { $0[1] = value }
        let part = FrozenPart(parameters, path: "f")
        #expect(part.greatestMagnitude == (value.isNaN ? .infinity : value.magnitude))
        var work = try RoundWork(
            task.message(round: 1), task: AssignedTask(task.message(round: 1)),
            model: .init(task.file))
        #expect(work.hasAcceptableWeights(1e4))
        work.take(part)
        #expect(work.hasAcceptableWeights(1e4) == (value == 0.5))
        #expect(work.job().frozenFile == "f" && work.plan.model.frozen === parameters)
    }

    @Test("A program of the user's is given the file, verified and not in the agent's memory")
    func externalTrainer() throws {
        defer { federation.shutdown() }
        let expected = authority.path("expected")
        try Data(frozen).write(to: URL(fileURLWithPath: expected))
        var trained = try task.file.withUnsafeBytes { try SafeTensors(decoding: $0) }
        trained.metadata = ["examples": "9"]
        try Data(trained.encoded()).write(to: URL(fileURLWithPath: authority.path("trained")))
        let script =
            "cmp \(expected) \"$SORDINO_FROZEN_IN\" && cp \(authority.path("trained")) \"$SORDINO_MODEL_OUT\""
        let command = TrainerCommand(
            command: ["/bin/sh", "-c", script], timeout: 20, schema: task.dataset.preprocessing,
            folder: authority.folder)
        let agent = try TestAgent(federation)
        let trainer = ExternalTrainer(command, folder: authority.path("state/trainer")) { false }
        let runner = try agent.runner(trainer: trainer)
        for round in [1, 2] { try runner.serve(task.message(round: round)) }
        #expect(delivered == 2 && requests == 1, "\(agent.log.text)")
    }
}

extension RingVector {
    /// Whether any coordinate is not 0.
    fileprivate var isNonzero: Bool { packed().contains { $0 != 0 } }
}
