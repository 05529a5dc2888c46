package import Configuration
internal import Privacy

/// What a task of statistics ends with: the answers, and what they cost.
package struct StatisticsResult: Sendable {
    /// Name of the file in a run's folder.
    package static let fileName = "statistics.json"

    private let plan: TaskPlan
    package let task: String
    package let reading: StatisticsReading
    /// Clients that the plan divides by: how many took part is theirs to know.
    package let clients: Int
    /// The unit's ε, and its δ; nil where nothing is protected.
    package let epsilon: Double?
    package let delta: Double?

    /// Reads what a plan's run published in a round of this number: an abandoned one before it may have been charged, so that the
    /// ε is of as many. Throws ``ConfigurationError``, or where no accountant knows the plan's event.
    package init(_ plan: TaskPlan, values: [Float], round: Int) throws {
        self.plan = plan
        task = plan.configuration.name
        reading = try StatisticsReading(plan, values: values)
        clients = plan.configuration.cohortSize
        delta = plan.privacy == nil && plan.example == nil ? nil : plan.configuration.privacy.targetDelta
        epsilon =
            try plan.privacy?.spent(rounds: round).epsilon
            ?? plan.example?.epsilon(rounds: round, delta: plan.configuration.privacy.targetDelta)
    }

    /// As JSON: `task`, `clients`, `unit`, `epsilon`, `delta` and `answers`.
    package var json: JSONValue {
        var members = reading.json
        (members["task"], members["clients"]) = (.string(task), .integer(clients))
        members["epsilon"] = epsilon.map { .number($0) } ?? .null
        members["delta"] = delta.map { .number($0) } ?? .null
        return .object(members)
    }

    /// The schema that these answers make (``StatisticsReading/schema(of:)``).
    package func schema() throws -> JSONValue { try reading.schema(of: plan) }
}
