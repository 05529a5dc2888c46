/// The task that a server runs, for agents and their owners to judge before they take part: the answer to
/// `GET /v1/task`. A server without it answers 404.
package struct TaskOffer: ControlMessage {
    /// Version of the protocol, ``AgentProtocol/version``.
    package var protocolVersion: Int
    /// Identity of the run, 32 hexadecimal digits.
    package var run: String
    /// Number of clients that the task is planned for.
    package var population: Int
    /// The resolved `task` section as JSON text, as assignments carry it.
    package var task: String
    /// SHA-256 of `task` in UTF-8, lower-case hexadecimal.
    package var taskSHA256: String
    /// Shape of one example at the model's input.
    package var inputShape: [Int]
    /// How the published models' inputs are prepared, as JSON text; absent: each agent fits its own.
    package var preprocessing: String?

    package init(
        run: String, population: Int, task: String, taskSHA256: String, inputShape: [Int],
        preprocessing: String?
    ) {
        protocolVersion = AgentProtocol.version
        self.run = run
        self.population = population
        self.task = task
        self.taskSHA256 = taskSHA256
        self.inputShape = inputShape
        self.preprocessing = preprocessing
    }

    package static let byteLimit = 4 << 20

    package func validate() throws(MessageError) {
        try require(protocolVersion, in: 1...1_000_000, "protocol")
        try requireHexadecimal(run, "run", bytes: AgentProtocol.runBytes)
        try require(population, in: 1...Int(Int32.max), "population")
        try requireHexadecimal(taskSHA256, "task_sha256", bytes: 32)
        try require(inputShape.count, in: 0...16, "the number of sizes in input_shape")
        for size in inputShape { try require(size, in: 1...(1 << 31), "input_shape") }
    }

    private enum CodingKeys: String, CodingKey {
        case run, population, task, preprocessing
        case protocolVersion = "protocol"
        case taskSHA256 = "task_sha256"
        case inputShape = "input_shape"
    }
}
