/// What the ε that ``Spending`` states after a round, before the last planned one, is to the truth.
package enum SpendingStatement: Sendable {
    /// It need not be bounded: a formula gives the exact composition at once (Gaussian noise without sampling).
    case exact
    /// The composition by Rényi accounting, which is all that the configured accountant knows of.
    case renyi
    /// An upper bound: the configured accountant, which takes its time, was asked for the last planned round only.
    case bound
}
