internal import Configuration
internal import Cryptography
internal import Federation
internal import Foundation
internal import HTTPWire
internal import Messages
internal import Notation
internal import Operations
internal import Transport

/// What people ask of the runs of a service: submissions, lists, and orders to runs that are not at work.
struct RunAdmission: Sendable {
    private let queue: RunQueue

    init(_ queue: RunQueue) { self.queue = queue }

    // MARK: Submitting

    /// Longest submission, in bytes: the schema of a table is in it.
    static let byteLimit = 4 << 20

    /// Takes a submission: the `task` and `run` sections as JSON, under an identity that the sender chose, so that the same
    /// submission again is no second run. Answers 201 with the run, 200 where it was taken before, 409 for another one
    /// under that identity, 422 where it cannot be read, 403 where it may not run here.
    func submit(_ body: [UInt8], run: String, by caller: Administrator, _ responder: Responder) {
        let isTaken = queue.admit { responder.respond(answer(body, run: run, by: caller)) }
        if !isTaken {
            responder.respond(.refusal(503, "busy", "too many submissions wait", retryAfter: 5))
        }
    }

    private func answer(_ body: [UInt8], run: String, by caller: Administrator) -> HTTPResponse {
        do {
            let request = try RunRequest(JSONValue(json5: body, source: "the submission"))
            let text = Array(request.document.text().utf8)
            let digest = try SHA256.text(of: text)
            if let known = queue.record(run) {
                guard known.requestSHA256 == digest, known.submittedBy == caller.name else {
                    return .refusal(409, "other_run", "another submission has this identity")
                }
                return .json(200, try AdminJSON.bytes(of: view(known)))
            }
            try requireVisible(request, caller)
            let folder = queue.configuration.folder(of: run)
            do {
                let record = try judged(request, text, digest, run: run, by: caller)
                try queue.add(record)
                return .json(201, try AdminJSON.bytes(of: view(record)))
            } catch {
                // Nothing of it was accepted: neither are its files.
                try? FileManager.default.removeItem(atPath: folder)
                throw error
            }
        } catch {
            let failure = Failure(wrapping: error)
            switch failure.exitCode {
            case .refused: return .refusal(403, "not_run_here", failure.message)
            case .storage: return .refusal(503, "storage", failure.message, retryAfter: 15)
            default: return .refusal(422, "invalid", failure.message)
            }
        }
    }

    /// The record of a submission that may run here, whose files are in its folder. Throws what speaks against it.
    private func judged(
        _ request: RunRequest, _ text: [UInt8], _ digest: String, run: String, by caller: Administrator
    ) throws -> RunRecord {
        let (configuration, rules) = (queue.configuration, queue.configuration.rules)
        try configuration.keepStart(of: run, request)
        let setup = try ServerSetup(configuration.configuration(of: run, request)) { try rules.require($0) }
        let violations = rules.violations(setup.plan)
        guard violations.isEmpty else { throw Failure(.refused, violations.joined(separator: "; ")) }
        try RosterBudget(setup)?.check()
        try RunContinuation(queue).check(request, setup.plan, of: run)
        let folder = configuration.folder(of: run)
        try AtomicFile.write(
            setup.offer(of: run).encoded(),
            to: OutputDirectory(folder, mode: 0o700).file(RunRecord.offerName),
            mode: 0o600)
        try RunRecord.write(request: text, to: folder)
        var record = RunRecord(
            run: run, name: request.name, submittedBy: caller.name,
            submitted: Date().timeIntervalSince1970.rounded(.down), taskSHA256: setup.taskDigest,
            requestSHA256: digest, wishes: RunRecord.Wishes(request), signature: "")
        record.signature = try queue.signature(of: record)
        return record
    }

