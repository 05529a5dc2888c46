internal import Cryptography
internal import Encoding
internal import Federation
internal import HTTPWire
internal import Messages
internal import SecureAggregation
internal import Transport

/// `PUT` and `GET /v1/rounds/{round}/secagg/{step}`: who is in the round is known here, and every length is bounded
/// before a body is read; the rest is the owner's to judge.
extension RunRouter {
    /// Longest time that a question is held, in seconds.
    private static let longestWait = 60

    /// Decides about one step of secure aggregation.
    func masking(
        _ agent: AgentIdentity, _ round: Int, _ word: String, _ request: HTTPRequest, _ responder: Responder
    ) -> RequestDecision {
        guard plan.masksReports, let step = ProtocolStep(rawValue: word), step != .finished else {
            return .respond(.refusal(404, "not_found", "no such path"))
        }
        let (run, names) = board.read { board in
            (board.run, board.rounds[RoundKey(run: board.run, round: round)]?.members ?? [])
        }
        guard request.head.target.parameter("run") == run else {
            return request.turnAway(.refusal(409, "run_mismatch", "this server runs \(run)"))
        }
        guard names.contains(agent.name) else {
            return request.turnAway(
                .refusal(409, "round_closed", "round \(round) is not open to this agent"))
        }
        let key = RoundKey(run: run, round: round)
        switch request.head.method {
        case .get where step != .keys: return ask(agent, key, step, request, responder)
        case .put where step == .masked && PartRequest.isOne(request):
            return parts.receive(subject(agent, round), isMasked: true, request, responder)
        case .put where step == .masked: return report(agent, key, responder)
        case .put: return contribution(agent, key, step, names.count, responder)
        default:
            var response = HTTPResponse.refusal(405, "method", "only PUT and GET are answered here")
            response.headers["Allow"] = step == .keys ? "PUT" : "GET, PUT"
            return .respond(response)
        }
    }

    private func ask(
        _ agent: AgentIdentity, _ key: RoundKey, _ step: ProtocolStep, _ request: HTTPRequest,
        _ responder: Responder
    ) -> RequestDecision {
        let wait = request.head.target.parameter("wait_seconds").flatMap { Int($0) } ?? 0
        mailbox.post(
            .maskedQuestion(
                MaskedQuestion(
                    agent: agent, key: key, step: step, waitSeconds: min(max(0, wait), Self.longestWait),
                    responder: responder)))
        return .later
    }

    private func contribution(
        _ agent: AgentIdentity, _ key: RoundKey, _ step: ProtocolStep, _ members: Int, _ responder: Responder
    ) -> RequestDecision {
        let sink = CollectingSink { [mailbox] bytes in
            guard let digest = try? SHA256.text(of: bytes) else {
                return .respond(.refusal(500, "internal", "the message cannot be hashed"))
            }
            mailbox.post(
                .masked(
                    MaskedMessage(
                        agent: agent, key: key, content: .step(step, bytes), digest: digest,
                        bytes: bytes.count, responder: responder)))
            return .later
        }
        return .receive(
            limit: MaskedCollection.byteLimit(step, members: members), reserving: nil, sink: sink)
    }

    private func report(
        _ agent: AgentIdentity, _ key: RoundKey, _ responder: Responder
    ) -> RequestDecision {
        let form = maskedForm(key)
        let sink = CollectingSink { [reader] bytes in
            reader.take(.init(form: form, body: bytes, agent: agent, responder: responder))
            return .later
        }
        return .receive(limit: form.bytes, reserving: nil, sink: sink)
    }
}
