internal import Privacy

/// What the ε that ``Spending`` states after a round, before the last planned one, is to the truth.
package enum SpendingStatement: Sendable {
    /// It need not be bounded: a formula gives the exact composition at once (Gaussian noise without sampling).
    case exact
    /// The composition by Rényi accounting, which is all that the configured accountant knows of.
    case renyi
    /// An upper bound: the configured accountant, which takes its time, was asked for the last planned round only.
    case bound

    /// What is stated after each round of a plan of those who see its released models.
    package init(of plan: PrivacyPlan) {
        if plan.configuration.accountant == .rdp {
            self = .renyi
        } else if plan.roundEvent.hasClosedForm {
            self = .exact
        } else {
            self = (try? PLDAccountant([plan.roundEvent])) == nil ? .renyi : .bound
        }
    }
}
