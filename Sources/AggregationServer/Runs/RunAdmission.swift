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
    func submit(_ body: [UInt8], run: String, by name: String, _ responder: Responder) {
        let isTaken = queue.admit { responder.respond(answer(body, run: run, by: name)) }
        if !isTaken {
            responder.respond(.refusal(503, "busy", "too many submissions wait", retryAfter: 5))
        }
    }

    private func answer(_ body: [UInt8], run: String, by name: String) -> HTTPResponse {
        do {
            let request = try RunRequest(JSONValue(json5: body, source: "the submission"))
            let text = request.document.text()
            if let known = queue.record(run) {
                guard known.request == text, known.submittedBy == name else {
                    return .refusal(409, "other_run", "another submission has this identity")
                }
                return .json(200, try AdminJSON.bytes(of: view(known)))
            }
            let setup = try ServerSetup(queue.configuration.configuration(of: run, request))
            let violations = queue.configuration.rules.violations(setup.plan)
            guard violations.isEmpty else {
                return .refusal(403, "not_run_here", violations.joined(separator: "; "))
            }
            try RosterBudget(setup)?.check()
            try RunContinuation(queue).check(request, setup.plan)
            var record = RunRecord(
                run: run, name: request.name, submittedBy: name,
                submitted: Date().timeIntervalSince1970.rounded(.down), taskSHA256: setup.taskDigest,
                request: text, signature: "")
            record.signature = try queue.signature(of: record)
            try queue.add(record)
            return .json(201, try AdminJSON.bytes(of: view(record)))
        } catch {
            let failure = Failure(wrapping: error)
            switch failure.exitCode {
            case .refused: return .refusal(403, "refused", failure.message)
            case .storage: return .refusal(503, "storage", failure.message, retryAfter: 15)
            default: return .refusal(422, "invalid", failure.message)
            }
        }
    }

    /// Goes on with a run that is over for `rounds` more, as another run under `run`: the same task from its newest model,
    /// within what is left of its budget. Answers as ``submit(_:run:by:_:)``.
    func extend(
        _ record: RunRecord, rounds: Int, run: String, by name: String, _ responder: Responder
    ) {
        let isTaken = queue.admit {
            do {
                let document = try RunContinuation(queue).document(of: record, rounds: rounds)
                responder.respond(answer(Array(document.text().utf8), run: run, by: name))
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
        return RunView(record, run, last)
    }

    // MARK: Orders

    /// Ends a run before its end: one that waits at once, one at work after its open round. Nil where it is over already.
    func cancel(_ record: RunRecord, by name: String) throws -> (RunRecord, stopsService: Bool)? {
        guard record.isOpen else { return nil }
        let changed = try queue.change(record.run) { record in
            record.isCancelled = true
            record.reason = "cancelled by \(name)"
            if record.phase == .queued {
                record.phase = .cancelled
                record.ended = Date().timeIntervalSince1970
            }
        }
        queue.publishList()
        return changed.map { ($0, $0.phase == .active) }
    }

    /// Takes a run that is over out of the lists, or puts it back. Nil where it is not over.
    func archive(_ record: RunRecord, _ isArchived: Bool) throws -> RunRecord? {
        guard !record.isOpen else { return nil }
        return try queue.change(record.run) { $0.isArchived = isArchived }
    }
}

/// One of `GET /api/runs`.
struct RunView: Encodable, Sendable {
    var run: String
    var name: String
    /// `queued`, `active`, `finished`, `failed` or `cancelled`.
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

    /// A run with where it stands and its last published round, as far as there are any.
    init(_ record: RunRecord, _ state: RunState?, _ last: RoundFile?) {
        let request = try? record.requested()
        run = record.run
        name = record.name
        self.state = record.phase.rawValue
        reason = record.reason
        submittedBy = record.submittedBy
        submitted = record.submitted
        began = record.began
        ended = record.ended
        priority = request?.priority ?? 0
        hours = request?.hours?.description
        notBefore = request?.notBefore
        archived = record.isArchived
        taskSHA256 = record.taskSHA256
        if case .integer(let planned)? = request?.task["rounds"] { rounds = planned }
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
