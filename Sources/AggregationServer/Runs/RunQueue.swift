internal import Custody
internal import Dispatch
internal import Federation
internal import Foundation
internal import HTTPWire
internal import Messages
internal import Notation
internal import Operations
internal import Synchronization
internal import Transport

/// The runs of a service that takes tasks in: those that wait, those at work and those that have ended. One thread begins
/// runs, ends them and keeps their hours; another judges submissions. Every change is on disk before anybody hears of it.
final class RunQueue: Sendable {
    private struct State {
        var records: [String: RunRecord] = [:]
        /// When a run that could not be begun for its storage is tried again, seconds since 1970.
        var retryAt: [String: Double] = [:]
        var isStopping = false
    }

    /// Seconds between two looks at the runs.
    private static let interval = 0.2
    private static let retrySeconds = 30.0

    let configuration: ServiceConfiguration
    private let runs: RunSet
    private let surroundings: RunService.Surroundings
    private let key: LedgerKey
    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)
    private let threads = Mutex<WorkerThread?>(nil)
    private let admissions: WorkQueue<@Sendable () -> Void>
    private var log: Logger { surroundings.log }

    /// Takes up the runs that were at work. Throws a storage `Failure` where what is on disk is damaged.
    init(
        _ configuration: ServiceConfiguration, runs: RunSet, _ surroundings: RunService.Surroundings
    ) throws {
        self.configuration = configuration
        self.runs = runs
        self.surroundings = surroundings
        let folder = try OutputDirectory("\(configuration.settings.stateDirectory)/runs", mode: 0o700).path
        let records = try RunRecord.all(in: folder)
        key = try Self.key(configuration.settings.stateDirectory, hasRuns: !records.isEmpty)
        admissions = try WorkQueue(name: "admission", threads: 1, capacity: 16) { $0() }
        state.withLock { $0.records = records }
        runs.agents.shutsOut.withLock { body in
            body = { [weak self] name, actor in self?.shutOut(name, by: actor) }
        }
        runs.shutOut(try ShutOutAgents(configuration.settings.stateDirectory).names())
        // What was at work goes on at once: agents come before the first look at the queue.
        for record in records.values.sorted(by: Self.goesBefore) where record.phase == .active {
            try begin(record, throwing: true)
        }
        publishList()
        let thread = try WorkerThread(name: "run-queue") { [self] in
            while !state.withLock({ $0.isStopping }) {
                look()
                _ = wake.wait(timeout: .now() + Self.interval)
            }
        }
        threads.withLock { $0 = thread }
    }

    private static func key(_ folder: String, hasRuns: Bool) throws -> LedgerKey {
        let file = StateDirectory.signingKey(in: folder)
        if let key = try file.read() { return key }
        guard !hasRuns else {
            throw Failure(
                .storage,
                "\(file.path): missing, though runs are there; restore it from a backup: agents know the server by it"
            )
        }
        return try file.make()
    }

    /// Begins nothing more and leaves what is at work to its owner. To be called once, before the runs are stopped.
    func stop() {
        state.withLock { $0.isStopping = true }
        wake.signal()
        threads.withLock { $0.take() }?.join()
    }

    /// Ends the judging of submissions.
    func close() { admissions.close() }

    // MARK: Records

    /// The more urgent first, then the older.
    private static func goesBefore(_ first: RunRecord, _ second: RunRecord) -> Bool {
        let (mine, theirs) = (priority(first), priority(second))
        return (-mine, first.submitted, first.run) < (-theirs, second.submitted, second.run)
    }

    private static func priority(_ record: RunRecord) -> Int { (try? record.requested())?.priority ?? 0 }

    /// All runs, those that go first at the head.
    var records: [RunRecord] { state.withLock { $0.records.values.sorted(by: Self.goesBefore) } }

    /// The record of a run; nil where there is none.
    func record(_ run: String) -> RunRecord? { state.withLock { $0.records[run] } }

    /// Changes a record, durably: where that throws, nothing has changed.
    @discardableResult
    func change(_ run: String, _ body: (inout RunRecord) -> Void) throws -> RunRecord? {
        try state.withLock { state in
            guard var record = state.records[run] else { return nil }
            body(&record)
            try record.write(to: configuration.folder(of: run))
            state.records[run] = record
            return record
        }
    }

    /// Takes a new run in, durably, unless as many wait as may. Throws a `Failure`.
    func add(_ record: RunRecord) throws {
        try state.withLock { state in
            guard state.records.values.count(where: { $0.phase == .queued }) < configuration.rules.queue
            else {
                throw Failure(.refused, "\(configuration.rules.queue) runs wait already (server.runs.queue)")
            }
            try record.write(to: configuration.folder(of: record.run))
            state.records[record.run] = record
        }
        publishList()
        wake.signal()
    }

    /// Has a submission judged on the thread for that; false where too many wait.
    func admit(_ body: @escaping @Sendable () -> Void) -> Bool { admissions.add(body) }

    /// The server's signature of a record's task, hexadecimal.
    func signature(of record: RunRecord) throws -> String {
        Hexadecimal.text(of: try key.sign(record.entry(state: "").statement))
    }

    // MARK: Turns

    /// Ends what has ended, begins what may begin, and keeps the hours.
    private func look() {
        for service in runs.services where service.end != nil { reap(service) }
        keepHours()
        // Those that are over stay a while for agents that have not heard of it, and keep no other from its turn.
        let active = runs.services.count { !$0.board.read { $0.isOver } }
        guard active < configuration.rules.atOnce else { return }
        let now = Date().timeIntervalSince1970
        let waiting = records.filter { $0.phase == .queued && mayBegin($0, at: now) }
        for record in waiting.prefix(configuration.rules.atOnce - active) {
            do {
                try begin(record, throwing: false)
            } catch {
                log.error(
                    "a run cannot be begun; it is tried again",
                    ["run": .text(record.run), "error": .text(Failure(wrapping: error).message)])
                state.withLock { $0.retryAt[record.run] = now + Self.retrySeconds }
            }
        }
    }

    private func mayBegin(_ record: RunRecord, at now: Double) -> Bool {
        guard let request = try? record.requested(), now >= request.notBefore ?? 0,
            now >= state.withLock({ $0.retryAt[record.run] }) ?? 0
        else { return false }
        return request.hours?.contains(DailyHours.minuteNow) ?? true
    }

    /// Begins a run or takes it up. What no storage is to blame for ends the run; with `throwing` it ends the start, for
    /// what was at work before must not be given up in silence.
    private func begin(_ record: RunRecord, throwing: Bool) throws {
        do {
            let request = try record.requested()
            let setup = try ServerSetup(configuration.configuration(of: record.run, request))
            guard setup.taskDigest == record.taskSHA256 else {
                throw Failure(
                    .invalidInput,
                    "the task is not what was submitted and approved: the operator's data or checkpoints have changed"
                )
            }
            if setup.plan.masksReports { try MemberTrust.require(setup.configuration.tls) }
            try change(record.run) {
                $0.phase = .active; $0.began = $0.began ?? Date().timeIntervalSince1970
            }
            let events = EventHub()
            let own = RunService.Surroundings(
                agents: surroundings.agents, condition: surroundings.condition,
                metrics: surroundings.metrics.of(run: record.run), memory: surroundings.memory,
                notices: surroundings.notices,
                registry: surroundings.registry, submitter: record.submittedBy,
                log: surroundings.log.overheard { events.recent.note($0) })
            surroundings.agents.shares.join(record.run, priority: request.priority)
            runs.add(try RunService(setup, events: events, own))
            log.info("run begun", ["run": .text(record.run), "task": .text(record.name)])
            if record.isCancelled { order(.stop(actor: record.reason ?? "queue"), record.run) }
        } catch {
            let failure = Failure(wrapping: error)
            if throwing || failure.exitCode == .storage { throw failure }
            try change(record.run) { record in
                (record.phase, record.reason) = (.failed, failure.message)
                record.ended = Date().timeIntervalSince1970
            }
            log.error("run failed", ["run": .text(record.run), "why": .text(failure.message)])
        }
        publishList()
    }

    /// Puts a run away whose host has ended.
    private func reap(_ service: RunService) {
        guard let end = service.end else { return }
        let finished = (try? service.state.run())?.finished
        do {
            try change(service.run) { record in
                record.ended = Date().timeIntervalSince1970
                switch end {
                case .finished: record.phase = record.isCancelled ? .cancelled : .finished
                case .nothingPublished: record.phase = record.isCancelled ? .cancelled : .failed
                case .unfinished: break
                }
                record.reason = record.reason ?? finished
            }
        } catch {
            // It stays among those at work, and is put away with the next look.
            log.error(
                "the end of a run cannot be written; it is tried again",
                ["run": .text(service.run), "error": .text("\(error)")])
            usleep(1_000_000)
            return
        }
        runs.remove(service.run)
        surroundings.agents.shares.leave(service.run)
        surroundings.agents.reservations.release(run: service.run, round: .max)
        _ = service.stop()
        service.close()
        surroundings.metrics.forget(run: service.run)
        publishList()
        log.info("run ended", ["run": .text(service.run), "reason": .text(finished ?? "")])
    }

    /// Pauses runs outside of their hours, and lets them go on within. One that somebody has paused stays so.
    private func keepHours() {
        let minute = DailyHours.minuteNow
        for service in runs.services {
            guard let record = record(service.run), let hours = (try? record.requested())?.hours,
                hours.contains(minute) == record.isResting,
                record.isResting || (try? service.state.run())?.isPaused == false
            else { continue }
            guard (try? change(service.run) { $0.isResting.toggle() }) != nil else { continue }
            order(record.isResting ? .resume(actor: "hours") : .pause(actor: "hours"), service.run)
        }
    }

    /// Gives a run an order that nobody waits for.
    private func order(_ order: AdminOrder, _ run: String) {
        runs.service(run)?.mailbox.post(.order(order))
    }

    // MARK: What agents are told

    /// Shows agents what is at work and what waits.
    func publishList() {
        let open = records.filter(\.isOpen).prefix(TaskList.mostTasks)
        runs.show(
            TaskList(
                key: key.publicKey,
                tasks: open.map { $0.entry(state: $0.phase == .queued ? "queued" : "active") }))
    }

    /// An agent is shut out of all runs, those to come included, and the runs are told.
    private func shutOut(_ name: String, by actor: String) {
        guard runs.shutOut([name]) else { return }
        for service in runs.services { service.mailbox.post(.shutOut(name: name, actor: actor)) }
        do {
            try ShutOutAgents(configuration.settings.stateDirectory).add(name)
        } catch {
            log.error(
                "an agent that is shut out cannot be written down",
                ["agent": .text(name), "error": .text("\(error)")])
        }
    }
}

/// `shut-out.jsonl` of a service: names of agents that are shut out of all its runs, for good.
struct ShutOutAgents {
    private let path: String

    init(_ folder: String) { path = "\(folder)/shut-out.jsonl" }

    /// The names. Throws a storage `Failure` where the file is damaged.
    func names() throws -> Set<String> {
        let bytes = try StoredFile.bytes(at: path, limit: 64 << 20, followsLinks: false) ?? []
        // A line torn by a crash was never acted on.
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
        return try Set(
            lines.map { line in
                guard let name = try? JSONDecoder().decode(String.self, from: Data(line)) else {
                    throw StateDirectory.damaged(path)
                }
                return name
            })
    }

    /// Adds a name, durably. Throws a storage `Failure`.
    func add(_ name: String) throws {
        let known = try names()
        guard !known.contains(name) else { return }
        let lines = try (known.sorted() + [name]).map {
            Array(try JSONEncoder().encode($0)) + [0x0A]
        }
        try AtomicFile.write(Array(lines.joined()), to: path, mode: 0o600)
    }
}
