internal import HTTPWire
internal import Messages
internal import Synchronization
internal import Transport

/// The runs at work on one server, as event loops find them.
final class RunSet: Sendable {
    private struct State {
        /// In the order in which they were begun.
        var services: [RunService] = []
        /// What agents are told of runs; nil on a server of one task.
        var tasks: TaskList?
        /// Agents that were shut out of the whole server.
        var revoked: Set<String> = []
        /// Check-ins for which no run was at work, in the order in which they came.
        var waiting: [Waiting] = []
    }

    /// A check-in that waits for a run to begin.
    private struct Waiting {
        let agent: AgentIdentity
        let request: CheckInRequest
        let responder: Responder
        let until: ContinuousClock.Instant
    }

    /// Check-ins that wait so, at most.
    private static let mostWaiting = 20_000

    /// What the runs must know of each other.
    let agents: SharedAgents
    private let state = Mutex(State())
    /// Seconds after which an agent comes back that no run had work for, between the least and twice that.
    private static let pause = 5
    /// Tells the task of a run that waits; nil on a server of one task.
    let offers = Mutex<(@Sendable (String) -> [UInt8]?)?>(nil)

    /// A set without a run. `areShared`: there can be more than one.
    init(areShared: Bool) { agents = SharedAgents(areShared: areShared) }

    // MARK: Runs

    /// All runs at work, in the order in which they were begun.
    var services: [RunService] { state.withLock { $0.services } }

    /// The run of an identity; nil where it is not at work.
    func service(_ run: String) -> RunService? { state.withLock { $0.services.first { $0.run == run } } }

    /// The run that an agent means which names none; nil where that cannot be told.
    func service(of name: String) -> RunService? {
        let all = services
        guard agents.areShared else { return all.first }
        let assigned = agents.assignment(of: name)
        return all.first { $0.run == assigned } ?? all.first
    }

    /// A run has begun: whoever waits for one is offered to it.
    func add(_ service: RunService) {
        let waiting = state.withLock { state in
            state.services.append(service)
            defer { state.waiting = [] }
            return state.waiting
        }
        for held in waiting where held.responder.isOpen { checkIn(held.agent, held.request, held.responder) }
    }

    /// A run is not at work any more.
    func remove(_ run: String) { state.withLock { $0.services.removeAll { $0.run == run } } }

    // MARK: What agents ask

    /// Hands a check-in to every run that the agent may serve.
    func checkIn(_ agent: AgentIdentity, _ request: CheckInRequest, _ responder: Responder) {
        var chosen = services.filter { $0.end == nil }
        if agents.areShared {
            agents.reservations.note(agent.name, request)
            let declined = Set(request.declines ?? [])
            chosen.removeAll { declined.contains($0.run) }
            if !request.acceptsOtherRun, let run = request.run { chosen.removeAll { $0.run != run } }
        }
        guard !chosen.isEmpty else { return wait(agent, request, responder) }
        let tickets = CheckInTicket.shares(of: responder, count: chosen.count)
        for (service, ticket) in zip(chosen, tickets) {
            service.mailbox.post(.checkIn(agent, request, ticket))
        }
    }

    /// Keeps a check-in until a run begins, or its time is over.
    private func wait(_ agent: AgentIdentity, _ request: CheckInRequest, _ responder: Responder) {
        let isKept = state.withLock { state in
            guard agents.areShared, request.waitSeconds > 0, state.waiting.count < Self.mostWaiting else {
                return false
            }
            state.waiting.append(
                Waiting(
                    agent: agent, request: request, responder: responder,
                    until: .now + .seconds(request.waitSeconds)))
            return true
        }
        if !isKept { comeBack(request, responder) }
    }

    /// Sends those away who have waited for as long as they would, or all, and forgets those that have gone.
    func expireWaiting(all: Bool = false) {
        let now = all ? ContinuousClock.now + .seconds(3600) : .now
        let over = state.withLock { state -> [Waiting] in
            guard !state.waiting.isEmpty else { return [] }
            let over = state.waiting.filter { $0.until <= now }
            state.waiting.removeAll { $0.until <= now || !$0.responder.isOpen }
            return over
        }
        for held in over { comeBack(held.request, held.responder) }
    }

    /// The task of a run that waits, as its agents will be told it; nil where none of this identity does.
    func offer(ofWaiting run: String) -> [UInt8]? {
        guard taskList()?.tasks.contains(where: { $0.run == run }) == true else { return nil }
        return offers.withLock { $0 }?(run)
    }

    /// No run is at work that the agent serves: there may be one soon.
    private func comeBack(_ request: CheckInRequest, _ responder: Responder) {
        guard request.protocolVersion == AgentProtocol.version else {
            responder.respond(
                .refusal(409, "protocol_mismatch", "this server speaks version \(AgentProtocol.version)"))
            return
        }
        let seconds = Self.pause + Int.random(in: 0...Self.pause)
        responder.respond(
            HTTPResponse(
                204, headers: ["Retry-After": String(seconds), AgentProtocol.runStateHeader: "active"]))
    }

    /// What runs here and will; nil on a server of one task.
    func taskList() -> TaskList? { state.withLock { $0.tasks } }

    /// Shows agents other runs than before.
    func show(_ tasks: TaskList) { state.withLock { $0.tasks = tasks } }

    // MARK: Agents that were shut out

    /// Whether an operator has shut the agent out, of the server or of a run at work.
    func isRevoked(_ name: String) -> Bool {
        let (isOut, services) = state.withLock { ($0.revoked.contains(name), $0.services) }
        return isOut || services.contains { $0.board.read { $0.revoked.contains(name) } }
    }

    /// Agents that are shut out of the whole server from now on.
    /// - Returns: whether any of them was not.
    @discardableResult
    func shutOut(_ names: Set<String>) -> Bool {
        state.withLock { state in
            let isNews = !names.isSubset(of: state.revoked)
            state.revoked.formUnion(names)
            return isNews
        }
    }

    /// An agent leaves for good: every run is told, and those to come.
    func leave(_ agent: AgentIdentity, _ responder: Responder) {
        do {
            try agents.noteShutOut(agent.name, by: agent.name)
        } catch {
            responder.respond(
                .refusal(503, "storage", "the server cannot write that you leave", retryAfter: 15))
            return
        }
        for service in services { service.mailbox.post(.shutOut(name: agent.name, actor: agent.name)) }
        responder.respond(HTTPResponse(204))
    }
}
