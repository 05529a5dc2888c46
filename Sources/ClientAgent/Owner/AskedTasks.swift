internal import Cryptography
internal import Federation
internal import Glibc
internal import Ledger
internal import Messages
internal import Notation
package import Operations
internal import Privacy
internal import Transport

/// A task that a server asks this site to serve, judged as its agent would judge it, for its people to decide about.
package struct AskedTask: Sendable {
    /// Who submitted it, as the server's key has signed.
    package struct Origin: Equatable, Sendable {
        /// `queued`, `active`, `paused` or `stalled`.
        package var state: String
        /// Nil: the server's own configuration names the task.
        package var submittedBy: String?
        /// Seconds since 1970.
        package var submitted: Double
        /// Whether the signature is that of the key.
        package var isSigned: Bool
        /// SHA-256 of the server's key.
        package var keyFingerprint: String
    }

    /// The server, `host:port`.
    package let server: String
    package let run: String
    package let name: String
    /// SHA-256 of the task's text.
    package let digest: String
    /// Nil from a server of one run, which signs nothing.
    package let origin: Origin?
    /// The task; nil where ``problem`` says why it cannot be read.
    package let task: OfferedTask?
    package let population: Int
    /// What all runs have cost this site, and will have after one more round and after all rounds of this task.
    package let spent: AgentLedgers.Account
    package let afterRound: AgentLedgers.Account?
    package let afterAll: AgentLedgers.Account?
    /// Rounds of the task that this agent may yet be in.
    package let rounds: Int
    package let standing: Approvals.Standing
    /// Why it is not served as things stand, one line each: approval, policy, budget, signature.
    package let obstacles: [String]
    package let problem: String?

    /// The digest in groups of four digits, as two people compare it by telephone.
    package var spokenDigest: String { Self.grouped(digest) }

    package static func grouped(_ digits: String) -> String {
        stride(from: 0, to: digits.count, by: 4)
            .map { String(digits.dropFirst($0).prefix(4)) }.joined(separator: " ")
    }
}

