import Configuration
import Cryptography
import Federation
import Foundation
import Messages
import Notation
import Operations
import Synchronization

@testable import ClientAgent

/// A trainer that counts how often it was called, before another does the work.
final class CountingTrainer: RoundTrainer, Sendable {
    /// Names of the tasks that data were touched for, and of those that were trained.
    struct Calls {
        var examined: [String] = []
        var trained: [String] = []
    }

    let calls = Mutex(Calls())
    private let make: @Sendable () throws -> any RoundTrainer

    init(_ configuration: AgentConfiguration) {
        make = { [data = configuration.data, folder = configuration.folder] in
            try BuiltInTrainer(data: data ?? .null, folder: folder)
        }
    }

    func examine(_ job: TrainingJob) throws {
        calls.withLock { $0.examined.append(job.plan.configuration.name) }
        try make().examine(job)
    }

    func withUpdate<Result>(
        _ job: TrainingJob, _ body: (UnsafeBufferPointer<Float>, Int) throws -> Result
    ) throws -> Result {
        calls.withLock { $0.trained.append(job.plan.configuration.name) }
        return try make().withUpdate(job, body)
    }

    func metrics(_ job: TrainingJob) throws -> ClientMetrics { try make().metrics(job) }
    func rest() {}
}

extension TestFederation {
    /// A run's identity from a digit.
    static func run(_ digit: Character) -> String { String(repeating: digit, count: 32) }

    /// Makes this a server of many runs, which lists these tasks; `forged` are runs whose entries another key signs.
    func list(
        _ tasks: [(run: String, task: TestTask)], key: Signature.PrivateKey, forged: Set<String> = []
    ) throws {
        let other = try Signature.PrivateKey()
        var offers: [String: TaskOffer] = [:]
        let entries = try tasks.map { run, task in
            let offer = try task.offer(run: run)
            offers[run] = offer
            var entry = TaskList.Entry(
                run: run, name: task.plan.configuration.name, taskSHA256: offer.taskSHA256, state: "active",
                submittedBy: "dr-a", submitted: 1_700_000_000, signature: String(repeating: "0", count: 128))
            entry.signature = Hexadecimal.text(
                of: try (forged.contains(run) ? other : key).sign(entry.statement))
            return entry
        }
        let list = TaskList(key: Hexadecimal.text(of: key.publicKey.bytes), tasks: entries)
        state.withLock { state in
            state.list = list
            state.runOffers = offers
            for (_, task) in tasks { state.models[0] = task.file }
        }
    }

    /// Rounds whose reports came, by the path that they came on.
    var updatePaths: [String] { state.withLock { $0.runPaths.filter { $0.hasSuffix("/update") } } }
}
