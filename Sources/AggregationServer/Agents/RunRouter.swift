internal import Encoding
internal import Federation
internal import HTTPWire
internal import Messages
internal import Privacy
internal import SecureAggregation
internal import Transport

/// Answers what agents ask of one run, on event loops: decides from the board what needs no owner, and hands the rest on.
/// Nothing here waits.
final class RunRouter: Sendable {
    let mailbox: OwnerMailbox
    let board: RoundBoard
    let reader: MaskedReportReader
    let setup: ServerSetup
    var plan: TaskPlan { setup.plan }
    private let spool: Spool
    private let keeper: UpdateKeeper
    private let memory: UpdateMemory
    let parts: PartialReports

    /// A router of the run whose owner reads `mailbox`.
    init(
        mailbox: OwnerMailbox, board: RoundBoard, spool: Spool, keeper: UpdateKeeper, memory: UpdateMemory,
        parts: PartialReports,
        reader: MaskedReportReader, setup: ServerSetup
    ) {
        self.mailbox = mailbox
        self.board = board
        self.spool = spool
        self.keeper = keeper
        self.memory = memory
        self.parts = parts
        self.reader = reader
        self.setup = setup
    }

    /// Decides about a request of `agent`, whose path below the run's own is `route`.
    func handle(
        _ route: [String], _ agent: AgentIdentity, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        switch (route.count, route.first, route.dropFirst().first.flatMap { Int($0) }) {
        case (1, "task", _): return request.only(.get) { task() }
        case (2, "models", nil) where route[1] == "frozen": return request.only(.get) { frozen(request) }
        case (2, "models", let round?): return request.only(.get) { model(round, request) }
        case (3, "models", let round?) where route[2] == "state":
            return request.only(.get) { modelState(round, request) }
        case (3, "models", let round?) where route[2] == "packed":
            return request.only(.get) { packedModel(round, request) }
        case (3, "rounds", let round?) where route[2] == "update" && request.head.method == .get:
            return parts.question(subject(agent, round), request, responder)
        case (3, "rounds", let round?) where route[2] == "update":
            return request.only(.put) { update(agent, round, request, responder) }
        case (4, "rounds", let round?) where route[2] == "secagg":
            return masking(agent, round, route[3], request, responder)
        case (3, "rounds", let round?) where route[2] == "failure":
            return request.only(.post) { failure(agent, round, responder) }
        default: return .respond(.refusal(404, "not_found", "no such path"))
        }
    }

    private func failure(_ agent: AgentIdentity, _ round: Int, _ responder: Responder) -> RequestDecision {
        .message(FailureReport.self) { [mailbox] in
            mailbox.post(.failure(agent, RoundKey(run: $0.run, round: round), $0, responder))
        }
    }

    private func model(_ round: Int, _ request: HTTPRequest) -> RequestDecision {
        guard let model = board.read({ $0.models[round] }) else {
            return .respond(.refusal(404, "no_such_model", "this model is not offered to agents"))
        }
        return .respond(
            .representation(
                model.buffer, tag: model.digest, contentType: "application/octet-stream",
                request: request.head.headers))
    }

    /// A model that is offered, in few bits a parameter.
    private func packedModel(_ round: Int, _ request: HTTPRequest) -> RequestDecision {
        guard let packed = board.read({ $0.models[round]?.packed }) else {
            return .respond(.refusal(404, "no_such_model", "this model is offered whole, or not at all"))
        }
        return .respond(
            .representation(
                packed.buffer, tag: packed.digest, contentType: "application/octet-stream",
                request: request.head.headers))
    }

    /// What the strategy remembers with a model that is offered, where agents are given that.
    private func modelState(_ round: Int, _ request: HTTPRequest) -> RequestDecision {
        guard let state = board.read({ $0.models[round]?.state }) else {
            return .respond(
                .refusal(404, "no_such_model", "nothing beside this model is offered to agents"))
        }
        return .respond(
            .representation(
                state.buffer, tag: state.digest, contentType: "application/octet-stream",
                request: request.head.headers))
    }

    /// Turns an update away before its body comes where it cannot count; else spools it.
    private func update(
        _ agent: AgentIdentity, _ round: Int, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        guard !plan.masksReports else {
            return request.turnAway(
                .refusal(422, "wrong_step", "this task takes masked reports only, by secagg/masked"))
        }
        let subject = subject(agent, round)
        if PartRequest.isOne(request) {
            return parts.receive(subject, isMasked: false, request, responder)
        }
        let (form, admission) = (subject.form, subject.admission)
        let path: String?
        switch admission {
        case .report: path = spool.incomingPath()
        case .repetition: path = nil
        case .turnedAway:
            return request.turnAway(
                .refusal(409, "round_closed", "round \(round) takes no report of this agent"))
        }
        let length = if case .fixed(let count) = request.head.bodyLength { count } else { form.bytes }
        let sink = UpdateSink(
            form, length: min(length, form.bytes), path: path, memory: memory,
            storageFailed: { [mailbox] in mailbox.post(.storageFailed(code: $0)) }
        ) { [keeper] update in
            keeper.take(UpdateKeeper.Job(form: form, update: update, agent: agent, responder: responder))
        }
        return .receive(limit: form.bytes, reserving: 64 << 10, sink: sink)
    }
}
