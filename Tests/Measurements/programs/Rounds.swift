internal import ClientAgent
internal import Compute
internal import Cryptography
internal import Federation
internal import Foundation
internal import Messages
internal import Operations
internal import Synchronization
internal import Transport

/// Agents that serve rounds together, each on a thread: download the model, check and decode it, give it back as it
/// is, encode the report, upload it. The code is the agent's own; its ledger, its files and its trainer are left out.
struct Rounds {
    /// When a round was first given to an agent, and what the server and the agents had used by then.
    private struct Mark {
        let instant: ContinuousClock.Instant
        let processorSeconds: Double
        let clientsProcessorSeconds: Double
    }

    /// What the threads share.
    private final class Shared: Sendable {
        let marks = Mutex<[Int: Mark]>([:])
        let bytesDown = Atomic<Int>(0)
        let bytesUp = Atomic<Int>(0)
        let firstError = Mutex<String?>(nil)
    }

    private let agents: TestAgents
    private let count: Int
    private let server: String
    private let rounds: Int

    /// `PORT AUTHORITY FOLDER COUNT PID ROUNDS`: as ``Load``'s, and how many rounds are measured. The server's task
    /// must have two more: the first warms up, the beginning of the last ends the measurement.
    init(_ arguments: [String]) throws {
        guard arguments.count == 6, let port = UInt16(arguments[0]), let count = Int(arguments[3]), count > 0,
            let rounds = Int(arguments[5]), rounds > 0
        else {
            throw Failure(
                .usage, "usage: sordino-measure rounds PORT AUTHORITY FOLDER COUNT PID ROUNDS")
        }
        agents = try TestAgents(port: port, authority: arguments[1], folder: arguments[2])
        self.count = count
        server = arguments[4]
        self.rounds = rounds
    }

    /// Serves all rounds and prints a JSON line: seconds of each, from its beginning to the next one's; processor
    /// seconds a round of server and agents; the server's peak memory; bytes on the wire.
    func run() throws {
        let shared = Shared()
        let (agents, rounds, server) = (agents, rounds, server)
        let workers = try (0..<count).map { index in
            try WorkerThread(name: "agent-\(index)") {
                do {
                    try Self.serve(agents.client(index), rounds + 2) { round in
                        try Self.mark(round, server, shared)
                    } moved: { down, up in
                        shared.bytesDown.add(down, ordering: .relaxed)
                        shared.bytesUp.add(up, ordering: .relaxed)
                    }
                } catch {
                    shared.firstError.withLock { $0 = $0 ?? "\(error)" }
                }
            }
        }
        for worker in workers { worker.join() }
        if let error = shared.firstError.withLock({ $0 }) { throw Failure(.network, error) }
        let marks = shared.marks.withLock { $0 }
        let measured = try (2...rounds + 2).map { round in
            guard let mark = marks[round] else { throw Failure(.network, "round \(round) was not held") }
            return mark
        }
        let pairs = zip(measured, measured.dropFirst())
        let seconds = pairs.map { pair in
            let (whole, parts) = (pair.1.instant - pair.0.instant).components
            return Double(whole) + Double(parts) * 1e-18
        }
        let reports = count * (rounds + 2)
        let result = Result(
            seconds: seconds, processorSeconds: pairs.map { $1.processorSeconds - $0.processorSeconds },
            clientsProcessorSeconds: pairs.map { $1.clientsProcessorSeconds - $0.clientsProcessorSeconds },
            peakBytes: try TestAgents.memory(server, "VmHWM"),
            bytesDown: shared.bytesDown.load(ordering: .relaxed) / reports,
            bytesUp: shared.bytesUp.load(ordering: .relaxed) / reports)
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        print(String(decoding: try encoder.encode(result), as: UTF8.self))
    }

    private struct Result: Encodable {
        let seconds: [Double]
        let processorSeconds: [Double]
        let clientsProcessorSeconds: [Double]
        let peakBytes: Int
        let bytesDown: Int
        let bytesUp: Int
    }

    private static func mark(_ round: Int, _ server: String, _ shared: Shared) throws {
        let now = ContinuousClock.now
        try shared.marks.withLock { marks in
            guard marks[round] == nil else { return }
            marks[round] = Mark(
                instant: now, processorSeconds: try TestAgents.processorSeconds(server),
                clientsProcessorSeconds: try TestAgents.processorSeconds("self"))
        }
    }

    /// One agent's life: rounds until the last.
    private static func serve(
        _ client: HTTPClient, _ lastRound: Int, began: (Int) throws -> Void, moved: (Int, Int) -> Void
    ) throws {
        let link = ServerLink(client: client, stop: try StopSignal(), log: Logger(level: .error))
        let trainer = Returner()
        var (run, round): (String?, Int) = (nil, 0)
        while round < lastRound {
            guard case .assignment(let plan) = try link.checkIn(run: run, lastRound: round, waitSeconds: 60)
            else { continue }
            (run, round) = (plan.run, plan.round)
            try began(round)
            let download = MemoryDownload(count: plan.model.bytes)
            guard
                try client.download(AgentProtocol.paths.model(round: plan.model.round), into: download)
                    == .complete,
                try SHA256.text(of: download.bytes) == plan.model.sha256
            else { throw Failure(.network, "round \(round): not the model that was announced") }
            let work = try RoundWork(plan, task: AssignedTask(plan), model: SharedBuffer(download.bytes))
            let entry = OutboxEntry(run: plan.run, round: round, body: try work.report(by: trainer).body)
            moved(download.bytes.count, entry.body.count)
            guard try link.deliver(entry) == .accepted else {
                throw Failure(.network, "round \(round): the report was not accepted")
            }
        }
    }
}

/// A trainer that changes nothing.
private final class Returner: RoundTrainer {
    func examine(_ job: TrainingJob) {}

    func withUpdate<Result>(
        _ job: TrainingJob, _ body: (UnsafeBufferPointer<Float>, Int) throws -> Result
    ) throws -> Result {
        let change = ParameterVector(zeros: job.model.layout)
        return try change.values.withUnsafeBufferPointer { try body($0, 1) }
    }

    func metrics(_ job: TrainingJob) throws -> ClientMetrics {
        throw TrainerFailure("nothing is measured here")
    }

    func rest() {}
}

/// A download that is kept in memory.
private final class MemoryDownload: DownloadTarget {
    private(set) var bytes: [UInt8] = []
    private(set) var tag: String?
    private let count: Int

    var received: Int { bytes.count }

    /// A download of `count` bytes.
    init(count: Int) {
        self.count = count
        bytes.reserveCapacity(count)
    }

    func begin(tag: String?, total: Int) throws(ClientError) {
        guard total == count else { throw .rejected("\(total) bytes, \(count) were announced") }
        bytes.removeAll(keepingCapacity: true)
        self.tag = tag
    }

    func append(_ more: UnsafeRawBufferPointer) throws(ClientError) {
        guard bytes.count + more.count <= count else { throw .rejected("longer than announced") }
        bytes.append(contentsOf: more)
    }
}
