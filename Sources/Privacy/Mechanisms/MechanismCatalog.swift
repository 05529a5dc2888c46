/// The mechanisms by name, each made from the standard deviation of its noise (grid units).
package enum MechanismCatalog {
    /// A mechanism's name and what makes it.
    package struct Entry: Sendable {
        package let name: String
        /// Whether its event says what a sum of updates costs whose L2 norm alone is bounded, so that a task can name
        /// it.
        package let suitsUpdates: Bool
        /// Makes a mechanism whose noise has this standard deviation, or throws `MechanismError`.
        package let make: @Sendable (_ standardDeviation: Double) throws -> any PrivacyMechanism

        init(
            _ name: String, suitsUpdates: Bool = true,
            _ make: @escaping @Sendable (_ standardDeviation: Double) throws -> any PrivacyMechanism
        ) {
            (self.name, self.suitsUpdates, self.make) = (name, suitsUpdates, make)
        }
    }

    /// One line an entry: contract tests run over all of them. The Gaussians take the deviation as their
    /// parameter σ, which is what their events state.
    package static let all: [Entry] = [
        Entry("gaussian") { try RoundedGaussian(sigma: $0) },
        Entry("discrete_gaussian") { try DiscreteGaussian(sigmaSquared: $0 * $0) },
        Entry("skellam") { try Skellam(variance: $0 * $0) },
        Entry("discrete_laplace", suitsUpdates: false) { try DiscreteLaplace(standardDeviation: $0) },
        Entry("none", suitsUpdates: false) { _ in NoPrivacy() },
    ]

    /// Names in alphabetical order, as messages list them.
    package static var names: [String] { all.map(\.name).sorted() }

    /// The named mechanism with noise of this standard deviation; throws `MechanismError` for an unknown name
    /// or a deviation outside the mechanism's range.
    package static func mechanism(named name: String, standardDeviation: Double) throws
        -> any PrivacyMechanism
    {
        guard let entry = all.first(where: { $0.name == name }) else {
            throw MechanismError.unknownMechanism(name: name, known: names)
        }
        return try entry.make(standardDeviation)
    }
}
