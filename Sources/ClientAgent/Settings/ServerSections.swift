internal import Configuration
internal import Transport

/// The servers of an agent's configuration: `server`, `proxy` and `tls`, or a list of such objects under `servers`.
enum ServerSections {
    /// Most servers that one agent serves.
    private static let most = 32

    /// Reads either form; at least one server. Throws ``ConfigurationError``.
    static func read(_ root: Section, _ folder: String) throws -> [AgentConfiguration.Server] {
        guard let items = try root.list("servers") else { return [try server(root, folder)] }
        for key in ["server", "proxy", "tls"] where root.value(key) != nil {
            throw root.error(key, "stands beside servers: give either one server or the list of them")
        }
        guard (1...most).contains(items.count) else {
            throw root.error("servers", "must be a list of 1 to \(most) servers")
        }
        let servers = try items.enumerated().map { index, item in
            let section = try Section(item, path: "servers[\(index)]")
            let server = try server(section, folder)
            try section.finish()
            return server
        }
        guard Set(servers.map(\.endpoint.description)).count == servers.count else {
            throw root.error("servers", "names a server twice")
        }
        return servers
    }

    private static func server(
        _ section: Section, _ folder: String
    ) throws -> AgentConfiguration.Server {
        AgentConfiguration.Server(
            endpoint: try ServerURL.endpoint(section, "server"), proxy: try proxy(section),
            credentials: try credentials(section, folder))
    }

    private static func proxy(_ section: Section) throws -> SocketEndpoint? {
        try section.string("proxy").map { text in
            guard let proxy = SocketEndpoint(text) else {
                // A password in it is not repeated.
                throw section.error(
                    "proxy",
                    text.contains("@")
                        ? "must be \"host:port\": names and passwords are not given to proxies here"
                        : "must be \"host:port\", not \"\(text)\"")
            }
            return proxy
        }
    }

    private static func credentials(
        _ root: Section, _ folder: String
    ) throws -> AgentConfiguration.Credentials {
        guard let section = try root.section("tls") else {
            throw root.error("tls", "is missing: { certificate, key, ca }, as enrolment writes them")
        }
        func file(_ key: String) throws -> String {
            guard let name = try section.string(key), !name.isEmpty else {
                throw section.error(key, "is missing: the path of a PEM file")
            }
            return AgentConfiguration.path(name, folder)
        }
        let credentials = AgentConfiguration.Credentials(
            certificate: try file("certificate"), key: try file("key"), authority: try file("ca"))
        try section.finish()
        return credentials
    }
}
