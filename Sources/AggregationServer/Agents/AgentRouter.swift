internal import Encoding
internal import Federation
internal import HTTPWire
internal import Messages
internal import Operations
internal import Privacy
internal import SecureAggregation
internal import Transport

/// Answers the agent listener, on its event loops: decides from the board what needs no owner, and hands the rest
/// on. Nothing here waits.
final class AgentRouter: HTTPHandler {
    let mailbox: OwnerMailbox
    let board: RoundBoard
    let reader: MaskedReportReader
    let setup: ServerSetup
    var plan: TaskPlan { setup.plan }
    private let spool: Spool
    private let keeper: UpdateKeeper
    private let memory: UpdateMemory
    private let relay: AuthorityRelay?
    private let revocations: RevocationShelf
    private let labels: LabelRoutes
    private let log: Logger

    init(
        mailbox: OwnerMailbox, board: RoundBoard, spool: Spool, keeper: UpdateKeeper,
        memory: UpdateMemory, reader: MaskedReportReader, relay: AuthorityRelay?,
        revocations: RevocationShelf, labels: LabelRoutes, setup: ServerSetup, log: Logger
    ) {
        self.mailbox = mailbox
        self.board = board
        self.spool = spool
        self.keeper = keeper
        self.memory = memory
        self.reader = reader
        self.relay = relay
        self.revocations = revocations
        self.labels = labels
        self.setup = setup
        self.log = log
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        let segments = request.head.target.segments
        guard segments.first == "v1" else { return .respond(.refusal(404, "not_found", "no such path")) }
        if segments == ["v1", "enroll"] {
            return only(.post, request) { relayed(EnrolmentRequest.self, responder) }
        }
        guard let agent = Self.agent(request) else {
            log.warning(
                "certificate refused",
                [
                    "peer": .text(request.peer?.fingerprintText ?? ""),
                    "reason": .text("it is not an agent's"),
                ])
            return .respond(.refusal(403, "certificate", "the certificate of an agent is needed"))
        }
        guard !board.read({ $0.revoked.contains(agent.name) }) else {
            return .respond(.refusal(403, "revoked", "an operator has shut this agent out"))
        }
        let route = segments.dropFirst().map(String.init)
        switch (route.count, route.first, route.dropFirst().first.flatMap { Int($0) }) {
        case (1, "check-in", _): return only(.post, request) { checkIn(agent, responder) }
        case (1, "task", _): return only(.get, request) { task() }
        case (1, "crl", _): return only(.get, request) { .respond(revocations.answer(request.head.headers)) }
        case (_, "labels", _):
            return only(.get, request) {
                .respond(labels.answer(request, route) ?? .refusal(404, "not_found", "no such path"))
            }
        case (1, "renew", _): return only(.post, request) { renew(agent, responder) }
        case (2, "models", nil) where route[1] == "frozen": return only(.get, request) { frozen(request) }
        case (2, "models", let round?): return only(.get, request) { model(round, request) }
        case (3, "models", let round?) where route[2] == "state":
            return only(.get, request) { modelState(round, request) }
        case (3, "models", let round?) where route[2] == "packed":
            return only(.get, request) { packedModel(round, request) }
        case (3, "rounds", let round?) where route[2] == "update":
            return only(.put, request) { update(agent, round, request, responder) }
        case (4, "rounds", let round?) where route[2] == "secagg":
            return masking(agent, round, route[3], request, responder)
        case (3, "rounds", let round?) where route[2] == "failure":
            return only(.post, request) { failure(agent, round, responder) }
        default: return .respond(.refusal(404, "not_found", "no such path"))
        }
    }

    /// Bodies up to this length are sent without waiting for `100 Continue`.
    private static let shortBody = 64 << 10

    /// Refuses. A long body is not waited for; a short one is on its way already, and closing the connection under
    /// it could lose the answer.
    static func turnAway(_ request: HTTPRequest, _ refusal: HTTPResponse) -> RequestDecision {
        guard case .fixed(let count) = request.head.bodyLength, count <= shortBody else {
            return .respond(refusal)
        }
        return .receive(limit: count, reserving: nil, sink: CollectingSink { _ in .respond(refusal) })
    }

