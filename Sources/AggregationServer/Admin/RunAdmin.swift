internal import Foundation
internal import HTTPWire
internal import Operations
internal import Transport

/// What administrators ask and order of one run at work; whoever asks may do so.
struct RunAdmin {
    private let service: RunService

    init(_ service: RunService) { self.service = service }

    /// Answers a question; `route` is what follows the run's own path.
    /// A stream of events is kept up for as long as `isWelcome` says so.
    func show(
        _ route: [String], _ request: HTTPRequest, _ responder: Responder,
        while isWelcome: @escaping @Sendable () -> Bool
    ) -> RequestDecision {
        switch (route.first, route.count) {
        case ("dashboard", 1): return ask(.dashboard, responder)
        case ("status", 1): return ask(.status, responder)
        case ("rounds", 1): return rounds(request, responder)
        case ("agents", 1): return ask(.agents, responder)
        case ("agents", 2): return ask(.agent(route[1]), responder)
        case ("ledger", 1): return ask(.ledger, responder)
        case ("models", 1): return ask(.models, responder)
        case ("models", 2):
            let shown = service.board.read { $0.shownRound }
            return .respond(Self.model(route[1], shown: shown, service.state, request))
        case ("events", 1): return listen(responder, isWelcome)
        default: return .respond(.refusal(404, "not_found", "no such path"))
        }
    }

    /// Carries out an order of `administrator`.
    func act(
        _ route: [String], _ administrator: Administrator, _ responder: Responder
    ) -> RequestDecision {
        let actor = administrator.name
        switch (route.first, route.count) {
        case ("pause", 1): return ask(.pause(actor: actor), responder)
        case ("resume", 1): return ask(.resume(actor: actor), responder)
        case ("stop", 1): return ask(.stop(actor: actor), responder)
        case ("agents", 3) where route[2] == "revoke": return ask(.revoke(route[1], actor: actor), responder)
        default: return .respond(.refusal(404, "not_found", "no such path"))
        }
    }

    /// Hands a question or an order to the run's own thread.
    func ask(_ order: AdminOrder, _ responder: Responder) -> RequestDecision {
        // Orders carry nothing: a body, if one comes, is dropped.
        let sink = CollectingSink { [service] _ in
            service.mailbox.post(.administration(order, responder))
            return .later
        }
        return .receive(limit: 1024, reserving: nil, sink: sink)
    }

    /// Rounds of long ago are read here: no question of an administrator's holds up the thread that owns the run.
    private func rounds(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        guard let question = RoundQuestion(request.head.target) else { return .respond(Self.noRange) }
        var older: [RoundFile] = []
        if question.namesNumbers, question.range.lowerBound < service.board.read({ $0.firstRemembered }) {
            do {
                older = try question.answer(service.state.archive)
            } catch {
                return .respond(.refusal(503, "storage", "\(Failure(wrapping: error).message)"))
            }
        }
        return ask(.rounds(question, older: older), responder)
    }

    /// The answer to a question for rounds that makes no sense.
    static var noRange: HTTPResponse {
        .refusal(400, "range", "from and to must be numbers of rounds, the first not above the last")
    }

    /// The file of a published model, up to that of round `shown`.
    static func model(
        _ name: String, shown: Int, _ state: StateDirectory, _ request: HTTPRequest
    ) -> HTTPResponse {
        guard let round = Int(name), round >= 0, round <= shown,
            let buffer = try? SharedBuffer(mappingFileAt: state.modelPath(round))
        else { return .refusal(404, "no_such_model", "this model is not kept") }
        var response = HTTPResponse.representation(
            buffer, tag: "model-\(round)", contentType: "application/octet-stream",
            request: request.head.headers)
        response.headers["Content-Disposition"] =
            "attachment; filename=\"\(StateDirectory.name(round)).safetensors\""
        return response
    }

    private func listen(_ responder: Responder, _ isWelcome: @escaping @Sendable () -> Bool)
        -> RequestDecision
    {
        let headers: HTTPHeaders = ["Content-Type": "text/event-stream", "Cache-Control": "no-store"]
        guard let stream = responder.stream(HTTPResponse(200, headers: headers)) else { return .later }
        if !service.events.add(stream, while: isWelcome) { stream.finish() }
        return .later
    }
}
