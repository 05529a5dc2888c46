package import Configuration

/// The `task.secure_aggregation` section. Degree and threshold of the masking graph are computed from these rates,
/// never typed by hand.
package struct SecureAggregationConfiguration: Equatable, Sendable {
    /// Nil: as the privacy mode needs.
    package var enabled: Bool?
    /// Ring width on the wire; nil: computed.
    package var bits: Int?
    /// Share of the cohort that may drop out.
    package var dropoutRate: Double
    /// Share of the cohort that may work for the server, bring no noise and tell what they know.
    package var adversarialRate: Double

    /// What hides reports.
    package enum Scheme: String, CaseIterable, Sendable { case masks, lattice }

    /// What hides reports.
    package var scheme: Scheme

    /// Groups that the members of a round are masked in, each with a sum of its own; 1: all together.
    package var groups: Int

    /// Reads the section; nil gives the defaults.
    package init(_ section: Section?) throws {
        func rate(_ key: String) throws -> Double? {
            try section?.number(key, expected: "a number from 0 to below 0.5") { $0 >= 0 && $0 < 0.5 }
        }
        enabled = try section?.bool("enabled")
        bits = try section?.integer("bits", in: 12...32)
        dropoutRate = try rate("estimated_dropout_rate") ?? 0.1
        adversarialRate = try rate("adversarial_client_rate") ?? 0.1
        groups = try section?.integer("groups", in: 1...100_000) ?? 1
        scheme = try section?.choice("scheme", of: Scheme.self) ?? .masks
        try section?.finish()
    }
}
