internal import Synchronization

/// What the runs of one server must know of each other, since they ask the same agents: who is at work for which, and whose
/// turn it is.
final class SharedAgents: Sendable {
    /// Whether there can be more than one run; where there cannot, nothing here is asked.
    let areShared: Bool
    let reservations = AgentReservations()
    let shares = RunShares()
    /// The run that each agent was given work of last, by the agent's name.
    private let assigned = Mutex<[String: String]>([:])

    init(areShared: Bool) { self.areShared = areShared }

    /// The agent of this name was given work of a run.
    func noteAssignment(_ name: String, run: String) {
        if areShared { assigned.withLock { $0[name] = run } }
    }

    /// The run that the agent of this name was given work of last; nil where none is known.
    func assignment(of name: String) -> String? { assigned.withLock { $0[name] } }
}
