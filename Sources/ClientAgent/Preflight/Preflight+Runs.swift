internal import Federation
internal import Operations

/// What a server of many runs asks.
extension Preflight {
    /// The tasks that the server lists, judged; nil from a server of one run, and where the question fails: the next one
    /// says why.
    func listed() -> [AskedTask]? {
        let log = Logger(level: .error)
        guard let client = try? AgentConnection.client(configuration), let stop = try? StopSignal(),
            (try? ServerLink(client: client, stop: stop, log: log).tasks()) != nil
        else { return nil }
        let answer = try? TaskInquiry.ask(
            configuration,
            server: configuration.servers.first {
                $0.endpoint == configuration.server
            }, log: log)
        return answer?.tasks
    }

    /// Looks at each of them as `run` will: of what is not approved or against the policy no data are touched.
    mutating func look(at tasks: [AskedTask]) {
        if tasks.isEmpty { look("task") { "the server asks for nothing now" } }
        let configuration = configuration
        for asked in tasks {
            look("task \(asked.name)") {
                if let problem = asked.problem { throw Failure(.invalidInput, problem) }
                guard asked.obstacles.isEmpty else {
                    throw Failure(.refused, asked.obstacles.joined(separator: "; "))
                }
                guard let task = asked.task else { return "not known" }
                return "within this agent's policy and budget\(Self.frozen(task, configuration)); "
                    + (try Self.examine(task, configuration))
            }
        }
    }
}
