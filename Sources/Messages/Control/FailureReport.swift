/// An agent gives a round up: the body of `POST /v1/rounds/{round}/failure`.
package struct FailureReport: ControlMessage {
    /// What kind of failure; the detail is for a person. Where anything is private, neither depends on private data.
    package enum Reason: String, Codable, Sendable, CaseIterable {
        /// The agent's policy refuses the task, or its server.
        case policy
        /// The agent's own privacy budget is spent.
        case budget
        /// It may not work now: hours, load, power.
        case conditions
        /// What its owner set up cannot serve the task: columns, classes, trainer. Said before a round is begun.
        case schema
        /// Its data could not be read: only where nothing is private, else the round is served with noise alone.
        case data
        /// Local training failed or diverged: only where nothing is private.
        case training
        /// Its disk is full or broken.
        case storage
        /// It serves another round or run.
        case busy
        case other
    }

    /// Identity of the run that the round belongs to.
    package var run: String
    package var reason: Reason
    /// One line for the operator, at most 500 bytes; must hold nothing of the agent's data.
    package var detail: String

    package init(run: String, reason: Reason, detail: String) {
        self.run = run
        self.reason = reason
        self.detail = detail
    }

    package static let byteLimit = 4 << 10

    package func validate() throws(MessageError) {
        try requireHexadecimal(run, "run", bytes: AgentProtocol.runBytes)
        try requireLine(detail, "detail", limit: 500)
    }
}

/// The body of every answer with a status of 400 and above.
package struct ErrorAnswer: ControlMessage {
    /// A word that programs compare, such as `round_closed`.
    package var error: String
    /// One line for a person.
    package var detail: String

    package init(error: String, detail: String) {
        self.error = error
        self.detail = detail
    }

    package static let byteLimit = 4 << 10

    package func validate() throws(MessageError) {
        try requireLine(error, "error", limit: 64)
        try requireLine(detail, "detail", limit: 1000)
    }
}

/// The body of a `200` or `202` to an update: which bytes the server holds.
package struct UpdateReceipt: ControlMessage {
    package var run: String
    package var round: Int
    /// SHA-256 of the whole body as received, lower-case hexadecimal.
    package var sha256: String

    package init(run: String, round: Int, sha256: String) {
        self.run = run
        self.round = round
        self.sha256 = sha256
    }

    package func validate() throws(MessageError) {
        try requireHexadecimal(run, "run", bytes: AgentProtocol.runBytes)
        try requireHexadecimal(sha256, "sha256", bytes: 32)
    }
}
