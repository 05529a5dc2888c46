package import Configuration
internal import Cryptography
internal import Federation
package import Foundation
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
    package init(_ document: ConfigurationDocument, now: Date = Date()) throws {
        let configuration = try ServerConfiguration(document)
        let setup = try ServerSetup(configuration)
        var files = configuration
        // A list that is not there yet is fetched by the start.
        if configuration.authorityService != nil, let list = configuration.tls.revocations,
            !FileManager.default.fileExists(atPath: list)
        {
            files.tls.revocations = nil
        }
        for isForAgents in [true, false] {
            _ = try AggregationServer.tls(files.settings, isForAgents: isForAgents)
        }
        let tokens = try AdminTokens(path: configuration.adminTokens)
        let expiries = try Self.expiries(files.settings, now: now)
        if setup.plan.masksReports { try MemberTrust.require(files.tls) }
        var description = try setup.plan.description()
        description["listen"] = .string("\(configuration.listen)")
        description["admin"] = .string("\(configuration.admin)")
        description["state_directory"] = .string(configuration.stateDirectory)
        var described = description
        described["expiries"] = .array(
            (expiries + tokens.expiries).map { expiry in
                .object([
                    "name": .string(expiry.what), "path": .string(expiry.path),
                    "subject": .string(expiry.subject), "not_after": .string(Expiry.text(expiry.notAfter)),
                    "level": .string(expiry.level(at: now).rawValue),
                ])
            })
        let run = try? StateDirectory(reading: configuration.stateDirectory).run()?.run
        let budget = try RosterBudget(setup)
        try budget?.check(run)
        if let spent = try budget?.spent(besides: run) {
            described["roster_budget"] = .object([
                "epsilon_before": .number(spent.before), "epsilon_after": .number(spent.after),
            ])
        }
        lines =
            TaskPlan.lines(description) + [try budget?.line(besides: run)].compactMap(\.self)
            + (expiries + tokens.expiries).map(\.lineOfCheck)
        json = .object(described)
        warnings =
            setup.warnings
            + (expiries + tokens.expiries).filter { $0.level(at: now) != .fine }
            .map { $0.sentence(at: now) }
    }

    /// What expires, where the server could start with it. Throws what a start would throw, but for a stale revocation
    /// list that a start would fetch anew.
    static func expiries(_ settings: ServerSettings, now: Date) throws -> [Expiry] {
        let expiries = try ServerExpiries.files(settings.tls)
        let isFetched = settings.authorityService != nil
        try ServerExpiries.require(
            expiries.filter { !isFetched || $0.kind != .revocationList }, at: now)
        return expiries
    }
}

extension Expiry {
    /// How `sordino check` lists it.
    var lineOfCheck: String {
        what + String(repeating: " ", count: max(1, 36 - what.count))
            + "until \(Self.text(notAfter)): \(path) (\(subject))"
    }
}

extension ServerSetup {
    /// What an operator should think about before serving, one line each.
    var warnings: [String] {
        var warnings = dataWarnings + plan.warnings
        if configuration.adminTokens == nil {
            warnings.append("server.admin_tokens is missing: nobody can see or steer the run")
        }
        if configuration.tls.revocations == nil {
            warnings.append("server.tls.crl is missing: agents whose certificates are revoked are let in")
        }
        if plan.privacy?.configuration.mode == .central {
            warnings.append("privacy mode \"central\": this server sees exact sums and must be trusted")
        }
        guard plan.masksReports else { return warnings }
        warnings.append(
            "members of masked rounds are told apart by certificates: a server that also holds the authority's key"
                + " can invent members, and must then be trusted to follow the protocol")
        let sizes = MaskedSizes(plan).unprotected
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
