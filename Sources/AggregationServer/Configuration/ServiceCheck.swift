package import Configuration
internal import Cryptography
internal import Datasets
internal import Federation
package import Foundation
internal import Operations

/// What `sordino check` says of the file of a server that takes tasks in, and of a task for one.
package struct ServiceCheck {
    /// The same as JSON.
    package let json: JSONValue
    /// For reading.
    package let lines: [String]
    /// What is allowed but should be thought about.
    package let warnings: [String]

    /// Checks a server's file: its rules, its data sections, certificates and tokens. Throws what a start would throw.
    package init(_ document: ConfigurationDocument, now: Date = Date()) throws {
        let service = try ServiceConfiguration(document)
        let (settings, rules) = (service.settings, service.rules)
        for name in rules.dataNames {
            _ = try DataSource(rules.data(name), path: "server.runs.data.\(name)", folder: document.folder)
        }
        let expiries =
            try ServerCheck.expiries(settings, now: now) + AdminTokens(path: settings.adminTokens).expiries
        let facts: [(String, String)] = [
            ("listen", "\(settings.listen)"), ("admin", "\(settings.admin)"),
            ("state_directory", settings.stateDirectory), ("runs at once", "\(rules.atOnce)"),
            ("runs that may wait", "\(rules.queue)"),
            ("modes", rules.modes.map(\.rawValue).sorted().joined(separator: ", ")),
            ("data", rules.dataNames.isEmpty ? "none" : rules.dataNames.joined(separator: ", ")),
        ]
        lines =
            facts.map { $0 + String(repeating: " ", count: max(1, 36 - $0.count)) + $1 }
            + expiries.map(\.lineOfCheck)
        json = .object([
            "listen": .string("\(settings.listen)"), "admin": .string("\(settings.admin)"),
            "state_directory": .string(settings.stateDirectory), "at_once": .integer(rules.atOnce),
            "queue": .integer(rules.queue),
            "modes": .array(rules.modes.map(\.rawValue).sorted().map { .string($0) }),
            "data": .array(rules.dataNames.map { .string($0) }),
        ])
        var warnings = expiries.filter { $0.level(at: now) != .fine }.map { $0.sentence(at: now) }
        if settings.adminTokens == nil {
            warnings.append("server.admin_tokens is missing: nobody can submit a run")
        }
        if settings.tls.revocations == nil {
            warnings.append("server.tls.crl is missing: agents whose certificates are revoked are let in")
        }
        if rules.modes.contains(.none) {
            warnings.append("server.runs.modes has \"none\": anybody who submits may train without privacy")
        }
        self.warnings = warnings
    }

    /// Whether a document is a task to be submitted.
    package static func isSubmission(_ document: ConfigurationDocument) -> Bool {
        guard case .object(let members) = document.root else { return false }
        return members["task"] != nil && members["simulation"] == nil && members["server"] == nil
    }

    /// Checks a task that is to be submitted, as far as that can be told without the server: its sections and keys. Throws
    /// what the server would refuse.
    package init(submission document: ConfigurationDocument) throws {
        let document = try document.withSchemaRead()
        let request = try RunRequest(document.root)
        let written = JSONValue.object(request.task)
        let section = ModelOutputs.areMissing(in: written) ? ModelOutputs.standIn(in: written) : written
        let task = try TaskConfiguration(Section(section, path: "task"))
        let facts: [(String, String)] = [
            ("task", request.name), ("rounds", "\(task.rounds)"), ("reports a round", "\(task.cohortSize)"),
            ("privacy", task.privacy.mode.rawValue), ("data", request.data ?? "none"),
            ("seed", "\(request.seed)"), ("priority", "\(request.priority)"),
        ]
        lines = facts.map { $0 + String(repeating: " ", count: max(1, 36 - $0.count)) + $1 }
        json = .object([
            "task": .string(request.name), "rounds": .integer(task.rounds),
            "cohort_size": .integer(task.cohortSize),
            "privacy_mode": .string(task.privacy.mode.rawValue), "seed": .integer(request.seed),
        ])
        warnings = []
    }
}
