package import Configuration
internal import Federation
internal import SecureAggregation

/// What `sordino check` says of a server's file: the resolved plan and what should be thought about.
package struct ServerCheck {
    /// The plan as JSON.
    package let json: JSONValue
    /// The plan for reading.
    package let lines: [String]
    /// What is allowed but should be thought about.
    package let warnings: [String]

    /// Loads the server's data and resolves its plan; nothing is written. Throws what `serve` would throw.
    package init(_ document: ConfigurationDocument) throws {
        let setup = try ServerSetup(ServerConfiguration(document))
        let description = try setup.plan.description()
        json = .object(description)
        lines = TaskPlan.lines(description)
        warnings = setup.warnings
    }
}

extension ServerSetup {
    /// What an operator should think about before serving, one line each.
    var warnings: [String] {
        guard let privacy = plan.privacy else { return ["privacy mode \"none\": nothing is private"] }
        var warnings: [String] = []
        if privacy.configuration.mode == .central {
            warnings.append("privacy mode \"central\": this server sees exact sums and must be trusted")
        }
        if plan.masksReports {
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
