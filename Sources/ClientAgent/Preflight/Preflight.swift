internal import Compute
internal import Configuration
internal import Cryptography
internal import Datasets
internal import Federation
internal import FoundationEssentials
internal import Glibc
internal import HTTPWire
internal import Learning
internal import Ledger
internal import Messages
package import Operations
internal import Transport

/// What one look of the preflight found.
package struct PreflightFinding: Equatable, Sendable {
    /// What was looked at, such as `certificate`.
    package let subject: String
    /// Nil where all is well; otherwise the status that `run` would end with.
    package let problem: ExitCode?
    /// One line: how it stands, or what is wrong and how to mend it.
    package let detail: String
}

/// Looks at everything that a run would need and names every problem, not only the first.
package struct Preflight {
    /// The configuration as the server is spoken to that is looked at.
    private(set) var configuration: AgentConfiguration
    /// What tells the findings of one of several servers apart.
    private var place = ""
    private var findings: [PreflightFinding] = []

    /// Greatest difference of clocks that is no problem, in seconds: certificates are issued with some slack.
    private static let tolerableSkew: Int64 = 60

    /// Examines what `configuration` names. Nothing is changed but the state directory, which is made if missing.
    package static func examine(_ configuration: AgentConfiguration) -> [PreflightFinding] {
        var preflight = Preflight(configuration: configuration)
        preflight.each(configuration) {
            $0.look("certificate", $0.certificate)
            $0.look("masked rounds", $0.masking)
            $0.look("key file", $0.keyMode)
        }
        preflight.look("state", preflight.state)
        preflight.look("policy", preflight.policy)
        preflight.look(configuration.trainer == nil ? "data" : "trainer", preflight.data)
        preflight.look("conditions", preflight.conditions)
        preflight.each(configuration) { $0.network() }
        return preflight.findings
    }

    /// Looks at one server after the other.
    private mutating func each(_ whole: AgentConfiguration, _ body: (inout Preflight) -> Void) {
        for server in whole.servers {
            configuration = whole.speaking(to: server)
            place = whole.others.isEmpty ? "" : " of \(server.endpoint)"
            body(&self)
        }
        (configuration, place) = (whole, "")
    }

    private init(configuration: AgentConfiguration) { self.configuration = configuration }

    mutating func look(_ subject: String, _ body: () throws -> String) {
        let subject = subject + place
        do {
            findings.append(PreflightFinding(subject: subject, problem: nil, detail: try body()))
        } catch {
            let failure = Failure(wrapping: error)
            findings.append(
                PreflightFinding(subject: subject, problem: failure.exitCode, detail: failure.message))
        }
    }

    // MARK: On this host

    private func certificate() throws -> String {
        let own = try AgentCredentials(configuration.credentials)
        try own.require(at: Date())
        return try own.summary(at: Date())
    }

    /// Masked rounds ask more of a certificate than TLS does: members tell each other apart by the authority's own
    /// signature, whatever the server says.
    private func masking() throws -> String {
        guard let own = try? AgentCredentials(configuration.credentials) else {
            return "not known: the certificate's files cannot be read"
        }
        guard let obstacle = own.maskingObstacle(at: Date()) else {
            return try "this certificate can sign in them; \(revocations())"
        }
        let policy = configuration.policy
        let text =
            "this certificate cannot sign in them (\(obstacle)): they need one for sordino://agent/NAME with an Ed25519 or"
            + " P-256 key, signed by an authority of sordino certs itself"
        // Where every round that the policy allows is masked, nothing is left to do with this certificate.
        let canDoWithout = policy.modes.contains { mode in
            switch mode {
            case .distributed: false
            case .local: !policy.requiresMasks
            case .none, .central: true
            }
        }
        guard canDoWithout else { throw Failure(.network, text) }
        return "\(text); rounds without masks are not concerned"
    }

    /// What is known of the authority's revocation list before the server is asked for it.
    private func revocations() throws -> String {
        let authority = try AgentCertificate(configuration.credentials).authority
        let path = configuration.stateDirectory + "/" + PeerRevocations.fileName
        guard let list = try PeerRevocations.kept(path, authority) else {
            return configuration.policy.requiresRevocationList
                ? "the server must pass the authority's revocation list on" : "no revocation list is kept yet"
        }
        return "the revocation list that is kept counts until \(Expiry.text(list.nextUpdate))"
    }

    private func keyMode() throws -> String {
        let path = configuration.credentials.key
        var status = stat()
        guard stat(path, &status) == 0 else { throw Failure(.network, "\(path): no such file") }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw Failure(.network, "\(path) has mode \(mode): run chmod 600 on it")
        }
        return "only its owner can read \(path)"
    }

    private func state() throws -> String {
        let state = try StateDirectory(configuration.stateDirectory)
        let ledgers = try AgentLedgers(state: state)
        _ = try RoundProgress(path: state.file("progress.json"))
        let waiting = try Outbox(folder: state.file("outbox")).entries().count
        let policy = configuration.policy
        let spent = try ledgers.spent(delta: policy.maximalDelta)
        let rest = waiting > 0 ? "; \(waiting) finished reports wait to be sent" : ""
        // A server that is trusted with exact updates is told without bound by its nature, and no budget ends that.
        guard spent.isFinite || !policy.trustsServer else {
            return "the trusted server was sent exact updates: epsilon is unbounded against it\(rest)"
        }
        guard spent < policy.maximalEpsilon || policy.trustsServer else {
            throw Failure(
                .refused,
                "the privacy budget is spent: epsilon \(spent) of \(policy.maximalEpsilon) at delta \(policy.maximalDelta)"
            )
        }
        return
            "epsilon \(Quantity.decimal(spent, places: 4)) of \(policy.maximalEpsilon) spent at delta \(policy.maximalDelta)\(rest)"
    }

    private func policy() throws -> String {
        let policy = configuration.policy
        guard !policy.modes.isEmpty || policy.trustsServer else {
            throw Failure(.refused, "policy.modes is empty: no round could ever be served")
        }
        if policy.modes.contains(.none), !policy.trustsServer {
            throw Failure(.refused, "policy.modes allows none, which also needs trust_server: true")
        }
        if policy.modes.contains(.central), !policy.trustsServer {
            throw Failure(.refused, "policy.modes allows central, which also needs trust_server: true")
        }
        let modes = policy.modes.map(\.rawValue).sorted().joined(separator: ", ")
        let trust = policy.trustsServer ? "; the server is trusted with exact updates" : ""
        return
            "modes \(modes); epsilon up to \(policy.maximalEpsilon) at delta \(policy.maximalDelta)\(trust)"
    }

    private func data() throws -> String {
        if let trainer = configuration.trainer {
            guard let program = Self.program(trainer.command[0], folder: trainer.folder) else {
                throw Failure(
                    .invalidInput, "trainer.command: \(trainer.command[0]) is not an executable program")
            }
            return "external: \(program)"
        }
        guard let section = configuration.data else {
            throw ConfigurationError(path: "data", problem: "is missing")
        }
        let crowd = Crowd(configuration.policy)
        let source = try DataSource(
            section, path: "data", folder: configuration.folder,
            identifierHash: IdentifierKey.hash(of: section, configuration))
        // Which task will come is not known here; one that reconstructs its input needs no label.
        let namesLabel =
            if case .object(let members) = section { members["label", default: .null] != .null } else { true }
        let dataset = try source.load(seed: 0, keep: crowd.columns, requiresLabel: namesLabel)
        try crowd.require(dataset.kept.train)
        let unlabelled = if case .values(_, width: 0) = dataset.train.targets { true } else { false }
        let skipped = dataset.skippedRows > 0 ? ", \(dataset.skippedRows) rows left out" : ""
        return "\(dataset.train.count) examples of \(dataset.train.featureCount) features\(skipped)"
            + (unlabelled ? "; without a label, which most tasks need: say which column it is (label)" : "")
            + dataset.warnings.map { "; \($0)" }.joined()
    }

    private func conditions() throws -> String {
        configuration.conditions.obstacle(in: .now).map { "would wait now: \($0)" } ?? "would work now"
    }

    private static func program(_ name: String, folder: String) -> String? {
        let candidates: [String]
        if name.contains("/") {
            candidates = [AgentConfiguration.path(name, folder)]
        } else {
            let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
            candidates = path.split(separator: ":").map { "\($0)/\(name)" }
        }
        return candidates.first { access($0, X_OK) == 0 }
    }

    // MARK: The server

    private mutating func network() {
        var date: Int64?
        let configuration = configuration
        look("server") {
            date = try Self.dateOfAnswer(configuration)
            return "\(configuration.server) answers"
        }
        guard findings.last?.problem == nil else { return }
        look("clock") {
            guard let date else { throw Failure(.network, "the server's answer has no date") }
            let skew = Int64(time(nil)) - date
            guard abs(skew) <= Self.tolerableSkew else {
                let direction = skew > 0 ? "ahead of" : "behind"
                throw Failure(
                    .network, "this host's clock is \(abs(skew)) s \(direction) the server's: set it by NTP")
            }
            return "\(abs(skew)) s from the server's"
        }
        task()
    }

    /// The task on offer, judged as `run` judges it.
    private mutating func task() {
        var offered: OfferedTask?
        let configuration = configuration
        if let runs = listed() { return look(at: runs) }
        look("task") {
            let link = ServerLink(
                client: try AgentConnection.client(configuration), stop: try StopSignal(),
                log: Logger(level: .error))
            guard let offer = try link.offer() else { return "the server does not tell its task" }
            let task = try OfferedTask(offer, frozenLimit: configuration.frozenLimit)
            offered = task
            return Self.summary(task, offer) + Self.frozen(task, configuration)
        }
        guard let offered else { return }
        var isForbidden = false
        look("task policy") {
            let approvals = try Approvals(
                in: configuration.stateDirectory, reviewers: configuration.policy.reviewers)
            if let why = approvals.obstacle(to: offered.digest, under: configuration.policy) {
                isForbidden = true
                throw Failure(.refused, why)
            }
            let violations = try Self.violations(offered, configuration)
            guard violations.isEmpty else {
                throw Failure(.refused, violations.map(\.description).joined(separator: "; "))
            }
            return "within this agent's policy and budget"
        }
        // For what this site's people have not approved no data are touched.
        guard !isForbidden else { return }
        look("task data") { try Self.examine(offered, configuration) }
    }

    /// Holds the agent's data against a task.
    static func examine(_ task: OfferedTask, _ configuration: AgentConfiguration) throws -> String {
        let trainer = try Agent.trainer(
            configuration, folder: "\(configuration.stateDirectory)/trainer", isStopped: { false })
        try trainer.examine(task.job)
        return "what this agent has fits the task"
    }

    private static func summary(_ task: OfferedTask, _ offer: TaskOffer) -> String {
        let shape = offer.inputShape.map(String.init).joined(separator: " x ")
        let time: String
        if let seconds = task.configuration.reportAfter {
            time = "reports leave after \(seconds) s"
        } else if task.plan.hidesTime {
            time =
                "no report_after: the time of a report tells how long training took, to a factor of two"
        } else {
            time = "reports leave when they are ready"
        }
        return
            "\(task.configuration.name): inputs of \(shape), mode \(task.configuration.privacy.mode.rawValue), \(time)"
    }

    /// What `run` will fetch for the task, once; empty where nothing of its model is frozen.
    static func frozen(_ task: OfferedTask, _ configuration: AgentConfiguration) -> String {
        guard let stated = task.plan.model.spec.frozenFile else { return "" }
        let folder = "\(configuration.stateDirectory)/\(FrozenModels.folderName)"
        let isThere = FrozenModels.isThere(stated, in: folder)
        return "; \(Quantity.bytes(stated.bytes)) of frozen parameters "
            + (isThere ? "are here" : "will be fetched, once")
    }

    /// What of the task `run` would refuse now.
    private static func violations(
        _ task: OfferedTask, _ configuration: AgentConfiguration
    ) throws -> [PolicyViolation] {
        let gate = PolicyGate(configuration.policy, rosterDigest: configuration.roster?.digest)
        let state = try StateDirectory(configuration.stateDirectory)
        let today = try RoundProgress(path: state.file("progress.json")).roundsWithinDay(before: time(nil))
        let spending = try gate.spending(AgentLedgers(state: state), after: task.plan)
        let early = gate.judge(task: task.configuration, roundsToday: today)
        guard early.isEmpty else { return early }
        return gate.judge(
            task.plan, clippingNorm: task.plan.privacy?.configuration.clippingNorm ?? .infinity,
            spending: spending, roundsToday: today)
    }

    /// Reachability, TLS and the server's clock: the request asks for nothing, and any answer carries a date.
    private static func dateOfAnswer(_ configuration: AgentConfiguration) throws -> Int64? {
        let client = try AgentConnection.client(configuration)
        client.configuration.connectTimeout = 10_000
        let response = try client.exchange(ClientRequest(.get, AgentProtocol.checkInPath), limit: 64 << 10)
        guard response.status != 401 && response.status != 403 else {
            throw Failure(
                .network,
                "the server does not let this agent in: \(ServerLink.reason(response))")
        }
        return response.head.headers["date"].flatMap(HTTPDate.parse)
    }
}