/// Asks every server of a configuration what it would have this site do. Works while the agent runs.
package struct TaskInquiry {
    private let configuration: AgentConfiguration
    private let gate: PolicyGate
    private let ledgers: AgentLedgers?
    private let approvals: Approvals
    private let roundsToday: Int
    private let spent: AgentLedgers.Account

    /// What was asked, and which servers could not be.
    package typealias Answer = (tasks: [AskedTask], failures: [(server: String, failure: Failure)])

    /// Asks. Throws a ``Failure`` where the state directory's files are damaged.
    package static func ask(_ configuration: AgentConfiguration, log: Logger) throws -> Answer {
        try ask(configuration, configuration.servers, log)
    }

    /// Asks one of the servers, or where that is nil all of them.
    static func ask(
        _ configuration: AgentConfiguration, server: AgentConfiguration.Server?, log: Logger
    ) throws -> Answer {
        try ask(configuration, server.map { [$0] } ?? configuration.servers, log)
    }

    private static func ask(
        _ configuration: AgentConfiguration, _ servers: [AgentConfiguration.Server], _ log: Logger
    ) throws -> Answer {
        let inquiry = try TaskInquiry(configuration)
        var answer: Answer = ([], [])
        for server in servers {
            do {
                let speaking = configuration.speaking(to: server)
                let link = ServerLink(
                    client: try AgentConnection.client(speaking), stop: try StopSignal(), log: log)
                link.client.configuration.connectTimeout = 10_000
                answer.tasks += try inquiry.tasks(link, server.endpoint.description)
            } catch {
                answer.failures.append((server.endpoint.description, Failure(wrapping: error)))
            }
        }
        return answer
    }

    private init(_ configuration: AgentConfiguration) throws {
        self.configuration = configuration
        gate = PolicyGate(configuration.policy, rosterDigest: configuration.roster?.digest)
        let folder = configuration.stateDirectory
        approvals = try Approvals(in: folder, reviewers: configuration.policy.reviewers)
        // Before its first start an agent has spent nothing.
        var status = stat()
        let hasWorked = stat("\(folder)/runs", &status) == 0
        ledgers = hasWorked ? try AgentLedgers.reading(folder) : nil
        spent =
            try ledgers?.account(under: configuration.policy)
            ?? AgentLedgers.Account(rounds: 0, server: 0, members: 0, record: 0)
        roundsToday = try RoundProgress(path: "\(folder)/progress.json").roundsWithinDay(before: time(nil))
    }

    private func tasks(_ link: ServerLink, _ server: String) throws -> [AskedTask] {
        guard let list = try link.tasks() else {
            guard let offer = try link.offer() else { return [] }
            return [judge(offer, nil, server)]
        }
        let fingerprint = try SHA256.text(of: Hexadecimal.bytes(of: list.key) ?? [])
        return try list.tasks.map { entry in
            let origin = AskedTask.Origin(
                state: entry.state, submittedBy: entry.submittedBy, submitted: entry.submitted,
                isSigned: list.isSigned(entry), keyFingerprint: fingerprint)
            guard let offer = try link.offer(AgentProtocol.paths(of: entry.run)) else {
                return unread(entry, origin, server, "the server does not tell the task")
            }
            guard offer.run == entry.run, offer.taskSHA256 == entry.taskSHA256 else {
                return unread(entry, origin, server, "the server lists another task than it offers")
            }
            return judge(offer, origin, server)
        }
    }

    private func unread(
        _ entry: TaskList.Entry, _ origin: AskedTask.Origin, _ server: String, _ why: String
    ) -> AskedTask {
        asked(entry.run, entry.name, entry.taskSHA256, origin, server, 0, problem: why)
    }

    private func judge(_ offer: TaskOffer, _ origin: AskedTask.Origin?, _ server: String) -> AskedTask {
        do {
            let task = try OfferedTask(offer, frozenLimit: configuration.frozenLimit)
            return asked(
                offer.run, task.configuration.name, offer.taskSHA256, origin, server, offer.population, task)
        } catch {
            return asked(
                offer.run, "?", offer.taskSHA256, origin, server, offer.population,
                problem: Failure(wrapping: error).message)
        }
    }

    private func asked(
        _ run: String, _ name: String, _ digest: String, _ origin: AskedTask.Origin?, _ server: String,
        _ population: Int, _ task: OfferedTask? = nil, problem: String? = nil
    ) -> AskedTask {
        var problem = problem
        var obstacles: [String] = []
        if origin?.isSigned == false { obstacles.append("the server's signature of the task is not one") }
        if let why = approvals.obstacle(to: digest, under: configuration.policy) { obstacles.append(why) }
        var (afterRound, afterAll): (AgentLedgers.Account?, AgentLedgers.Account?) = (nil, nil)
        var rounds = 0
        if let task {
            rounds = Self.rounds(task.plan, charged: ledgers?.bindings[run]?.rounds ?? 0)
            do {
                let own = try ledgers ?? AgentLedgers.none()
                afterRound = try own.account(
                    after: min(1, rounds), of: task.plan, under: configuration.policy)
                afterAll = try own.account(after: rounds, of: task.plan, under: configuration.policy)
                obstacles += try violations(task, own)
            } catch {
                problem = Failure(wrapping: error).message
            }
        }
        return AskedTask(
            server: server, run: run, name: name, digest: digest, origin: origin, task: task,
            population: population, spent: spent, afterRound: afterRound, afterAll: afterAll, rounds: rounds,
            standing: approvals.standing(of: digest), obstacles: obstacles, problem: problem)
    }

    /// Rounds that an agent can be in, by the task's own bounds, of which it has been charged some.
    private static func rounds(_ plan: TaskPlan, charged: Int) -> Int {
        let bounds = [
            plan.configuration.rounds, plan.rules.pattern?.participations,
            plan.configuration.asynchronous?.maximalParticipations,
        ]
        return max(0, (bounds.compactMap(\.self).min() ?? 0) - charged)
    }

    private func violations(_ task: OfferedTask, _ ledgers: AgentLedgers) throws -> [String] {
        let early = gate.judge(task: task.configuration, roundsToday: roundsToday)
        guard early.isEmpty else { return early.map(\.description) }
        return try gate.judge(
            task.plan, clippingNorm: task.plan.privacy?.configuration.clippingNorm ?? .infinity,
            spending: gate.spending(ledgers, after: task.plan), roundsToday: roundsToday
        ).map(\.description)
    }
}
