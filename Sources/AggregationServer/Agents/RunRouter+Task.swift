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
        let offer = TaskOffer(
            run: board.read { $0.run }, population: plan.population, task: setup.taskText,
            taskSHA256: setup.taskDigest, inputShape: plan.model.inputShape,
            preprocessing: setup.description.data == .null ? nil : setup.description.data.text())
        guard let body = try? offer.encoded() else {
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
