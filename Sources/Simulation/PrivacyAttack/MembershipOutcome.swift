/// What membership inference came to, for `summary.json`. Exact values of simulated clients: not releasable.
package struct MembershipOutcome: Codable, Equatable, Sendable {
    /// What one statistic found with each run as the target.
    package struct Attack: Codable, Equatable, Sendable {
        /// `"threshold"`, `"offline"` or `"online"`.
        package var name: String
        /// Area under the curve, the mean over the runs, and its standard error.
        package var auc: Double
        package var aucError: Double
        /// Members found at false alarms of a hundredth and a thousandth, of the scores of all runs together; absent where there
        /// are too few to tell.
        package var tprAtHundredth: Double?
        package var tprAtThousandth: Double?

        private enum CodingKeys: String, CodingKey {
            case name, auc
            case aucError = "auc_error"
            case tprAtHundredth = "tpr_at_fpr_0.01"
            case tprAtThousandth = "tpr_at_fpr_0.001"
        }
    }

    /// What privacy leaves of any attack.
    package struct Ceiling: Codable, Equatable, Sendable {
        package var auc: Double
        package var tprAtHundredth: Double
        package var tprAtThousandth: Double

        private enum CodingKeys: String, CodingKey {
            case auc
            case tprAtHundredth = "tpr_at_fpr_0.01"
            case tprAtThousandth = "tpr_at_fpr_0.001"
        }
    }

    /// `"record"` or `"client"`.
    package var unit: String
    /// Runs, each with half of the units, each in turn the target.
    package var runs: Int
    /// Units that were guessed, over all runs: members, and others.
    package var members: Int
    package var others: Int
    package var attacks: [Attack]
    /// Absent where nothing protects the unit.
    package var ceiling: Ceiling?

    private enum CodingKeys: String, CodingKey {
        case unit, runs, members, others, attacks, ceiling
    }
}

/// The curves of a membership attack, for the report alone.
package struct MembershipCurves: Sendable {
    /// Rates at which the curves are drawn: of false alarms, and of members found.
    typealias Points = [(x: Double, y: Double)]

    let attacks: [(name: String, points: Points)]
    /// Empty where nothing protects the unit.
    let ceiling: Points
}
