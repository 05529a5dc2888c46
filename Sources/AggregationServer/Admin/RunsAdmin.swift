internal import Foundation
internal import HTTPWire
internal import Ledger
internal import Operations
internal import Transport

/// `/api/runs`: the runs of a service, those that wait and those that have ended included. What somebody may not see is not
/// there.
struct RunsAdmin {
    private let runs: RunSet
    private let queue: RunQueue?

    /// `queue` is nil on a server of one task, whose run is found under its identity all the same.
    init(_ runs: RunSet, _ queue: RunQueue?) { (self.runs, self.queue) = (runs, queue) }

    /// What is said where no run is.
    static var noRun: HTTPResponse { .refusal(404, "no_run", "no run is at work; see /api/runs") }

    private static var unknown: HTTPResponse { .refusal(404, "no_such_run", "no run of this identity") }
    private static var notYours: HTTPResponse { .refusal(403, "role", "this run is not yours to change") }
    private static var nowhere: HTTPResponse { .refusal(404, "not_found", "no such path") }

    // MARK: Questions

    /// Answers a question of `caller`; `route` is what follows `/api/runs`.
    func show(
        _ route: [String], _ caller: Administrator, _ request: HTTPRequest, _ responder: Responder,
        while mayListen: @escaping @Sendable (String?) -> Bool
    ) -> RequestDecision {
        guard let run = route.first else { return .respond(list(caller, request)) }
        let record = queue?.record(run)
        if record != nil || queue == nil, !caller.maySee(runSubmittedBy: record?.submittedBy) {
            return .respond(Self.unknown)
        }
        let rest = Array(route.dropFirst())
        guard !rest.isEmpty else { return .respond(one(run)) }
        if let service = runs.service(run) {
            return RunAdmin(service).show(rest, request, responder) { mayListen(record?.submittedBy) }
        }
        guard let queue, queue.record(run) != nil else { return .respond(Self.unknown) }
        return .respond(ended(run, rest, queue, request))
    }

    private func list(_ caller: Administrator, _ request: HTTPRequest) -> HTTPResponse {
        guard let queue else {
            return .refusal(
                404, "not_found", "this server runs the one task of its configuration: see /api/status")
        }
        let all = request.head.target.parameter("all") == "1"
        return answer {
            try RunAdmission(queue).list(all: all) { caller.maySee(runSubmittedBy: $0.submittedBy) }
        }
    }

    private func one(_ run: String) -> HTTPResponse {
        guard let queue, let record = queue.record(run) else { return Self.unknown }
        return answer { RunAdmission(queue).view(record) }
    }

    /// What a run has left that is not at work: its rounds, models and ledger, from disk.
    private func ended(
        _ run: String, _ route: [String], _ queue: RunQueue, _ request: HTTPRequest
    ) -> HTTPResponse {
        guard let state = try? StateDirectory(reading: queue.configuration.folder(of: run)),
            let stood = try? state.run()
        else { return .refusal(404, "not_begun", "the run has not begun") }
        switch (route.first, route.count) {
        case ("status", 1): return one(run)
        case ("rounds", 1):
            guard let question = RoundQuestion(request.head.target) else { return RunAdmin.noRange }
            return answer { try question.answer(state.archive).map(RoundView.init) }
        case ("models", 1):
            return answer {
                try state.modelRounds().filter { $0 <= stood.modelRound }.map {
                    ModelView(
                        round: $0, path: "/api/runs/\(run)/models/\($0)", bytes: state.modelLength($0))
                }
            }
        case ("models", 2): return RunAdmin.model(route[1], shown: stood.modelRound, state, request)
        case ("ledger", 1):
            return answer {
                LedgerView(
                    lines: stood.ledger?.lines ?? 0, head: stood.ledger?.head ?? "",
                    roundsCharged: stood.charged)
            }
        default:
            return .refusal(
                404, "not_at_work", "the run is not at work: it has status, rounds, models and ledger")
        }
    }

    // MARK: Orders

