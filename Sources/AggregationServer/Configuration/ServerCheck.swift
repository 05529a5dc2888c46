package import Configuration
internal import Federation
internal import SecureAggregation

/// What `sordino check` says of a server's file: the resolved plan, ε at the end, bytes a round, and what should be
/// thought about. Nothing is written and nobody is called.
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
        var description = try setup.plan.description()
        description["listen"] = .string("\(configuration.listen)")
        description["admin"] = .string("\(configuration.admin)")
        description["state_directory"] = .string(configuration.stateDirectory)
        json = .object(description)
        lines = TaskPlan.lines(description)
        warnings = setup.warnings
    }
}

extension ServerSetup {
    /// What an operator should think about before serving, one line each.
    var warnings: [String] {
        var warnings = plan.warnings
        if configuration.adminTokens == nil {
            warnings.append("server.admin_tokens is missing: nobody can see or steer the run")
        }
        if plan.privacy?.configuration.mode == .central {
            warnings.append("privacy mode \"central\": this server sees exact sums and must be trusted")
        }
        guard plan.masksReports else { return warnings }
        warnings.append(
            "members of masked rounds are told apart by certificates: a server that also holds the authority's key"
                + " can invent members, and must then be trusted to follow the protocol")
        let sizes = plan.unprotectedSizes()
        if !sizes.isEmpty {
            let list = sizes.map(String.init).joined(separator: ", ")
            warnings.append(
                "rounds with \(list) members are abandoned: no threshold gives the security wanted at these rates"
            )
        }
        return warnings
    }

    /// Throws ``ConfigurationError`` where not even a round with all its members could be masked.
    func checkMasking() throws {
        guard plan.masksReports else { return }
        do {
            _ = try SecureAggregationParameters.compute(
                cohortSize: plan.maximalMembers, assumptions: plan.assumptions())
        } catch {
            throw ConfigurationError(path: "task.secure_aggregation", problem: "\(error)")
        }
    }
}
