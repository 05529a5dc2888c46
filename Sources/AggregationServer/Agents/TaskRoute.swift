internal import Configuration
internal import Federation
internal import Learning
internal import Messages
internal import Transport

/// `GET /v1/task`: the task that this server runs, for agents and their owners to judge beforehand.
extension AgentRouter {
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
}
