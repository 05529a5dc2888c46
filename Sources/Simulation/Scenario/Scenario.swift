package import Configuration
package import Federation

/// A scenario file: the task as it would be deployed, and the fleet that stands in for real clients.
package struct Scenario: Sendable {
    /// Runs to compare with that the same command makes.
    package enum Baseline: String, Sendable, CaseIterable {
        /// The same data in one place, without privacy.
        case central
        /// The same federation without privacy.
        case withoutPrivacy = "without_privacy"
    }

    package var task: TaskConfiguration
    /// `simulation.data`, read by Datasets.
    package var data: JSONValue
    /// Number of simulated clients; nil: as many as the partition's natural groups.
    package var clients: Int?
    /// `simulation.partition`, read by the partitioner catalog.
    package var partition: JSONValue
    package var seed: UInt64
    /// Worker threads; 0: one a core.
    package var workers: Int
    package var faults: FleetModel
    /// Hostile clients; nil: all are honest.
    package var attack: AttackConfiguration?
    /// What an observer tries to learn of clients' data; nil: nothing.
    package var privacyAttack: PrivacyAttackConfiguration?
    package var baselines: [Baseline]
    /// Share of each client's own examples that is kept from training, to measure the model on; 0: none.
    package var clientHoldout: Double
    /// Passes over its own data after which each client's model is measured again; nil: it is not.
    package var fineTuneEpochs: Int?
    /// The file, its folder (where relative paths start) and its content with overrides applied.
    package var document: ConfigurationDocument

    /// Reads a scenario. Throws ``ConfigurationError`` for anything that is not right.
    package init(_ document: ConfigurationDocument) throws {
        let document = try document.withSchemaRead()
        self.document = document
        let root = try Section(document.root, path: "")
        guard let task = try root.section("task") else { throw root.error("task", "is missing") }
        guard let simulation = try root.section("simulation") else {
            throw root.error("simulation", "is missing: which data, how many clients")
        }
        // The same file may carry the section that a deployment reads.
        _ = root.value("server")
        _ = root.value("run")
        // What `sordino sweep` varies; one run takes the scenario as it stands.
        _ = root.value("sweep")
        self.task = try TaskConfiguration(task)
        guard let data = simulation.value("data") else {
            throw simulation.error("data", "is missing; for example { format: \"csv\", path: \"data.csv\" }")
        }
        self.data = data
        clients = try simulation.integer("clients", in: 1...100_000_000)
        partition = simulation.value("partition") ?? .object(["scheme": .string("iid")])
        seed = UInt64(try simulation.integer("seed", in: 0...Int.max) ?? 1)
        workers = try simulation.integer("workers", in: 0...1024) ?? 0
        faults = try FleetModel(simulation.section("faults"))
        attack = try simulation.section("attack").map { try AttackConfiguration($0) }
        privacyAttack = try simulation.section("privacy_attack").map { try PrivacyAttackConfiguration($0) }
        baselines = try Self.readBaselines(simulation)
        clientHoldout =
            try simulation.number("client_holdout", expected: "a share from 0 to below 1") {
                $0 >= 0 && $0 < 1
            } ?? 0
        fineTuneEpochs = try simulation.integer("fine_tune_epochs", in: 1...1_000_000)
        if fineTuneEpochs != nil, clientHoldout == 0 {
            throw simulation.error(
                "fine_tune_epochs",
                "needs client_holdout, a share of each client's data to measure on, such as 0.2")
        }
        if attack != nil, self.task.asynchronous != nil {
            throw simulation.error(
                "attack",
                "does not go with task.asynchronous: attacks are made of what a round's honest clients send together"
            )
        }
        try simulation.finish()
        try root.finish()
        if let clients, self.task.cohortSize > clients {
            throw ConfigurationError(
                path: "task.\(self.task.cohortKey)",
                problem: "is \(self.task.cohortSize), above the \(clients) clients of simulation.clients")
        }
    }

    private static func readBaselines(_ simulation: Section) throws -> [Baseline] {
        guard let list = try simulation.list("baselines") else { return [.central] }
        return try list.enumerated().map { index, item in
            guard case .string(let name) = item, let baseline = Baseline(rawValue: name) else {
                throw simulation.error(
                    "baselines.\(index)",
                    "must be one of \(Baseline.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return baseline
        }
    }
}
