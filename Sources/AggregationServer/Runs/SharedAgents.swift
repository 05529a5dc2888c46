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

    /// Told of the name of an agent that is shut out of a run, and by whom: it is shut out of all of them.
    let shutsOut = Mutex<(@Sendable (String, String) throws -> Void)?>(nil)

    init(areShared: Bool) { self.areShared = areShared }

    /// The agent of this name was given work of a run.
    func noteAssignment(_ name: String, run: String) {
        if areShared { assigned.withLock { $0[name] = run } }
    }

    /// An agent was shut out of a run by `actor`. Throws a storage `Failure` where that cannot be written down for all runs.
    func noteShutOut(_ name: String, by actor: String) throws { try shutsOut.withLock { $0 }?(name, actor) }

    /// The run that the agent of this name was given work of last; nil where none is known.
    func assignment(of name: String) -> String? { assigned.withLock { $0[name] } }
}
