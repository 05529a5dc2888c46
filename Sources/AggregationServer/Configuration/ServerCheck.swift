package import Configuration
internal import Federation

/// What `sordino check` says of a server's file: the resolved plan, ε at the end, bytes a round. Nothing is written
/// and nobody is called.
package struct ServerCheck {
    /// The plan as JSON.
    package let json: JSONValue
    /// The plan for reading.
    package let lines: [String]
    /// What is allowed but should be thought about.
    package let warnings: [String]

    /// Whether a document is a server's and no scenario.
    package static func concerns(_ document: ConfigurationDocument) -> Bool {
        guard case .object(let members) = document.root else { return false }
        return members["server"] != nil && members["simulation"] == nil
    }

    /// Loads the server's data, certificates and tokens and resolves its plan. Throws what a start would throw.
    package init(_ document: ConfigurationDocument) throws {
        let configuration = try ServerConfiguration(document)
        let setup = try ServerSetup(configuration)
        for isForAgents in [true, false] {
            _ = try AggregationServer.tls(configuration, isForAgents: isForAgents)
        }
        _ = try AdminTokens(path: configuration.adminTokens)
        var members = try PlanFigures.json(setup.plan)
        members["listen"] = .string("\(configuration.listen)")
        members["admin"] = .string("\(configuration.admin)")
        members["state_directory"] = .string(configuration.stateDirectory)
        json = .object(members)
        lines = PlanFigures.lines(members)
        var warnings = PlanFigures.warnings(setup.plan)
        if configuration.adminTokens == nil {
            warnings.append("server.admin_tokens is missing: nobody can see or steer the run")
        }
        if setup.plan.configuration.privacy.mode == .distributed {
            warnings.append(
                "masks withstand a lying server only while the certificate authority's key is in other hands")
        }
        self.warnings = warnings
    }
}
