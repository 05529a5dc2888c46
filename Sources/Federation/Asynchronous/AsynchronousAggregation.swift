package import Configuration
internal import Glibc

/// The `task.asynchronous` section: no rounds that a cohort begins and ends together, but clients that train all the time
/// and a buffer of their updates (FedBuff: Nguyen et al. 2022, algorithm 1).
package struct AsynchronousAggregation: Equatable, Sendable {
    /// What an update is worth by its staleness: published models between the one that it started from and the newest.
    package enum StalenessRule: Equatable, Sendable {
        /// The same, however stale.
        case constant
        /// (1 + staleness)^-exponent (Xie et al. 2019, section 5.2).
        case polynomial(exponent: Double)

        /// The factor of an update: exactly 1 where it is not stale, and never above.
        package func weight(staleness: Int) -> Double {
            switch self {
            case .constant: 1
            case .polynomial(let exponent):
                staleness <= 0 ? 1 : min(1, pow(1 + Double(staleness), -exponent))
            }
        }
    }

    /// Accepted updates that make a step.
    package let buffer: Int
    /// Clients that train at the same time.
    package let concurrency: Int
    package let staleness: StalenessRule
    /// Updates that are staler are not added.
    package let maximalStaleness: Int
    /// Steps of the run that one client's updates may be in; nil: any number.
    package let maximalParticipations: Int?

    /// The key of this section in `task`.
    package static let key = "asynchronous"

    /// Reads the section; refuses unknown keys.
    package init(_ section: Section) throws {
        guard let buffer = try section.integer("buffer", in: 1...100_000_000) else {
            throw section.error("buffer", "is missing: how many updates make a step")
        }
        guard let concurrency = try section.integer("concurrency", in: 1...100_000_000) else {
            throw section.error("concurrency", "is missing: how many clients train at the same time")
        }
        (self.buffer, self.concurrency) = (buffer, concurrency)
        staleness = try Self.rule(section.section("staleness"))
        maximalStaleness = try section.integer("max_staleness", in: 0...1_000_000) ?? 50
        maximalParticipations = try section.integer("max_participations", in: 1...10_000_000)
        try section.finish()
    }

    private static func rule(_ section: Section?) throws -> StalenessRule {
        guard let section else { return .polynomial(exponent: 0.5) }
        let exponent = try section.nonNegative("exponent")
        let names = ["polynomial", "constant"]
        let name = try section.string("rule") ?? names[0]
        guard names.contains(name) else {
            throw section.error("rule", Section.unknownName(name, known: names))
        }
        try section.finish()
        guard name == names[1] else { return .polynomial(exponent: exponent ?? 0.5) }
        guard exponent == nil else {
            throw section.error("exponent", "goes with rule \"polynomial\"; remove it")
        }
        return .constant
    }

    /// The section with every default filled in; reading it again gives an equal value.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "buffer": .integer(buffer), "concurrency": .integer(concurrency),
            "max_staleness": .integer(maximalStaleness),
        ]
        members["max_participations"] = maximalParticipations.map { .integer($0) }
        switch staleness {
        case .constant: members["staleness"] = .object(["rule": .string("constant")])
        case .polynomial(let exponent):
            members["staleness"] = .object(["rule": .string("polynomial"), "exponent": .number(exponent)])
        }
        return .object(members)
    }
}
