/// What a client is asked to do in one round.
package struct RoundAssignment: Equatable, Sendable {
    /// Identity of the run; with the round it names everything that the client does.
    package let run: String
    package let round: Int
    /// SHA-256 of the model to train from, lower-case hexadecimal; empty inside one process.
    package let modelDigest: String

    package init(run: String, round: Int, modelDigest: String = "") {
        self.run = run
        self.round = round
        self.modelDigest = modelDigest
    }
}

/// What a client's session is told.
package enum ClientEvent: Equatable, Sendable {
    /// The server assigns a round.
    case assigned(RoundAssignment)
    /// The client's own policy and budget allow the round.
    case permitted
    /// The client's own policy or budget refuses it, with the reason.
    case denied(String)
    /// The client's own ledger holds the charge, durably.
    case charged
    /// Local training and encoding are done; the report exists in memory.
    case encoded
    /// The finished report is durable, so that a retry sends the same bytes.
    case stored
    /// The server has the report.
    case delivered
    /// The server does not want it (round closed, refused).
    case turnedAway(String)
    /// Something failed that may be seen: storage, the connection, and, where nothing is private, data or training.
    case failed(String)
}

/// What a session asks of whoever runs it; each is answered by an event.
package enum ClientAction: Equatable, Sendable {
    /// Hold the assignment against policy, budget and conditions.
    case requirePermission(RoundAssignment)
    /// Write the round's charge to the client's ledger. The private data have not been touched yet.
    case requireCharge(RoundAssignment)
    /// Train on the private data, then clip, encode and noise the update.
    case requireReport(RoundAssignment)
    /// Put the report in the outbox.
    case requireStorage(RoundAssignment)
    /// Send the report.
    case requireDelivery(RoundAssignment)
    /// Tell the server that it need not wait.
    case giveUp(RoundAssignment, reason: String)
    /// The round is over for this client.
    case concluded(RoundAssignment, delivered: Bool)
}

/// The state machine of one client, without sockets, files or clocks: permission → charge → report → storage →
/// delivery. The charge is durable before the private data are touched, so that not even a failure is an answer for
/// free, and noise is never drawn twice for one round.
package struct ClientSession: Sendable {
    /// Where the session stands.
    package enum Phase: String, Equatable, Sendable {
        case idle, judging, charging, training, storing, delivering
    }

    package private(set) var phase: Phase = .idle
    private var assignment: RoundAssignment?
    /// Rounds at or below this number are not trained again in the same run.
    private var lastRound: Int
    private var run: String?

    /// A session that has concluded rounds up to `lastRound` of `run` before.
    package init(run: String? = nil, lastRound: Int = 0) {
        self.run = run
        self.lastRound = lastRound
    }

    /// Takes one event and says what to do. Events that do not fit the phase change nothing.
    package mutating func handle(_ event: ClientEvent) -> [ClientAction] {
        if case .assigned(let new) = event { return begin(new) }
        guard let current = assignment else { return [] }
        switch (event, phase) {
        case (.permitted, .judging): return advance(to: .charging, .requireCharge(current))
        case (.denied(let reason), .judging): return conclude(current, giveUp: reason)
        case (.charged, .charging): return advance(to: .training, .requireReport(current))
        case (.encoded, .training): return advance(to: .storing, .requireStorage(current))
        case (.stored, .storing): return advance(to: .delivering, .requireDelivery(current))
        case (.delivered, .delivering): return conclude(current, delivered: true)
        case (.turnedAway, .delivering): return conclude(current, delivered: false)
        case (.failed(let reason), .training), (.failed(let reason), .charging),
            (.failed(let reason), .storing),
            (.failed(let reason), .delivering):
            return conclude(current, giveUp: reason)
        default: return []
        }
    }

    private mutating func begin(_ new: RoundAssignment) -> [ClientAction] {
        if run != new.run {
            guard phase == .idle else { return [.giveUp(new, reason: "busy with another run")] }
            run = new.run
            lastRound = 0
        }
        guard phase == .idle else {
            // The same assignment again, as after a lost answer, changes nothing.
            return new == assignment ? [] : [.giveUp(new, reason: "busy with another round")]
        }
        guard new.round > lastRound else { return [.giveUp(new, reason: "this round was served before")] }
        assignment = new
        return advance(to: .judging, .requirePermission(new))
    }

    private mutating func advance(to phase: Phase, _ action: ClientAction) -> [ClientAction] {
        self.phase = phase
        return [action]
    }

    private mutating func conclude(_ current: RoundAssignment, delivered: Bool) -> [ClientAction] {
        phase = .idle
        assignment = nil
        lastRound = current.round
        return [.concluded(current, delivered: delivered)]
    }

    private mutating func conclude(_ current: RoundAssignment, giveUp reason: String) -> [ClientAction] {
        [.giveUp(current, reason: reason)] + conclude(current, delivered: false)
    }
}
