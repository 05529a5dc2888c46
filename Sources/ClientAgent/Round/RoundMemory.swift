internal import Federation
internal import Messages
internal import Operations
internal import Transport

/// What an agent has in a round beside the published model: what the server's rule publishes with it, and what the agent
/// itself keeps between rounds.
struct RoundMemory {
    private let folder: MemoryFolder
    private var states: ModelFolder

    /// The memory of an agent with this state directory; nothing is made yet.
    init(_ state: StateDirectory) {
        folder = MemoryFolder(state.file(MemoryFolder.name))
        states = ModelFolder(state.file("model-states"))
    }

    /// What goes with the published model of a round; empty where nothing does. Throws ``UnusablePlan`` where the server
    /// gives another file than the task's strategy has it publish, and what a download throws.
    mutating func serverState(
        _ message: RoundOffer, _ plan: TaskPlan, from link: ServerLink
    ) throws -> [Float] {
        let rule = plan.configuration.strategy.server
        guard rule.publishesState else { return [] }
        guard let stated = message.state else {
            throw UnusablePlan("the server does not say what its strategy remembers, which this task needs")
        }
        let most = 4 * rule.stateNames.count * plan.dimension + Self.headLimit
        guard stated.bytes <= most else {
            throw UnusablePlan(
                "the server's strategy would remember \(stated.bytes) bytes where the task gives \(most) at most"
            )
        }
        let target = try states.target(
            digest: stated.sha256, count: stated.bytes, tag: "\"\(stated.sha256)\"")
        let bytes = try link.downloadState(of: message.model, into: target)
        let file = try SafeTensors(decoding: bytes.bytes)
        guard let tensor = file.tensors.first, file.tensors.count == 1,
            let state = OptimizerState(
                tensor, metadata: file.metadata, names: rule.stateNames, count: plan.dimension),
            state.values.allSatisfy(\.isFinite)
        else { throw UnusablePlan("the server publishes another state than the task's strategy has") }
        return state.values
    }

    private static let headLimit = 1 << 20

    /// What local work is given beside the model. Throws a storage ``Failure``.
    func context(run: String, _ plan: TaskPlan, serverState: [Float]) throws -> ClientContext {
        guard !plan.clientMemory.isEmpty else { return ClientContext(serverState: serverState) }
        let memory = ClientMemory(plan.clientMemory)
        try folder.load(run: run, into: memory)
        return ClientContext(serverState: serverState, memory: memory)
    }

    /// Writes what local work left, before its report is stored. Throws a storage ``Failure``.
    func make(_ message: RoundOffer, _ context: ClientContext, underWay outbox: Outbox) throws {
        guard let memory = context.memory else { return }
        try folder.make(
            run: message.run, round: message.round, memory, underWay: try outbox.names())
    }

    /// What became of a round's report, of an agent that `servesOthers` beside the run. Throws a storage ``Failure``.
    func end(run: String, round: Int, isAccepted: Bool, servesOthers: Bool) throws {
        if isAccepted {
            try folder.keep(run: run, round: round, servesOthers: servesOthers)
        } else {
            try folder.drop(run: run, round: round)
        }
    }
}
