internal import Configuration
internal import Federation
internal import HTTPWire
internal import Learning
internal import Messages
internal import Transport

/// What is the same in every round: `GET /v1/task`, the task that this server runs, for agents and their owners to judge
/// beforehand, and `GET /v1/models/frozen`, the parameters of its model that nobody trains.
extension RunRouter {
    /// The offer: the same for every agent with a certificate, and fixed while the server runs.
    func task() -> RequestDecision {
        guard let body = try? setup.offer(of: board.read { $0.run }).encoded() else {
            return .respond(.refusal(404, "not_found", "this task cannot be told in one message"))
        }
        return .respond(.json(200, body))
    }

    /// The file of frozen parameters, whole or from where a download stopped.
    func frozen(_ request: HTTPRequest) -> RequestDecision {
        guard let frozen = board.read({ $0.frozen }) else {
            return .respond(
                .refusal(
                    404, "no_such_model", "nothing of this task's model is frozen: all of it is in its rounds"
                ))
        }
        return .respond(
            .representation(
                frozen.buffer, tag: frozen.digest, contentType: "application/octet-stream",
                request: request.head.headers))
    }
}

extension ServerSetup {
    /// The task as agents and their owners are told it beforehand, of the run with this identity.
    func offer(of run: String) -> TaskOffer {
        TaskOffer(
            run: run, population: plan.population, task: taskText, taskSHA256: taskDigest,
            inputShape: plan.model.inputShape,
            preprocessing: description.data == .null ? nil : description.data.text())
    }
}
