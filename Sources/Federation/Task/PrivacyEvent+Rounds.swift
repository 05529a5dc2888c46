internal import Privacy

/// What an event of a plan means for its rounds.
extension PrivacyEvent {
    /// Whether a formula gives its ε.
    var hasClosedForm: Bool {
        guard case .none = sampling else { return false }
        return switch mechanism {
        case .gaussian, .matrix: true
        case .discreteGaussian, .skellam, .laplace, .tree: false
        }
    }

    /// Fractional orders are proved for the Gaussian; whole ones for every mechanism.
    var orders: [Double] {
        switch mechanism {
        case .gaussian, .matrix: RenyiOrders.standard
        case .discreteGaussian, .skellam, .laplace, .tree: RenyiOrders.integers
        }
    }

    /// The event of one round, or of all rounds that one event covers, after so many rounds.
    func overRounds(_ rounds: Int) -> PrivacyEvent {
        var event = self
        switch mechanism {
        case .tree(let multiplier, _):
            let trees = (rounds + steps - 1) / steps
            event.mechanism = .tree(noiseMultiplier: multiplier, participations: trees)
        case .matrix(let release): event.steps = (rounds + release.rounds - 1) / release.rounds
        case .gaussian, .discreteGaussian, .skellam, .laplace: event.steps = rounds
        }
        return event
    }
}
