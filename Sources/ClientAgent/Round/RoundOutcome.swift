/// How an assignment ended.
package enum RoundOutcome: Equatable, Sendable {
    /// The server has the report.
    case delivered
    /// It does not: the round was refused, given up or turned away.
    case notDelivered
    /// This agent's data or trainer do not fit the task; its owner was told.
    case unsuitable
    /// This site's people have not approved the task, or have refused it.
    case forbidden
}

/// Instants of a round after which a test may let the process die.
package enum RoundMilestone: CaseIterable, Sendable { case begun, charged, encoded, stored, delivered }
