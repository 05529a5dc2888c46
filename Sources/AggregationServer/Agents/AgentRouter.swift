internal import HTTPWire
internal import Messages
internal import Operations
internal import Transport

/// Answers the agent listener, on its event loops: who asks, which run it is about, and what concerns no run. What is asked
/// of one run is that run's router's to answer. Nothing here waits.
final class AgentRouter: HTTPHandler {
    private let runs: RunSet
    private let relay: AuthorityRelay?
    private let revocations: RevocationShelf
    private let labels: LabelRoutes
    private let log: Logger

    /// A router to `runs`; `relay` leads to the authority, nil where neither enrolment nor renewal is offered.
    init(
        runs: RunSet, relay: AuthorityRelay?, revocations: RevocationShelf, labels: LabelRoutes, log: Logger
    ) {
        self.runs = runs
        self.relay = relay
        self.revocations = revocations
        self.labels = labels
        self.log = log
    }

    func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        let segments = request.head.target.segments
        guard segments.first == "v1" else { return .respond(.refusal(404, "not_found", "no such path")) }
        if segments == ["v1", "enroll"] {
            return request.only(.post) { relayed(EnrolmentRequest.self, responder) }
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
        guard !runs.isRevoked(agent.name) else {
            return .respond(.refusal(403, "revoked", "an operator has shut this agent out"))
        }
        let route = segments.dropFirst().map(String.init)
        switch (route.count, route.first) {
        case (1, "check-in"): return request.only(.post) { checkIn(agent, responder) }
        case (1, "crl"): return request.only(.get) { .respond(revocations.answer(request.head.headers)) }
        case (1, "renew"): return request.only(.post) { renew(agent, responder) }
        case (1, "leave"): return request.only(.post) { leave(agent, responder) }
        case (_, "labels"):
            return request.only(.get) {
                .respond(labels.answer(request, route) ?? .refusal(404, "not_found", "no such path"))
            }
        case (1, "tasks"): return request.only(.get) { tasks() }
        case (2..., "runs"):
            guard let run = runs.service(route[1]) else {
                if route.count == 3, route[2] == "task", let offer = runs.offer(ofWaiting: route[1]) {
                    return request.only(.get) { .respond(.json(200, offer)) }
                }
                return request.turnAway(
                    .refusal(404, "no_such_run", "no run of this identity is at work here"))
            }
            return run.router.handle(Array(route.dropFirst(2)), agent, request, responder)
        default:
            // Agents that name no run mean the one that they were given work of last.
            guard let run = runs.service(of: agent.name) else {
                return request.turnAway(.refusal(404, "not_found", "no such path, or no run is at work here"))
            }
            return run.router.handle(route, agent, request, responder)
        }
    }

    private static func agent(_ request: HTTPRequest) -> AgentIdentity? {
        // The authority states the role; a server's or an administrator's certificate is no agent's.
        guard let peer = request.peer, !peer.commonName.isEmpty, peer.commonName.utf8.count <= 128,
            peer.alternativeNames.contains("sordino://agent/\(peer.commonName)")
        else { return nil }
        return AgentIdentity(
            name: peer.commonName, fingerprint: peer.fingerprintText, certificateExpires: peer.notAfter)
    }

    private func checkIn(_ agent: AgentIdentity, _ responder: Responder) -> RequestDecision {
        .message(CheckInRequest.self) { [runs] in runs.checkIn(agent, $0, responder) }
    }

    /// An agent's owner takes it out of everything: it is shut out as if an operator had done so.
    private func leave(_ agent: AgentIdentity, _ responder: Responder) -> RequestDecision {
        let sink = CollectingSink { [runs] _ in
            runs.leave(agent, responder)
            return .later
        }
        return .receive(limit: 1024, reserving: nil, sink: sink)
    }

    /// What is run here and will be; a server of one task has told all with that.
    private func tasks() -> RequestDecision {
        guard let list = runs.taskList() else {
            return .respond(.refusal(404, "not_found", "this server runs one task: ask for task"))
        }
        guard let body = try? list.encoded() else {
            return .respond(.refusal(503, "internal", "the tasks cannot be told", retryAfter: 60))
        }
        return .respond(.json(200, body))
    }

    private func relayed<Message: ControlMessage>(
        _ type: Message.Type, _ responder: Responder
    ) -> RequestDecision {
        guard let relay else {
            return .respond(.refusal(404, "not_found", "enrolment is not offered by this server"))
        }
        return .message(type) { message in
            guard let body = try? message.encoded() else { return }
            relay.relay(path: AgentProtocol.enrolmentPath, body: body, responder)
        }
    }

    private func renew(_ agent: AgentIdentity, _ responder: Responder) -> RequestDecision {
        guard let relay else {
            return .respond(.refusal(404, "not_found", "renewal is not offered by this server"))
        }
        return .message(RenewalRequest.self) { request in
            let relayed = RelayedRenewal(
                signingRequest: request.signingRequest, name: agent.name, fingerprint: agent.fingerprint)
            guard let body = try? relayed.encoded() else { return }
            relay.relay(path: AgentProtocol.renewalPath, body: body, responder)
        }
    }
}
