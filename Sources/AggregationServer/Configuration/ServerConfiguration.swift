internal import Compute
package import Configuration
package import Federation

/// The `server` section and the task that it serves, as written in one configuration file.
@dynamicMemberLookup
package struct ServerConfiguration: Sendable {
    package var task: TaskConfiguration
    /// The `task` section as written.
    package var taskSection: JSONValue
    /// Whether the model leaves its number of outputs to the data: until ``completed(for:)`` it has a stand-in.
    package private(set) var lacksOutputs: Bool
    /// What is the same for every task of the server.
    package var settings: ServerSettings
    /// Clients that the task is planned for.
    package var population: Int
    package var seed: UInt64
    /// `data` or `holdout` section; nil: the server has no data.
    package var data: JSONValue?
    /// Shape of one example, where the server has no data.
    package var inputShape: [Int]?
    /// Preprocessing that agents must use, where the server has no data.
    package var preprocessing: JSONValue?
    /// The identity of the run, 32 hexadecimal digits, where it has one before it begins; no key of the file.
    var run: String?
    /// Pauses of a stalled run; no key of the file.
    package var stallPauses = StallPauses()
    /// Folder that relative paths start from.
    package var folder: String

    /// What is the same for every task of the server, as if it stood here.
    package subscript<Value>(dynamicMember path: WritableKeyPath<ServerSettings, Value>) -> Value {
        get { settings[keyPath: path] }
        set { settings[keyPath: path] = newValue }
    }

    /// The same of what only follows from those.
    package subscript<Value>(dynamicMember path: KeyPath<ServerSettings, Value>) -> Value {
        settings[keyPath: path]
    }

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
        _ = root.value("run")
        self.task = try TaskConfiguration(task)
        self.taskSection = taskSection
        try root.finish()
        folder = document.folder
        let folder = document.folder
        settings = try ServerSettings(server, folder: folder)
        guard let population = try server.integer("population", in: 1...100_000_000) ?? settings.roster?.count
        else {
            throw server.error("population", "is missing: for how many clients the task is planned")
        }
        self.population = population
        seed = UInt64(try server.integer("seed", in: 0...Int.max) ?? 1)
        data = server.value("data") ?? server.value("holdout")
        inputShape = try Self.shape(server)
        preprocessing = server.value("preprocessing")
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
        if let roster = settings.roster, roster.count != population {
            throw server.error(
                "population", "is \(population), but the roster names \(roster.count) clients")
        }
        // Amplification holds only when the cohort is drawn, in secret, from everyone who could be chosen.
        if task.privacy.mode != .none, task.privacy.sampling != .none, settings.roster == nil {
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

    private static func shape(_ server: Section) throws -> [Int]? {
        try server.list("input_shape").map { items in
            try items.map { item in
                guard case .integer(let size) = item, size > 0, size < 1 << 31 else {
                    throw server.error("input_shape", "must be a list of sizes such as [784]")
                }
                return size
            }.bounded(server)
        }
    }
}

extension [Int] {
    /// A shape whose number of values no arithmetic of models overflows. Throws ``ConfigurationError``.
    fileprivate func bounded(_ server: Section) throws -> [Int] {
        var product = 1
        for size in self {
            let (next, overflows) = product.multipliedReportingOverflow(by: size)
            guard !overflows, next <= 1 << 36, count <= 8 else {
                throw server.error("input_shape", "holds more values than any example has")
            }
            product = next
        }
        return self
    }
}
