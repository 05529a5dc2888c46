internal import Compute
package import Configuration
package import Federation
package import Transport

/// The `server` section and the task that it serves, as written in one configuration file.
package struct ServerConfiguration: Sendable {
    /// Paths of PEM files.
    package struct TLSFiles: Equatable, Sendable {
        package var certificate: String
        package var key: String
        /// The authority whose certificates agents must have.
        package var authority: String
        /// Its revocation list; nil: none is looked at.
        package var revocations: String?
    }

    /// Bounds on what agents may make the server hold.
    package struct Limits: Equatable, Sendable {
        package var connections = 10_000
        package var connectionsPerAgent = 16
        package var bodyBytesInFlight = 256 << 20
        /// Bytes of memory for updates that are on their way to the disk; those beyond go there piece by piece, which
        /// takes longer.
        package var uploadMemory = 128 << 20
        /// Check-ins held open at once; more are answered at once.
        package var heldCheckIns = 20_000
        /// Rate of check-ins that pace steering aims at, a second.
        package var checkInsPerSecond = 200.0
    }

    package var task: TaskConfiguration
    /// The `task` section as written.
    package var taskSection: JSONValue
    /// Whether the model leaves its number of outputs to the data: until ``completed(for:)`` it has a stand-in.
    package private(set) var lacksOutputs: Bool
    package var listen: SocketEndpoint
    package var admin: SocketEndpoint
    package var stateDirectory: String
    package var tls: TLSFiles
    /// File of hashed admin tokens; nil: the admin listener lets nobody in but to health and readiness.
    package var adminTokens: String?
    /// Clients that the task is planned for.
    package var population: Int
    /// Names of all clients in their order, where a roster file is given.
    package var roster: [String]?
    /// What all runs over the roster may spend together; nil: each run has its own budget alone.
    var rosterBudget: RosterBudget.Limit?
    package var seed: UInt64
    /// `data` or `holdout` section; nil: the server has no data.
    package var data: JSONValue?
    /// Shape of one example, where the server has no data.
    package var inputShape: [Int]?
    /// Preprocessing that agents must use, where the server has no data.
    package var preprocessing: JSONValue?
    /// Where enrolment is relayed to; nil: enrolment is not offered here.
    package var authorityService: SocketEndpoint?
    /// Seconds to wait for a full cohort before a round opens with those present.
    package var gatherSeconds: Double
    /// Seconds after its last check-in for which an agent counts as present.
    package var presenceSeconds: Double
    /// Published models that are kept.
    package var modelsKept: Int
    /// Rounds that have a file each; those before them stand together, many in a file.
    package var roundsKept: Int
    package var limits: Limits
    /// Whom to call, and for what.
    var notices: NoticeSettings
    /// Whether the server starts a program of the user's.
    package var startsPrograms: Bool { notices.command != nil }
    /// Event loops of the agent listener; 0: one a core.
    package var loops: Int
    /// End the process when the run has finished, rather than go on serving its results.
    package var exitWhenFinished: Bool
    /// Seconds for which a finished run is still there for agents that have not heard of its end, before the process
    /// ends.
    package var lingerSeconds: Double
    /// Pauses of a stalled run; no key of the file.
    package var stallPauses = StallPauses()
    /// Folder that relative paths start from.
    package var folder: String

    /// Reads a server's file; a `simulation` section beside it is left alone. Throws ``ConfigurationError``.
    package init(_ document: ConfigurationDocument) throws {
        let document = try document.withSchemaRead()
        let (written, lacksOutputs) = Self.readable(document.root)
        self.lacksOutputs = lacksOutputs
        let root = try Section(written, path: "")
        guard let task = try root.section("task"), let taskSection = root.value("task") else {
            throw root.error("task", "is missing")
        }
        guard let server = try root.section("server") else {
            throw root.error("server", "is missing: where to listen, where to keep state")
        }
        _ = root.value("simulation")
        self.task = try TaskConfiguration(task)
        self.taskSection = taskSection
        try root.finish()
        folder = document.folder
        let folder = document.folder
        listen = try Self.endpoint(server, "listen") ?? SocketEndpoint(host: "0.0.0.0", port: 8443)
        admin = try Self.endpoint(server, "admin") ?? SocketEndpoint(host: "127.0.0.1", port: 9443)
        stateDirectory = Self.resolve(try server.string("state_directory") ?? "state", folder)
        tls = try Self.tls(server, folder)
        adminTokens = try server.string("admin_tokens").map { Self.resolve($0, folder) }
        roster = try server.string("roster").map { try RosterFile.names(Self.resolve($0, folder)) }
        rosterBudget = try server.section("roster_budget").map {
            try RosterBudget.Limit($0, base: document.folder)
        }
        guard let population = try server.integer("population", in: 1...100_000_000) ?? roster?.count else {
            throw server.error("population", "is missing: for how many clients the task is planned")
        }
        self.population = population
        seed = UInt64(try server.integer("seed", in: 0...Int.max) ?? 1)
        data = server.value("data") ?? server.value("holdout")
        inputShape = try Self.shape(server)
        preprocessing = server.value("preprocessing")
        authorityService = try Self.endpoint(server, "ca_service")
        gatherSeconds = try server.seconds("gather") ?? 5
        presenceSeconds = try server.seconds("presence") ?? 120
        let retention = try server.section("retention")
        modelsKept = try retention?.integer("models", in: 2...1_000_000) ?? 20
        roundsKept = try retention?.integer("rounds", in: 10...1_000_000) ?? 1000
        try retention?.finish()
        limits = try Limits(server.section("limits"))
        notices =
            try server.section("notices").map { try NoticeSettings($0, folder: folder) } ?? NoticeSettings()
        loops = try server.integer("loops", in: 0...256) ?? 0
        exitWhenFinished = try server.bool("exit_when_finished") ?? false
        lingerSeconds = try server.seconds("linger") ?? 30
        try server.finish()
        try check(server)
    }

    /// A configuration whose model may leave its number of outputs to the data, so that all of it can be read.
    private static func readable(_ root: JSONValue) -> (JSONValue, lacksOutputs: Bool) {
        guard case .object(var members) = root, let task = members["task"], ModelOutputs.areMissing(in: task)
        else { return (root, false) }
        members["task"] = ModelOutputs.standIn(in: task)
        return (.object(members), true)
    }

    /// The same with as many outputs as the targets need, where the model leaves that to the data. Throws
    /// ``ConfigurationError`` where nobody says what the targets are.
    func completed(for targets: Examples.Targets?) throws -> ServerConfiguration {
        guard lacksOutputs else { return self }
        guard let targets else {
            throw ConfigurationError(
                path: "task.model.classes",
                problem: "is missing, and neither server.data nor task.schema says how many classes there are"
            )
        }
        var completed = self
        completed.taskSection = ModelOutputs.completing(taskSection, for: targets)
        completed.task = try TaskConfiguration(Section(completed.taskSection, path: "task"))
        completed.lacksOutputs = false
        return completed
    }

    /// What this version cannot carry out, or could not keep its word about, is refused before it starts.
    private func check(_ server: Section) throws {
        if let roster, roster.count != population {
            throw server.error(
                "population", "is \(population), but the roster names \(roster.count) clients")
        }
        // Amplification holds only when the cohort is drawn, in secret, from everyone who could be chosen.
        if task.privacy.mode != .none, task.privacy.sampling != .none, roster == nil {
            throw server.error(
                "roster",
                "is missing: task.privacy.sampling \"\(task.privacy.sampling.rawValue)\" claims amplification, "
                    + "which holds only for cohorts drawn from the whole enrolled roster; name it, or use \"none\""
            )
        }
        guard task.secureAggregation.scheme == .masks else {
            throw ConfigurationError(
                path: "task.secure_aggregation.scheme",
                problem:
                    "is \"lattice\", which simulations have (--secagg real) and agents do not yet; use \"masks\""
            )
        }
        if data != nil, inputShape != nil {
            throw server.error("input_shape", "follows from the data; remove one of the two")
        }
    }

    private static func endpoint(_ section: Section, _ key: String) throws -> SocketEndpoint? {
        guard let text = try section.string(key) else { return nil }
        guard let endpoint = SocketEndpoint(text) else {
            throw section.error(key, "must be HOST:PORT such as \"127.0.0.1:8443\", not \"\(text)\"")
        }
        return endpoint
    }

    private static func tls(_ server: Section, _ folder: String) throws -> TLSFiles {
        guard let section = try server.section("tls") else {
            throw server.error("tls", "is missing: { certificate, key, ca }")
        }
        func path(_ key: String) throws -> String {
            guard let path = try section.string(key) else {
                throw section.error(key, "is missing: a PEM file")
            }
            return resolve(path, folder)
        }
        let files = TLSFiles(
            certificate: try path("certificate"), key: try path("key"), authority: try path("ca"),
            revocations: try section.string("crl").map { resolve($0, folder) })
        try section.finish()
        return files
    }

    private static func shape(_ server: Section) throws -> [Int]? {
        try server.list("input_shape").map { items in
            try items.map { item in
                guard case .integer(let size) = item, size > 0, size < 1 << 31 else {
                    throw server.error("input_shape", "must be a list of sizes such as [784]")
                }
                return size
            }
        }
    }

    private static func resolve(_ path: String, _ folder: String) -> String {
        path.hasPrefix("/") ? path : "\(folder)/\(path)"
    }
}

extension ServerConfiguration.Limits {
    /// Reads `server.limits`; absent keys keep their defaults.
    init(_ section: Section?) throws {
        self.init()
        guard let section else { return }
        connections = try section.integer("connections", in: 1...1_000_000) ?? connections
        connectionsPerAgent =
            try section.integer("connections_per_agent", in: 1...1000) ?? connectionsPerAgent
        bodyBytesInFlight =
            try section.integer("body_bytes_in_flight", in: (1 << 20)...(1 << 40)) ?? bodyBytesInFlight
        uploadMemory = try section.integer("upload_memory", in: 0...(1 << 40)) ?? uploadMemory
        heldCheckIns = try section.integer("held_check_ins", in: 0...1_000_000) ?? heldCheckIns
        checkInsPerSecond = try section.positive("check_ins_per_second") ?? checkInsPerSecond
        try section.finish()
    }
}
