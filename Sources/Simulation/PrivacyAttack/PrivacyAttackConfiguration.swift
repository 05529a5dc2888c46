package import Configuration

/// The `simulation.privacy_attack` section: what an observer tries to learn of clients' data.
package struct PrivacyAttackConfiguration: Sendable {
    package var inversion: InversionConfiguration?
    package var membership: MembershipConfiguration?

    /// Reads the section. Throws ``ConfigurationError`` for anything that is not right, and where no attack is named.
    package init(_ section: Section) throws {
        inversion = try section.section("gradient_inversion").map { try InversionConfiguration($0) }
        membership = try section.section("membership_inference").map { try MembershipConfiguration($0) }
        try section.finish()
        guard inversion != nil || membership != nil else {
            throw ConfigurationError(
                path: section.path, problem: "names no attack: gradient_inversion, membership_inference")
        }
    }

    /// The section with every default filled in.
    package var json: JSONValue {
        var members: [String: JSONValue] = [:]
        members["gradient_inversion"] = inversion?.json
        members["membership_inference"] = membership?.json
        return .object(members)
    }
}

/// `gradient_inversion`: whose examples of which round are reconstructed, and how hard the attacker tries.
package struct InversionConfiguration: Sendable, Equatable {
    /// Where the attacker has the examples' classes from.
    package enum Labels: String, Sendable, CaseIterable {
        /// It knows them: the strongest attacker.
        case known
        /// From the signs of the last bias's gradient.
        case inferred
    }

    package var client: Int
    package var round: Int
    package var labels: Labels
    /// Steps of gradient matching.
    package var iterations: Int
    /// Random starts of gradient matching, of which the best match counts.
    package var restarts: Int
    /// Length of a step, in shares of the range of the data.
    package var step: Double
    /// Weight of total variation beside the cosine distance; of no meaning where examples are no pictures.
    package var totalVariation: Double
    /// Height and width of examples that are pictures without saying so; nil: the data's own shape.
    package var picture: [Int]?

    init(_ section: Section) throws {
        client = try section.integer("client", in: 0...100_000_000) ?? 0
        round = try section.integer("round", in: 1...100_000_000) ?? 1
        labels = try section.choice("labels", of: Labels.self) ?? .known
        iterations = try section.integer("iterations", in: 1...1_000_000) ?? 500
        restarts = try section.integer("restarts", in: 1...1000) ?? 2
        step = try section.positive("step") ?? 0.1
        totalVariation = try section.nonNegative("total_variation") ?? 0.01
        picture = try section.list("picture").map { list in
            let sides = list.compactMap { item -> Int? in
                if case .integer(let side) = item, (1...4096).contains(side) { side } else { nil }
            }
            guard list.count == 2, sides.count == 2 else {
                throw section.error("picture", "must be a height and a width, such as [8, 8]")
            }
            return sides
        }
        try section.finish()
    }

    /// The section with every default filled in.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "client": .integer(client), "round": .integer(round), "labels": .string(labels.rawValue),
            "iterations": .integer(iterations), "restarts": .integer(restarts), "step": .number(step),
            "total_variation": .number(totalVariation),
        ]
        if let picture { members["picture"] = .array(picture.map { .integer($0) }) }
        return .object(members)
    }
}

/// `membership_inference`: whose membership is guessed, and from how many runs.
package struct MembershipConfiguration: Sendable, Equatable {
    /// What is a member or not.
    package enum Unit: String, Sendable, CaseIterable {
        /// One record of whichever client has it.
        case record
        /// A client with all its records.
        case client
    }

    package var unit: Unit
    /// Runs that an attacker of one more run learns from.
    package var shadows: Int

    init(_ section: Section) throws {
        unit = try section.choice("unit", of: Unit.self) ?? .record
        shadows = try section.integer("shadows", in: 4...10_000) ?? 16
        try section.finish()
    }

    /// The section with every default filled in.
    package var json: JSONValue {
        .object(["unit": .string(unit.rawValue), "shadows": .integer(shadows)])
    }
}