    /// Carries out what `caller` orders, or refuses.
    func act(
        _ route: [String], _ caller: Administrator, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        guard let queue else {
            guard caller.mayChange(runSubmittedBy: nil) else { return .respond(Self.notYours) }
            guard let service = route.first.flatMap({ runs.service($0) }) else {
                return .respond(Self.unknown)
            }
            return RunAdmin(service).act(Array(route.dropFirst()), caller, responder)
        }
        guard let run = route.first else { return .respond(Self.nowhere) }
        if route.count == 1 { return submit(run, caller, queue, responder) }
        guard let record = queue.record(run), caller.maySee(runSubmittedBy: record.submittedBy) else {
            return .respond(Self.unknown)
        }
        guard caller.mayChange(runSubmittedBy: record.submittedBy) else {
            return .respond(Self.notYours)
        }
        switch route.dropFirst().first {
        case "cancel" where route.count == 2: return cancel(record, caller, queue, responder)
        case "extend" where route.count == 2: return extend(record, caller, request, queue, responder)
        case "archive" where route.count == 2: return .respond(archive(record, true, queue))
        case "unarchive" where route.count == 2: return .respond(archive(record, false, queue))
        case "agents" where !caller.may(.operate):
            // It takes the agent out of everybody's runs.
            return .respond(.refusal(403, "role", "an operator shuts agents out"))
        default:
            // A person's pause outlasts the run's hours.
            if route.last == "pause" {
                _ = try? queue.change(run) {
                    $0.isResting = false; return true
                }
            }
            guard let service = runs.service(run) else {
                return .respond(.refusal(409, "not_at_work", "the run is not at work"))
            }
            return RunAdmin(service).act(Array(route.dropFirst()), caller, responder)
        }
    }

    /// `POST /api/runs/{run}` with the run's file as JSON: the sender chooses the identity.
    private func submit(
        _ run: String, _ caller: Administrator, _ queue: RunQueue, _ responder: Responder
    ) -> RequestDecision {
        guard RunRecord.isIdentity(run) else {
            return .respond(.refusal(400, "identity", "a run's identity is 32 lower-case hexadecimal digits"))
        }
        let sink = CollectingSink { body in
            RunAdmission(queue).submit(body, run: run, by: caller, responder)
            return .later
        }
        return .receive(limit: RunAdmission.byteLimit, reserving: nil, sink: sink)
    }

    private func cancel(
        _ record: RunRecord, _ caller: Administrator, _ queue: RunQueue, _ responder: Responder
    ) -> RequestDecision {
        do {
            guard let changed = try queue.cancel(record.run, by: caller.name) else {
                return .respond(.refusal(409, "over", "the run is over already"))
            }
            return .respond(answer { RunAdmission(queue).view(changed) })
        } catch {
            return .respond(.refusal(503, "storage", Failure(wrapping: error).message, retryAfter: 15))
        }
    }

    /// `POST /api/runs/{run}/extend?rounds=N&run=ID`.
    private func extend(
        _ record: RunRecord, _ caller: Administrator, _ request: HTTPRequest, _ queue: RunQueue,
        _ responder: Responder
    ) -> RequestDecision {
        let target = request.head.target
        guard let rounds = target.parameter("rounds").flatMap({ Int($0) }),
            (1...Int(Int32.max)).contains(rounds),
            let run = target.parameter("run"), RunRecord.isIdentity(run)
        else {
            return .respond(
                .refusal(
                    400, "parameters", "rounds must be above 0, run an identity of 32 hexadecimal digits"))
        }
        let sink = CollectingSink { _ in
            RunAdmission(queue).extend(record, rounds: rounds, run: run, by: caller, responder)
            return .later
        }
        return .receive(limit: 1024, reserving: nil, sink: sink)
    }

    private func archive(_ record: RunRecord, _ isArchived: Bool, _ queue: RunQueue) -> HTTPResponse {
        let admission = RunAdmission(queue)
        do {
            guard let changed = try admission.archive(record, isArchived) else {
                return .refusal(409, "open", "the run is not over; cancel it first")
            }
            return answer { admission.view(changed) }
        } catch {
            return .refusal(503, "storage", Failure(wrapping: error).message, retryAfter: 15)
        }
    }

    private func answer(_ view: () throws -> some Encodable) -> HTTPResponse {
        do {
            return .json(200, try AdminJSON.bytes(of: view()))
        } catch {
            return .refusal(503, "storage", Failure(wrapping: error).message, retryAfter: 15)
        }
    }
}
