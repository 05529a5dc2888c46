package import Configuration

/// How a federation learns: what clients do locally, and how the server uses the mean of their updates.
///
/// Neither rule sees an individual update of another; rules that must (medians, Krum) are another type and cannot be
/// named here.
package struct Strategy: Sendable {
    /// Name as written in configurations.
    package let name: String
    package let server: any ServerRule
    package let client: any ClientRule

    /// A strategy of these rules.
    package init(name: String, server: any ServerRule, client: any ClientRule) {
        (self.name, self.server, self.client) = (name, server, client)
    }

    /// The `strategy` section with every default filled in; reading it again gives an equal strategy.
    package var json: JSONValue {
        .object(
            server.settings.merging(client.settings) { $1 }.merging(["name": .string(name)]) { $1 })
    }
}

/// The strategies that a task can name.
package enum StrategyCatalog {
    /// One line a strategy: its name and its two rules.
    package static let all: [(name: String, server: any ServerRule.Type, client: any ClientRule.Type)] = [
        ("fedavg", ServerSGD.self, LocalTraining.self),
        ("fedavgm", ServerMomentum.self, LocalTraining.self),
        ("fedprox", ServerSGD.self, ProximalTraining.self),
        ("fedsgd", ServerSGD.self, SingleGradient.self),
        ("fedadam", ServerAdam.self, LocalTraining.self),
        ("fedyogi", ServerYogi.self, LocalTraining.self),
        ("fedadagrad", ServerAdagrad.self, LocalTraining.self),
        ("fednova", ServerNormalization.self, NormalizedTraining.self),
        ("fedexp", ServerExtrapolation.self, MeasuredTraining.self),
        ("scaffold", ServerControlVariate.self, ControlledTraining.self),
        ("feddyn", ServerDynamicRegularization.self, DynamicTraining.self),
        ("fedrep", ServerSGD.self, AlternatingTraining.self),
        ("ditto", ServerSGD.self, DittoTraining.self),
        ("trees", GrowingForest.self, LevelHistograms.self),
    ]

    /// Reads `task.strategy`; absent means plain federated averaging. Throws ``ConfigurationError`` for a name that is
    /// not in the catalog, and for keys that neither rule knows.
    package static func make(_ section: Section?) throws -> Strategy {
        let section = try section ?? Section(.object([:]), path: "task.strategy")
        let name = try section.string("name") ?? "fedavg"
        guard let entry = all.first(where: { $0.name == name }) else {
            throw section.error("name", Section.unknownName(name, known: all.map { $0.name }))
        }
        let strategy = Strategy(
            name: name, server: try entry.server.init(section), client: try entry.client.init(section))
        try section.finish()
        return strategy
    }
}
