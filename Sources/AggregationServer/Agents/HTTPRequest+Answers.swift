internal import HTTPWire
internal import Messages
internal import Transport

extension HTTPRequest {
    /// Bodies up to this length are sent without waiting for `100 Continue`.
    private static let shortBody = 64 << 10

    /// Decides where the method is the one that a path answers, and refuses elsewhere.
    func only(_ method: HTTPMethod, _ decide: () -> RequestDecision) -> RequestDecision {
        let asked = head.method == .head ? .get : head.method
        guard asked == method else {
            var response = HTTPResponse.refusal(405, "method", "only \(method.rawValue) is answered here")
            response.headers["Allow"] = method.rawValue
            return .respond(response)
        }
        return decide()
    }

    /// Refuses. A long body is not waited for; a short one is on its way already, and closing the connection under
    /// it could lose the answer.
    func turnAway(_ refusal: HTTPResponse) -> RequestDecision {
        guard case .fixed(let count) = head.bodyLength, count <= Self.shortBody else {
            return .respond(refusal)
        }
        return .receive(limit: count, reserving: nil, sink: CollectingSink { _ in .respond(refusal) })
    }
}

extension RequestDecision {
    /// Reads a control message and passes it on.
    static func message<Message: ControlMessage>(
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
}
