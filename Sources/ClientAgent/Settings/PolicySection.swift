internal import Configuration
internal import Ledger
internal import Notation

/// The `policy` section of an agent's configuration; what is not written keeps the strict default.
enum PolicySection {
    /// Reads the section. Throws ``ConfigurationError``.
    static func read(_ section: Section?) throws -> AgentPolicy {
        var policy = AgentPolicy()
        guard let section else { return policy }
        func share(_ key: String) throws -> Double? {
            try section.number(key, expected: "a share from 0 to below 1") { $0 >= 0 && $0 < 1 }
        }
        policy.maximalEpsilon = try section.positive("maximal_epsilon") ?? policy.maximalEpsilon
        policy.maximalDelta =
            try section.number("maximal_delta", expected: "above 0 and below 1") { $0 > 0 && $0 < 1 }
            ?? policy.maximalDelta
        policy.maximalEpsilonMembers = try section.positive("maximal_epsilon_members")
        policy.maximalEpsilonExample =
            try section.positive("maximal_epsilon_example") ?? policy.maximalEpsilonExample
        policy.maximalDeltaExample =
            try section.number("maximal_delta_example", expected: "above 0 and below 1") { $0 > 0 && $0 < 1 }
            ?? policy.maximalDeltaExample
        policy.minimalNoiseMultiplier =
            try section.nonNegative("minimal_noise_multiplier") ?? policy.minimalNoiseMultiplier
        policy.maximalClippingNorm =
            try section.positive("maximal_clipping_norm") ?? policy.maximalClippingNorm
        policy.minimalCohort =
            try section.integer("minimal_cohort", in: 1...Int(Int32.max)) ?? policy.minimalCohort
        if let modes = try words(section, "modes") {
            policy.modes = Set(
                try modes.map { name in
                    guard let mode = PolicyPlan.Mode(rawValue: name) else {
                        throw section.error(
                            "modes",
                            Section.unknownName(name, known: PolicyPlan.Mode.allCases.map(\.rawValue)))
                    }
                    return mode
                })
        }
        policy.requiresMasks = try section.bool("require_masks") ?? policy.requiresMasks
        policy.adversarialRate = try share("adversarial_rate") ?? policy.adversarialRate
        policy.dropOutRate = try share("drop_out_rate") ?? policy.dropOutRate
        policy.pinnedRosterDigest = try section.string("pinned_roster")
        policy.requiresRevocationList =
            try section.bool("require_revocation_list") ?? policy.requiresRevocationList
        policy.maximalRevocationAge = try section.seconds("maximal_revocation_age")
        policy.acceptsOlderLedger = try section.bool("accept_older_ledger") ?? policy.acceptsOlderLedger
        policy.tasks = try words(section, "tasks").map { Set($0) }
        policy.models = try words(section, "models").map { Set($0) }
        policy.maximalRoundsPerDay =
            try section.integer("maximal_rounds_per_day", in: 0...1_000_000) ?? policy.maximalRoundsPerDay
        policy.allowsStatistics = try section.bool("statistics") ?? policy.allowsStatistics
        policy.trustsServer = try section.bool("trust_server") ?? policy.trustsServer
        policy.maximalWeight = try section.positive("maximal_weight") ?? policy.maximalWeight
        policy.approval = try section.choice("approval", of: AgentPolicy.Approval.self) ?? policy.approval
        policy.reviewers = try reviewers(section)
        policy.quasiIdentifiers = try words(section, "quasi_identifiers") ?? []
        policy.minimalGroup = try section.integer("k", in: 2...Int(Int32.max)) ?? policy.minimalGroup
        try section.finish()
        return policy
    }

    /// Most reviewers of a site.
    private static let mostReviewers = 64

    private static func reviewers(_ section: Section) throws -> [Reviewer] {
        let items = try section.list("approvals_from") ?? []
        guard items.count <= mostReviewers else {
            throw section.error("approvals_from", "names more than \(mostReviewers) reviewers")
        }
        let reviewers = try items.enumerated().map { index, item in
            let entry = try Section(item, path: "\(section.path).approvals_from[\(index)]")
            guard let name = try entry.string("name"), (1...128).contains(name.utf8.count) else {
                throw entry.error("name", "is missing: who reviews, in up to 128 bytes")
            }
            guard let key = try entry.string("key"), Hexadecimal.isText(key, ofBytes: 32) else {
                throw entry.error("key", "must be the 64 digits that sordino-agent reviewer-key prints")
            }
            try entry.finish()
            return Reviewer(name: name, key: key)
        }
        guard Set(reviewers.map(\.key)).count == reviewers.count else {
            throw section.error("approvals_from", "names a key twice")
        }
        return reviewers
    }

    private static func words(_ section: Section, _ key: String) throws -> [String]? {
        try section.list(key)?.map { item in
            guard case .string(let word) = item else { throw section.error(key, "must be a list of strings") }
            return word
        }
    }
}