    /// Throws ``ConfigurationError`` where a submission names a run that its sender may not see.
    private func requireVisible(_ request: RunRequest, _ caller: Administrator) throws {
        var named = [request.continued.map { ("run.continues", $0) }].compactMap(\.self)
        if case .run(let run, _)? = request.start { named.append(("run.from.run", run)) }
        for (path, run) in named {
            guard let record = queue.record(run), caller.maySee(runSubmittedBy: record.submittedBy) else {
                throw ConfigurationError(path: path, problem: "names no run here: \(run)")
            }
        }
    }

    /// Goes on with a run that is over for `rounds` more, as another run under `run`: the same task from its newest model,
    /// within what is left of its budget. Answers as ``submit(_:run:by:_:)``.
    func extend(
        _ record: RunRecord, rounds: Int, run: String, by caller: Administrator, _ responder: Responder
    ) {
        let isTaken = queue.admit {
            do {
                let document = try RunContinuation(queue).document(of: record, rounds: rounds)
                responder.respond(answer(Array(document.text().utf8), run: run, by: caller))
            } catch {
                responder.respond(.refusal(422, "invalid", Failure(wrapping: error).message))
            }
        }
        if !isTaken {
            responder.respond(.refusal(503, "busy", "too many submissions wait", retryAfter: 5))
        }
    }

    // MARK: Lists

    /// Runs that `isShown` lets be seen; those that were archived only on demand.
    func list(all: Bool, _ isShown: (RunRecord) -> Bool) throws -> [RunView] {
        queue.records.filter { (all || !$0.isArchived) && isShown($0) }.map(view)
    }

    /// A run as people see it, with how far it has come.
    func view(_ record: RunRecord) -> RunView {
        let state = try? StateDirectory(reading: queue.configuration.folder(of: record.run))
        let run = try? state?.run()
        let last = run.flatMap { run in
            run.modelRound > 0 ? try? state?.archive.storedRound(run.modelRound) : nil
        }
        return RunView(record, run, last, obstacle: queue.obstacle(record.run))
    }

    // MARK: Orders

    /// Takes a run that is over out of the lists, or puts it back. Nil where it is not over.
    func archive(_ record: RunRecord, _ isArchived: Bool) throws -> RunRecord? {
        guard !record.isOpen else { return nil }
        return try queue.change(record.run) {
            $0.isArchived = isArchived; return true
        }
    }
}

/// One of `GET /api/runs`.
struct RunView: Encodable, Sendable {
    var run: String
    var name: String
    /// `queued`, `active`, `held` (it was at work and cannot be), `finished`, `failed` or `cancelled`.
    var state: String
    var reason: String?
    var submittedBy: String
    var submitted: Double
    var began: Double?
    var ended: Double?
    var priority: Int
    var hours: String?
    var notBefore: Double?
    var archived: Bool
    var taskSHA256: String
    var rounds: Int?
    var roundsPublished: Int
    var lastRound: Int
    var modelRound: Int
    var modelSHA256: String?
    var accuracy: Double?
    var loss: Double?
    var epsilon: Double?
    var epsilonServer: Double?

    /// A run with where it stands and its last published round, as far as there are any, and why it is held.
    init(_ record: RunRecord, _ state: RunState?, _ last: RoundFile?, obstacle: String? = nil) {
        run = record.run
        name = record.name
        self.state = obstacle != nil && record.phase == .active ? "held" : record.phase.rawValue
        reason = obstacle ?? record.reason
        submittedBy = record.submittedBy
        submitted = record.submitted
        began = record.began
        ended = record.ended
        priority = record.wishes.priority
        hours = record.wishes.span?.description
        notBefore = record.wishes.notBefore
        archived = record.isArchived
        taskSHA256 = record.taskSHA256
        rounds = record.wishes.rounds
        roundsPublished = state?.published ?? 0
        lastRound = state?.round ?? 0
        modelRound = state?.modelRound ?? 0
        modelSHA256 = state?.modelSHA256
        accuracy = last?.accuracy
        loss = last?.loss
        epsilon = last?.epsilon
        epsilonServer = last?.epsilonServer
    }
}
