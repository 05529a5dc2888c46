package import Configuration
internal import Datasets
package import Ledger
package import Operations
package import Transport

/// An agent's configuration file: strict JSON5, relative paths from the file's own folder.
package struct AgentConfiguration: Sendable {
    /// Where the certificate, its key and the authority's certificate lie.
    package struct Credentials: Equatable, Sendable {
        package var certificate: String
        package var key: String
        package var authority: String
    }

    /// Shape and detail of the log on standard error.
    package struct Log: Equatable, Sendable {
        package var format = Logger.Format.text
        package var level = Logger.Level.info
    }

    /// A server and how it is spoken to.
    package struct Server: Equatable, Sendable {
        package var endpoint: SocketEndpoint
        package var proxy: SocketEndpoint?
        package var credentials: Credentials
    }

    /// The server, or the first of several.
    package var server: SocketEndpoint
    package var proxy: SocketEndpoint?
    package var credentials: Credentials
    /// Servers beside that one, which are served in turn from the same data under the same budget.
    package var others: [Server]
    /// The data section as written, checked in form; nil where the external trainer finds its own data.
    package var data: JSONValue?
    package var stateDirectory: String
    package var policy: AgentPolicy
    /// The only agents that this one will be summed with (`policy.roster`, a file); nil: any that the authority
    /// certifies.
    package var roster: PinnedRoster?
    /// Nil for the built-in trainer.
    package var trainer: TrainerCommand?
    package var conditions: WorkConditions
    package var bandwidth: BandwidthLimits
    /// Added to the process's niceness, 0 to 19.
    package var nice: Int
    /// Bytes of address space of this process; nil leaves the system's limit.
    package var memoryLimit: Int?
    /// Bytes of the largest file of frozen parameters that is fetched for a task.
    package var frozenLimit: Int
    /// Seconds that a check-in may wait at the server.
    package var pollSeconds: Int
    package var log: Log
    /// Port of 127.0.0.1 on which the agent shows its status to browsers of its host; nil: it does not.
    package var statusPort: UInt16?
    /// The folder that relative paths start from.
    package let folder: String

    /// Reads a configuration file. Throws ``ConfigurationError`` for the first thing that is not right.
    package init(contentsOf file: String) throws {
        try self.init(ConfigurationDocument(contentsOf: file))
    }

    /// Reads a document. Throws ``ConfigurationError``.
    package init(_ document: ConfigurationDocument) throws {
        let root = try Section(document.root, path: "")
        let folder = document.folder
        self.folder = folder
        let servers = try ServerSections.read(root, folder)
        (server, proxy, credentials) = (servers[0].endpoint, servers[0].proxy, servers[0].credentials)
        others = Array(servers.dropFirst())
        data = root.value("data")
        if let data { _ = try DataSource(data, path: "data", folder: folder) }
        trainer = try root.section("trainer").map { try TrainerCommand($0, folder: folder) }
        guard data != nil || trainer != nil else {
            throw root.error(
                "data", "is missing: say where the data lie, or give an external trainer that knows")
        }
        guard let state = try root.string("state_directory"), !state.isEmpty else {
            throw root.error("state_directory", "is missing: a folder for the outbox and the privacy ledger")
        }
        stateDirectory = Self.path(state, folder)
        let rules = try root.section("policy")
        roster = try rules?.string("roster").map { try PinnedRoster(contentsOf: Self.path($0, folder)) }
        policy = try PolicySection.read(rules)
        guard policy.quasiIdentifiers.isEmpty || trainer == nil else {
            throw root.error(
                "policy.quasi_identifiers",
                "are counted in data that the agent reads itself; an external trainer's it does not see")
        }
        conditions = try WorkConditions(root.section("conditions"))
        bandwidth = try BandwidthLimits(root.section("bandwidth"))
        nice = try root.integer("nice", in: 0...19) ?? 0
        // Results may not depend on a number of threads, so products run on one; the key says so plainly.
        _ = try root.integer("threads", in: 1...1)
        memoryLimit = try root.integer("memory_limit_bytes", in: (64 << 20)...Int.max)
        frozenLimit = try root.integer("frozen_limit_bytes", in: 0...Int.max) ?? FrozenRules.defaultLimit
        pollSeconds = try root.integer("poll_seconds", in: 1...60) ?? 50
        log = try Self.log(root.section("log"))
        statusPort = try root.string("status_page").map { text in
            guard let endpoint = SocketEndpoint(text), ["127.0.0.1", "localhost"].contains(endpoint.host)
            else {
                throw root.error(
                    "status_page", "must be \"127.0.0.1:PORT\": it is for browsers of this host alone")
            }
            return endpoint.port
        }
        try root.finish()
    }

    /// Every server, in the order of the file.
    package var servers: [Server] {
        [Server(endpoint: server, proxy: proxy, credentials: credentials)] + others
    }

    /// The configuration as one of its servers is spoken to.
    package func speaking(to server: Server) -> AgentConfiguration {
        var configuration = self
        configuration.server = server.endpoint
        configuration.proxy = server.proxy
        configuration.credentials = server.credentials
        return configuration
    }

    private static func log(_ section: Section?) throws -> Log {
        guard let section else { return Log() }
        let log = Log(
            format: try section.choice("format", of: Logger.Format.self) ?? .text,
            level: try section.choice("level", of: Logger.Level.self) ?? .info)
        try section.finish()
        return log
    }

    /// A path as written, from `folder` unless absolute.
    static func path(_ written: String, _ folder: String) -> String {
        written.hasPrefix("/") ? written : "\(folder)/\(written)"
    }
}

/// `https://host:port` as configurations and command lines give it.
package enum ServerURL {
    /// The endpoint of an address; nil unless it is `https://host[:port]` or `host:port`, without a path.
    package static func parse(_ text: String) -> SocketEndpoint? {
        var rest = text[...]
        let isAddress = rest.hasPrefix("https://")
        if isAddress { rest = rest.dropFirst("https://".count) }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        if let endpoint = SocketEndpoint(String(rest)), endpoint.port > 0 { return endpoint }
        guard isAddress else { return nil }
        return SocketEndpoint("\(rest):443")
    }

    static func endpoint(_ section: Section, _ key: String) throws -> SocketEndpoint {
        guard let text = try section.string(key) else {
            throw section.error(key, "is missing, for example \"https://federation.example:8443\"")
        }
        guard let endpoint = parse(text) else {
            throw section.error(key, "must be \"https://host:port\", not \"\(text)\"")
        }
        return endpoint
    }
}
