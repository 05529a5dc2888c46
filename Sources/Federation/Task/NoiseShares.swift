internal import Configuration
internal import Glibc
internal import Privacy
internal import SecureAggregation

/// Who brings how much of the noise when clients add it in shares.
///
/// Where the cohort's size is known beforehand, one share is right for every round. Under Poisson sampling the
/// size is random, and must stay hidden: the noise in a sum, estimated from its many coordinates, would tell it,
/// and with it take back what sampling promises. There shares are sized by the round's members, and the server
/// brings every sum to one and the same variance, whoever dropped out.
///
/// Where clients are masked in groups the server sees each group's sum: a group brings all of the noise by itself, and
/// everything here is of one group.
struct NoiseShares {
    /// Sizes that a round's membership may have.
    let members: ClosedRange<Int>
    /// Whether noise is sized by a round's members rather than by the plan's greatest cohort.
    let followsMembers: Bool
    /// Share of the members that may drop out, where noise follows them.
    let dropoutRate: Double
    /// Configured ring width.
    let bits: Int?
    /// Standard deviations that fit half the ring: a coordinate wraps with probability below 4e-8.
    let deviations = 6.0
    private let minimum: Int
    private let adversarialRate: Double

    init(_ task: TaskConfiguration, cohort: CohortPlan) throws {
        minimum = try cohort.minimumOfGroup(task)
        members = min(minimum, cohort.greatestGroup)...cohort.greatestGroup
        followsMembers = task.privacy.sampling == .poisson
        dropoutRate = task.secureAggregation.dropoutRate
        adversarialRate = task.secureAggregation.adversarialRate
        bits = task.secureAggregation.bits
        guard !followsMembers || task.privacy.mechanism == "skellam" else {
            throw ConfigurationError(
                path: "task.privacy.mechanism",
                problem:
                    "must be \"skellam\" with Poisson sampling, whose noise is brought to one variance in sum"
            )
        }
        guard let worst = members.min(by: { honest(of: $0) < honest(of: $1) }), honest(of: worst) > 0 else {
            guard !followsMembers else {
                throw cohort.tooFew(task, corrupt: task.secureAggregation.adversarialRate)
            }
            throw ConfigurationError(
                path: "task.min_reports",
                problem:
                    "\(survivors(of: members.lowerBound)) survivors, \(corrupt(of: members.lowerBound)) of them corrupt, "
                    + "leave no honest noise; raise it, or enlarge the cohort")
        }
    }

    /// Fewest of so many members whose sum may be released.
    private func survivors(of count: Int) -> Int {
        followsMembers ? max(minimum, RoundBinding.survivors(share: 1 - dropoutRate, of: count)) : minimum
    }

    private func corrupt(of count: Int) -> Int {
        Int((adversarialRate * Double(followsMembers ? count : members.upperBound)).rounded(.up))
    }

    /// Members that are sure to bring an honest share to a sum that is released.
    func honest(of count: Int) -> Int { survivors(of: count) - corrupt(of: count) }

    /// Variance in the sum of all members' shares, at most, over that of the shares that are sure.
    var greatestExcess: Double {
        guard followsMembers else {
            return Double(members.upperBound) / Double(honest(of: members.upperBound))
        }
        return members.map { Double($0) / Double(honest(of: $0)) }.max() ?? 1
    }

    /// Variance in a released sum, at least, that corrupt members have no part in, over that of the shares that are sure: where the
    /// server brings sums to one variance, what it adds for members that dropped out is in it. For whoever sees the models.
    var releasedExcess: Double {
        guard followsMembers else { return 1 }
        let taken = members.map { Double(corrupt(of: $0)) / Double(honest(of: $0)) }.max() ?? 0
        return greatestExcess - taken
    }
}

/// Noise in shares, drawn: what each member of a round adds, and what the server adds to their sum.
struct SharedNoise: Sendable {
    let shares: NoiseShares
    let mechanismName: String
    /// Standard deviation that a released sum must have of honest noise, grid units.
    let deviation: Double

    /// What each of so many members adds.
    func share(members: Int) throws -> any PrivacyMechanism {
        let count = min(max(members, shares.members.lowerBound), shares.members.upperBound)
        return try MechanismCatalog.mechanism(
            named: mechanismName, standardDeviation: deviation / Double(shares.honest(of: count)).squareRoot()
        )
    }

    /// What the server adds, so that sums of any number of shares have one variance; nil where sizes are no secret.
    func topUp(members: Int, survivors: Int) throws -> (any PrivacyMechanism)? {
        guard shares.followsMembers else { return nil }
        let target = deviation * deviation * shares.greatestExcess
        let missing = target - Double(survivors) * (try share(members: members).variance)
        // Less than a millionth of a millionth is rounding of the two figures.
        guard missing > 1e-12 * target else { return nil }
        return try MechanismCatalog.mechanism(named: mechanismName, standardDeviation: missing.squareRoot())
    }
}
