package import Configuration
internal import Foundation
internal import Operations

/// A server's file that names no task: a `server` section with `runs`, which says what may run. Tasks are submitted to it while
/// it serves.
package struct ServiceConfiguration: Sendable {
    /// What is the same for every run.
    package var settings: ServerSettings
    /// What may run.
    package var rules: RunRules
    /// The `server` section as written, without what belongs to no run's own configuration.
    private let members: [String: JSONValue]
    private let file: String

    /// Whether a document is that of a service that takes tasks in.
    package static func concerns(_ document: ConfigurationDocument) -> Bool {
        guard case .object(let root) = document.root, case .object(let server)? = root["server"] else {
            return false
        }
        return server["runs"] != nil
    }

    /// Reads the file. Throws ``ConfigurationError``.
    package init(_ document: ConfigurationDocument) throws {
        let root = try Section(document.root, path: "")
        guard root.value("task") == nil else {
            throw root.error(
                "task", "stands beside server.runs: submit it (sordino runs submit), or remove server.runs")
        }
        guard let server = try root.section("server"), case .object(var members)? = root.value("server")
        else {
            throw root.error("server", "is missing: where to listen, where to keep state")
        }
        _ = root.value("simulation")
        try root.finish()
        settings = try ServerSettings(server, folder: document.folder)
        guard let section = try server.section("runs") else {
            throw server.error("runs", "is missing: what may run here")
        }
        rules = try RunRules(section, folder: document.folder)
        // Of one run alone; its file says them.
        for key in ["seed", "data", "holdout", "input_shape", "preprocessing"] where server.value(key) != nil
        {
            throw server.error(
                key, "belongs to a run: say it in the run's file, data under server.runs.data by a name")
        }
        _ = try server.integer("population", in: 1...100_000_000)
        try server.finish()
        for key in ["runs", "exit_when_finished", "state_directory"] { members[key] = nil }
        self.members = members
        file = document.file
    }

    /// The folder of a run's state.
    func folder(of run: String) -> String { "\(settings.stateDirectory)/runs/\(run)" }

    /// The configuration of one run: the server's section with what the run's file says. Throws ``ConfigurationError``
    /// naming the key at fault.
    func configuration(of run: String, _ request: RunRequest) throws -> ServerConfiguration {
        var server = members
        server["state_directory"] = .string(folder(of: run))
        server["exit_when_finished"] = .bool(true)
        server["seed"] = .integer(request.seed)
        if let population = request.population { server["population"] = .integer(population) }
        if let shape = request.inputShape { server["input_shape"] = shape }
        if let preprocessing = request.preprocessing { server["preprocessing"] = preprocessing }
        if let name = request.data { server["data"] = try rules.data(name) }
        var task = request.task
        if request.start != nil {
            task["model"] = try Self.model(
                task["model"], startingFrom: "\(folder(of: run))/\(RunRecord.startName)")
        }
        let document = ConfigurationDocument(
            root: .object(["task": .object(task), "server": .object(server)]), file: file)
        var configuration = try ServerConfiguration(document)
        configuration.run = run
        return configuration
    }

    private static func model(_ model: JSONValue?, startingFrom path: String) throws -> JSONValue? {
        guard case .object(var members)? = model else { return model }
        guard case .object(var from)? = members["from"] ?? .object([:]) else {
            throw ConfigurationError(path: "task.model.from", problem: "must be an object")
        }
        from["file"] = .string(path)
        members["from"] = .object(from)
        return .object(members)
    }

    /// Keeps the model that a run starts from in its folder, whatever becomes of where it came from. Does nothing where it is
    /// drawn from the seed. Throws ``ConfigurationError`` where there is none, or a storage `Failure`.
    func keepStart(of run: String, _ request: RunRequest) throws {
        guard let source = try startingFile(request) else { return }
        let file = try OutputDirectory(folder(of: run), mode: 0o700).file(RunRecord.startName)
        try AtomicFile.publish(source, as: file, mode: 0o600)
    }

    private func startingFile(_ request: RunRequest) throws -> String? {
        switch request.start {
        case nil: return nil
        case .file(let name): return try rules.checkpoint(name)
        case .run(let run, let round):
            let state = try? StateDirectory(reading: folder(of: run))
            let newest = try state?.run()?.modelRound
            guard let state, let newest, newest > 0 else {
                throw ConfigurationError(
                    path: "run.from.run", problem: "names no run here that has published a model: \(run)")
            }
            let path = state.modelPath(round ?? newest)
            guard FileManager.default.fileExists(atPath: path) else {
                throw ConfigurationError(
                    path: "run.from.round",
                    problem: "run \(run) keeps no model of round \(round ?? newest) (server.retention.models)"
                )
            }
            return path
        }
    }
}