    private static func agent(_ request: HTTPRequest) -> AgentIdentity? {
        // The authority states the role; a server's or an administrator's certificate is no agent's.
        guard let peer = request.peer, !peer.commonName.isEmpty, peer.commonName.utf8.count <= 128,
            peer.alternativeNames.contains("sordino://agent/\(peer.commonName)")
        else { return nil }
        return AgentIdentity(
            name: peer.commonName, fingerprint: peer.fingerprintText, certificateExpires: peer.notAfter)
    }

    private func only(
        _ method: HTTPMethod, _ request: HTTPRequest, _ decide: () -> RequestDecision
    ) -> RequestDecision {
        let asked = request.head.method == .head ? .get : request.head.method
        guard asked == method else {
            var response = HTTPResponse.refusal(405, "method", "only \(method.rawValue) is answered here")
            response.headers["Allow"] = method.rawValue
            return .respond(response)
        }
        return decide()
    }

    /// Reads a control message and passes it on.
    private func message<Message: ControlMessage>(
        _ type: Message.Type, _ take: @escaping (Message) -> Void
    ) -> RequestDecision {
        let sink = CollectingSink { bytes in
            do {
                take(try Message(decoding: bytes))
                return .later
            } catch {
                return .respond(.refusal(422, "malformed", "\(error)"))
            }
        }
        return .receive(limit: Message.byteLimit, reserving: nil, sink: sink)
    }

    private func checkIn(_ agent: AgentIdentity, _ responder: Responder) -> RequestDecision {
        message(CheckInRequest.self) { [mailbox] in mailbox.post(.checkIn(agent, $0, responder)) }
    }

    private func failure(_ agent: AgentIdentity, _ round: Int, _ responder: Responder) -> RequestDecision {
        message(FailureReport.self) { [mailbox] in
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
            return Self.turnAway(
                request, .refusal(422, "wrong_step", "this task takes masked reports only, by secagg/masked"))
        }
        let (key, admission) = board.read { board -> (RoundKey, RoundBoard.UpdateAdmission) in
            let key = RoundKey(run: board.run, round: round)
            return (key, board.rounds[key]?.admission(of: agent.name) ?? .turnedAway)
        }
        let path: String?
        switch admission {
        case .report: path = spool.incomingPath()
        case .repetition: path = nil
        case .turnedAway:
            return Self.turnAway(
                request, .refusal(409, "round_closed", "round \(round) takes no report of this agent"))
        }
        let privacy = plan.privacy
        let form = UpdateForm(
            key: key, count: plan.report.count, bits: plan.codec.bits,
            isUniform: plan.weighsUniformly,
            squaredNormBound: privacy?.configuration.mode == .central
                ? privacy.map { $0.squaredNormBound + ($0.adaptiveClipping == nil ? 0 : 1) } : nil,
            floatScale: plan.sendsFloats ? plan.codec.scale : nil,
            compressor: plan.compression?.compressor)
        let length = if case .fixed(let count) = request.head.bodyLength { count } else { form.bytes }
        let sink = UpdateSink(
            form, length: min(length, form.bytes), path: path, memory: memory,
            storageFailed: { [mailbox] in mailbox.post(.storageFailed(code: $0)) }
        ) { [keeper] update in
            keeper.take(UpdateKeeper.Job(form: form, update: update, agent: agent, responder: responder))
        }
        return .receive(limit: form.bytes, reserving: 64 << 10, sink: sink)
    }

    private func relayed<Message: ControlMessage>(
        _ type: Message.Type, _ responder: Responder
    ) -> RequestDecision {
        guard let relay else {
            return .respond(.refusal(404, "not_found", "enrolment is not offered by this server"))
        }
        return message(type) { message in
            guard let body = try? message.encoded() else { return }
            relay.relay(path: AgentProtocol.enrolmentPath, body: body, responder)
        }
    }

    private func renew(_ agent: AgentIdentity, _ responder: Responder) -> RequestDecision {
        guard let relay else {
            return .respond(.refusal(404, "not_found", "renewal is not offered by this server"))
        }
        return message(RenewalRequest.self) { request in
            let relayed = RelayedRenewal(
                signingRequest: request.signingRequest, name: agent.name, fingerprint: agent.fingerprint)
            guard let body = try? relayed.encoded() else { return }
            relay.relay(path: AgentProtocol.renewalPath, body: body, responder)
        }
    }
}
