internal import Configuration
internal import SecureAggregation

/// How many members a plan's masked rounds, or their groups, may have, and what that means for their protection.
package struct MaskedSizes {
    private let plan: TaskPlan

    /// The sizes of a plan.
    package init(_ plan: TaskPlan) { self.plan = plan }

    /// Degree and threshold for the most members that are masked together, and the fewest whose sum may be opened.
    var description: [String: JSONValue] {
        let parameters = try? SecureAggregationParameters.compute(
            cohortSize: plan.maximalMembers, assumptions: plan.assumptions())
        return [
            "secagg_members": .integer(plan.maximalMembers),
            "secagg_groups": .integer(plan.maskingGroups),
            "secagg_degree": parameters.map { .integer($0.degree) } ?? .null,
            "secagg_threshold": parameters.map { .integer($0.threshold) } ?? .null,
            "secagg_minimal_survivors": .integer(plan.minimalSurvivors),
            "secagg_scheme": .string(plan.configuration.secureAggregation.scheme.rawValue),
        ]
    }

    /// Sizes that a round's membership may shrink to for which no degree and threshold give the security wanted,
    /// such as five members of whom two may drop out. Such a round is abandoned, such a group left out. Of a wide range only
    /// the ends and the smallest sizes, where this happens, are looked at.
    package var unprotected: [Int] {
        guard plan.masksReports, let assumptions = try? plan.assumptions() else { return [] }
        let (least, most) = (min(plan.minimalSurvivors, plan.maximalMembers), plan.maximalMembers)
        let sizes = Set(least...min(most, least + 40)).union([most])
        return sizes.sorted().filter { size in
            (try? SecureAggregationParameters.compute(cohortSize: size, assumptions: assumptions)) == nil
        }
    }
}
