internal import Custody
internal import Dispatch
internal import Federation
internal import Foundation
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
        /// Why runs that were at work are not, by their identities, and when that is tried again, seconds since 1970.
        var held: [String: (why: String, until: Double)] = [:]
        var isStopping = false
    }

    /// Seconds between two looks at the runs.
    private static let interval = 0.2
    private static let retrySeconds = 30.0

    let configuration: ServiceConfiguration
    private let runs: RunSet
    private let surroundings: RunService.Surroundings
    private let key: LedgerKey
    private let shutOut: ShutOutAgents
    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)
    private let threads = Mutex<WorkerThread?>(nil)
    private let admissions: WorkQueue<@Sendable () -> Void>
    private var log: Logger { surroundings.log }

    /// Takes up the runs that were at work; one that cannot be is held, and keeps no other down. Throws a storage `Failure`
    /// where what the service has on disk of its runs is damaged.
    init(
        _ configuration: ServiceConfiguration, runs: RunSet, _ surroundings: RunService.Surroundings
    ) throws {
        self.configuration = configuration
        self.runs = runs
        self.surroundings = surroundings
        let home = configuration.settings.stateDirectory
        let folder = try OutputDirectory("\(home)/runs", mode: 0o700).path
        let records = try RunRecord.all(in: folder)
        key = try Self.key(home, hasRuns: !records.isEmpty)
        shutOut = try ShutOutAgents(home)
        admissions = try WorkQueue(name: "admission", threads: 1, capacity: 16) { $0() }
        state.withLock { $0.records = records }
        runs.agents.shutsOut.withLock { body in
            body = { [weak self] name, actor in try self?.shutOut(name, by: actor) }
        }
        runs.offers.withLock { body in
            body = { run in
                try? StoredFile.bytes(
                    at: "\(configuration.folder(of: run))/\(RunRecord.offerName)", limit: TaskOffer.byteLimit,
                    followsLinks: false)
            }
        }
        runs.shutOut(shutOut.all)
        // What was at work goes on at once: agents come before the first look at the queue.
        for record in records.values.sorted(by: RunRecord.goesBefore) where record.phase == .active {
            begin(record)
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
        runs.expireWaiting(all: true)
    }

    /// Ends the judging of submissions.
    func close() { admissions.close() }

    // MARK: Records

    /// All runs, those that go first at the head.
    var records: [RunRecord] { state.withLock { Array($0.records.values) }.sorted(by: RunRecord.goesBefore) }

    private var open: [RunRecord] {
        state.withLock { $0.records.values.filter(\.isOpen) }.sorted(by: RunRecord.goesBefore)
    }

    /// The record of a run; nil where there is none.
    func record(_ run: String) -> RunRecord? { state.withLock { $0.records[run] } }

    /// Why a run that was at work is not; nil where it is, or never was.
    func obstacle(_ run: String) -> String? { state.withLock { $0.held[run]?.why } }

    /// What was asked for. Throws a storage `Failure` where that is damaged.
    func request(of record: RunRecord) throws -> RunRequest {
        try record.request(in: configuration.folder(of: record.run))
    }

    /// Changes a record, durably: where that throws, nothing has changed. Nil where there is none, or `body` says no.
    @discardableResult
    func change(_ run: String, _ body: (inout RunRecord) -> Bool) throws -> RunRecord? {
        try state.withLock { state in
            guard var record = state.records[run], body(&record) else { return nil }
            try record.write(to: configuration.folder(of: run))
            state.records[run] = record
            return record
        }
    }

    /// Asks for the end of a run: one that waits or is held ends at once, one at work after its open round. Nil where it is over
    /// already. Throws a storage `Failure`.
    func cancel(_ run: String, by name: String) throws -> RunRecord? {
        let isAtWork = runs.service(run) != nil
        let changed = try state.withLock { state -> RunRecord? in
            guard var record = state.records[run], record.isOpen else { return nil }
            record.isCancelled = true
            record.reason = "cancelled by \(name)"
            if record.phase == .queued || state.held[run] != nil && !isAtWork {
                record.phase = .cancelled
                record.ended = Date().timeIntervalSince1970
                state.held[run] = nil
            }
            try record.write(to: configuration.folder(of: run))
            state.records[run] = record
            return record
        }
        // One that was begun meanwhile ends too.
        runs.service(run)?.mailbox.post(.order(.stop(actor: name)))
        publishList()
        return changed
    }

    /// Takes a new run in, durably, unless as many wait as may. Throws a `Failure`.
    func add(_ record: RunRecord) throws {
        try state.withLock { state in
            let waiting = state.records.values.filter { $0.phase == .queued }
            let (most, mine) = (configuration.rules.queue, configuration.rules.queuePerPerson)
            guard waiting.count < most else {
                throw Failure(.refused, "\(most) runs wait already (server.runs.queue)")
            }
            guard waiting.count(where: { $0.submittedBy == record.submittedBy }) < mine else {
                throw Failure(
                    .refused,
                    "\(mine) runs of \(record.submittedBy) wait already (server.runs.queue_per_person)")
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
        for service in runs.services where service.board.read({ $0.isOver }) { _ = conclude(service) }
        for service in runs.services where service.end != nil { reap(service) }
        runs.expireWaiting()
        keepHours()
        let now = Date().timeIntervalSince1970
        let held = state.withLock { $0.held }
        let open = open
        for record in open where record.phase == .active && held[record.run].map({ $0.until <= now }) ?? false
        {
            begin(record)
        }
        // Those that are over stay a while for agents that have not heard of it, and keep no other from its turn.
        let active = working
        guard active < configuration.rules.atOnce else { return }
        let waiting = open.filter { record in
            record.phase == .queued && now >= record.wishes.notBefore ?? 0
                && now >= held[record.run]?.until ?? 0
                && record.wishes.span?.contains(DailyHours.minuteNow) ?? true
        }
        for record in waiting.prefix(configuration.rules.atOnce - active) { begin(record) }
    }

    /// Runs that are at work, and neither over nor resting.
    private var working: Int {
        runs.services.count { service in
            !service.board.read { $0.isOver } && record(service.run)?.isResting != true
        }
    }

    /// Begins a run, or takes it up. One that waited and may not run ends; one that was at work is held, and tried again.
    private func begin(_ record: RunRecord) {
        do {
            let setup = try setup(of: record)
            guard
                let begun = try change(
                    record.run,
                    { record in
                        guard record.isOpen, record.phase == .active || !record.isCancelled else {
                            return false
                        }
                        (record.phase, record.began) = (.active, record.began ?? Date().timeIntervalSince1970)
                        return true
                    })
            else { return }
            let events = EventHub()
            var own = surroundings
            own.metrics = surroundings.metrics.of(run: record.run)
            own.submitter = record.submittedBy
            own.log = surroundings.log.overheard { events.recent.note($0) }
            surroundings.agents.shares.join(record.run, priority: record.wishes.priority)
            let service = try RunService(setup, events: events, own)
            runs.add(service)
            state.withLock { $0.held[record.run] = nil }
            log.info("run begun", ["run": .text(record.run), "task": .text(record.name)])
            if begun.isCancelled || self.record(record.run)?.isCancelled == true {
                service.mailbox.post(.order(.stop(actor: "queue")))
            }
        } catch {
            surroundings.agents.shares.leave(record.run)
            hold(record, Failure(wrapping: error))
        }
        publishList()
    }

    /// The setup of a run whose task is still what was submitted and approved, and may still run.
    private func setup(of record: RunRecord) throws -> ServerSetup {
        let request = try request(of: record)
        let setup = try ServerSetup(configuration.configuration(of: record.run, request))
        guard setup.taskDigest == record.taskSHA256 else {
            throw Failure(
                .invalidInput,
                "the task is not what was submitted and approved: the operator's data have changed")
        }
        if setup.plan.masksReports { try MemberTrust.require(setup.configuration.tls) }
        guard record.phase == .queued else { return setup }
        try RosterBudget(setup)?.check(record.run)
        if let violation = configuration.rules.violations(setup.plan).first {
            throw Failure(.refused, violation)
        }
        try RunContinuation(self).check(request, setup.plan, of: record.run)
        return setup
    }

    /// Takes down that a run cannot be at work. What storage is to blame for, and what has begun, is tried again.
    private func hold(_ record: RunRecord, _ failure: Failure) {
        let current = self.record(record.run) ?? record
        let hasBegun = (try? StateDirectory(reading: configuration.folder(of: record.run))) != nil
        if current.phase == .queued || !hasBegun, failure.exitCode != .storage {
            let changed = try? change(record.run) { record in
                guard record.isOpen else { return false }
                (record.phase, record.reason) = (.failed, failure.message)
                record.ended = Date().timeIntervalSince1970
                return true
            }
            if changed != nil {
                log.error("run failed", ["run": .text(record.run), "why": .text(failure.message)])
                return
            }
        }
        let isNews = state.withLock { state in
            let before = state.held.updateValue(
                (failure.message, Date().timeIntervalSince1970 + Self.retrySeconds), forKey: record.run)
            return before?.why != failure.message
        }
        if isNews {
            log.error(
                "a run is held; it is tried again", ["run": .text(record.run), "why": .text(failure.message)])
        }
    }

    /// Takes down that a run is over; it stays among those at work for a while, for agents that have not heard of it.
    /// - Returns: false where that cannot be written now.
    private func conclude(_ service: RunService) -> Bool {
        guard record(service.run)?.phase == .active else { return true }
        do {
            guard let stood = try service.state.run(), let finished = stood.finished else { return true }
            // Whoever was shut out of this run stays out of those to come.
            try shutOut.add(service.board.read { $0.revoked })
            runs.shutOut(shutOut.all)
            try change(service.run) { record in
                record.ended = Date().timeIntervalSince1970
                record.phase = record.isCancelled ? .cancelled : stood.published > 0 ? .finished : .failed
                record.reason = record.reason ?? finished
                return true
            }
            log.info("run ended", ["run": .text(service.run), "reason": .text(finished)])
            publishList()
            return true
        } catch {
            log.error(
                "the end of a run cannot be written; it is tried again",
                ["run": .text(service.run), "error": .text("\(error)")])
            usleep(1_000_000)
            return false
        }
    }

    /// Puts a run away whose host has ended.
    private func reap(_ service: RunService) {
        guard let end = service.end, end != .unfinished, conclude(service) else { return }
        runs.remove(service.run)
        surroundings.agents.shares.leave(service.run)
        surroundings.agents.reservations.release(run: service.run, round: .max)
        _ = service.stop()
        service.close()
        surroundings.metrics.forget(run: service.run)
    }

    /// Pauses runs outside of their hours, and lets them go on within. One that somebody has paused stays so. That a run
    /// rests is durable before it is paused, and until it goes on: a process that ends in between takes it up from there.
    private func keepHours() {
        let minute = DailyHours.minuteNow
        for service in runs.services {
            guard let record = record(service.run), let hours = record.wishes.span,
                let stood = try? service.state.run()
            else { continue }
            let (isPaused, isStopping) = (stood.isPaused, stood.isStopping)
            let isOut = !hours.contains(minute)
            if isStopping { continue }
            switch (record.isResting, isOut, isPaused) {
            case (false, true, false):
                _ = try? change(service.run) {
                    $0.isResting = true; return true
                }
            case (true, true, false): service.mailbox.post(.order(.pause(actor: "hours")))
            case (true, false, true) where working < configuration.rules.atOnce:
                service.mailbox.post(.order(.resume(actor: "hours")))
            case (true, false, false):
                _ = try? change(service.run) {
                    $0.isResting = false; return true
                }
            default: break
            }
        }
    }

    // MARK: What agents are told

    /// Shows agents what is at work and what waits.
    func publishList() {
        let open = open.prefix(TaskList.mostTasks)
        runs.show(
            TaskList(
                key: key.publicKey,
                tasks: open.map { $0.entry(state: $0.phase == .queued ? "queued" : "active") }))
    }

    /// An agent is shut out of all runs, those to come included, durably, and the runs are told. Throws a storage `Failure`;
    /// it is shut out all the same while this process lives.
    private func shutOut(_ name: String, by actor: String) throws {
        if runs.shutOut([name]) {
            for service in runs.services { service.mailbox.post(.shutOut(name: name, actor: actor)) }
        }
        try shutOut.add([name])
    }
}
