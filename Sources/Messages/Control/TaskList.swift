/// What a server runs and will run, for agents and their owners to judge before they take part: the answer to
/// `GET /v1/tasks`. A server of one run only answers 404.
package struct TaskList: ControlMessage {
    /// One run.
    package struct Entry: Codable, Equatable, Sendable {
        /// Identity of the run, 32 hexadecimal digits.
        package var run: String
        /// The task's name.
        package var name: String
        /// SHA-256 of the resolved task's text, lower-case hexadecimal: what owners compare and approve.
        package var taskSHA256: String
        /// `queued`, `active`, `paused` or `stalled`.
        package var state: String
        /// Who submitted it, by the name of the token; absent where the server's own configuration names the task.
        package var submittedBy: String?
        /// Seconds since 1970.
        package var submitted: Double
        /// Ed25519 over ``statement`` by the server's key, 128 hexadecimal digits.
        package var signature: String

        package init(
            run: String, name: String, taskSHA256: String, state: String, submittedBy: String?,
            submitted: Double, signature: String
        ) {
            self.run = run
            self.name = name
            self.taskSHA256 = taskSHA256
            self.state = state
            self.submittedBy = submittedBy
            self.submitted = submitted
            self.signature = signature
        }

        /// What the server signs: one line a fact, so that no two entries have the same bytes.
        package var statement: [UInt8] {
            Array(
                "sordino task v1\n\(run)\n\(taskSHA256)\n\(Int(submitted))\n\(submittedBy ?? "")\n\(name)\n"
                    .utf8)
        }

        private enum CodingKeys: String, CodingKey {
            case run, name, state, submitted, signature
            case taskSHA256 = "task_sha256"
            case submittedBy = "submitted_by"
        }
    }

    /// Version of the protocol, ``AgentProtocol/version``.
    package var protocolVersion: Int
    /// The key that signs the entries, Ed25519, 64 hexadecimal digits.
    package var key: String
    /// Runs that agents are or will be asked to serve, the most urgent first.
    package var tasks: [Entry]

    /// Most entries of a list.
    package static let mostTasks = 256

    package init(key: String, tasks: [Entry]) {
        protocolVersion = AgentProtocol.version
        self.key = key
        self.tasks = tasks
    }

    package static let byteLimit = 256 << 10

    package func validate() throws(MessageError) {
        try require(protocolVersion, in: 1...1_000_000, "protocol")
        try requireHexadecimal(key, "key", bytes: 32)
        try require(tasks.count, in: 0...Self.mostTasks, "the number of tasks")
        for task in tasks {
            try requireHexadecimal(task.run, "run", bytes: AgentProtocol.runBytes)
            try requireLine(task.name, "name", limit: 256)
            try requireHexadecimal(task.taskSHA256, "task_sha256", bytes: 32)
            try requireLine(task.state, "state", limit: 16)
            if let name = task.submittedBy { try requireLine(name, "submitted_by", limit: 128) }
            guard task.submitted.isFinite, (0..<1e12).contains(task.submitted) else {
                throw MessageError("TaskList: submitted must be a time")
            }
            try requireHexadecimal(task.signature, "signature", bytes: 64)
        }
    }

    private enum CodingKeys: String, CodingKey {
        case key, tasks
        case protocolVersion = "protocol"
    }
}
