internal import Configuration
package import Transport

/// The `server` section as far as it is the same for every task that the server runs: where it listens, where it keeps what,
/// whom it believes, and what it bears.
package struct ServerSettings: Sendable {
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

    package var listen: SocketEndpoint
    package var admin: SocketEndpoint
    package var stateDirectory: String
    package var tls: TLSFiles
    /// File of hashed admin tokens; nil: the admin listener lets nobody in but to health and readiness.
    package var adminTokens: String?
    /// Where everything that administrators do is written down.
    package var audit: AuditConfiguration
    /// Names of all clients in their order, where a roster file is given.
    package var roster: [String]?
    /// What all runs over the roster may spend together; nil: each run has its own budget alone.
    var rosterBudget: RosterBudget.Limit?
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
    /// Seconds for which a finished run is still there for agents that have not heard of its end, before it ends.
    package var lingerSeconds: Double

    /// Reads what of the section is the same for every task; the rest is for others to read and to finish. Relative paths
    /// start from `folder`. Throws ``ConfigurationError``.
    init(_ server: Section, folder: String) throws {
        listen = try Self.endpoint(server, "listen") ?? SocketEndpoint(host: "0.0.0.0", port: 8443)
        admin = try Self.endpoint(server, "admin") ?? SocketEndpoint(host: "127.0.0.1", port: 9443)
        stateDirectory = Self.resolve(try server.string("state_directory") ?? "state", folder)
        tls = try Self.tls(server, folder)
        adminTokens = try server.string("admin_tokens").map { Self.resolve($0, folder) }
        audit = try AuditConfiguration(server.section("audit")) { Self.resolve($0, folder) }
        roster = try server.string("roster").map { try RosterFile.names(Self.resolve($0, folder)) }
        rosterBudget = try server.section("roster_budget").map {
            try RosterBudget.Limit($0, base: folder)
        }
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

    /// A path as written, from `folder` unless absolute.
    static func resolve(_ path: String, _ folder: String) -> String {
        path.hasPrefix("/") ? path : "\(folder)/\(path)"
    }
}

extension ServerSettings.Limits {
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
