extension PrivacyEvent {
    /// Throws unless every parameter is in range and the sampler is one for which the stated adjacency and this
    /// mechanism have a proved bound in at least one accountant.
    package func validate() throws(AccountingError) {
        try AccountingError.require(steps >= 0, "steps", steps, "must not be negative")
        try mechanism.validate()
        try sampling.validate()
        try validateCombination()
    }

    private func validateCombination() throws(AccountingError) {
        func refuse(_ reason: String) -> AccountingError {
            .unsupported(accountant: "privacy", reason: reason)
        }
        if case .matrix = mechanism { try MatrixRelease.checkClaims(of: self) }
        switch sampling {
        case .none:
            return
        case .poisson:
            if case .tree = mechanism {
                throw refuse("tree aggregation claims no sampling; use sampling none")
            }
            guard adjacency == .replaceOne else { return }
            guard case .gaussian = mechanism else {
                throw refuse("Poisson sampling under replace-one is proved here for the Gaussian only")
            }
        case .truncatedPoisson:
            guard case .gaussian = mechanism, adjacency == .addOrRemoveOne else {
                throw refuse(
                    "truncated Poisson sampling is proved for the Gaussian under add-or-remove-one only")
            }
        case .fixedSize:
            if case .tree = mechanism {
                throw refuse("tree aggregation claims no sampling; use sampling none")
            }
            guard adjacency == .replaceOne else {
                throw refuse("fixed-size sampling is proved under replace-one only")
            }
        }
    }
}

extension PrivacyEvent.Mechanism {
    fileprivate func validate() throws(AccountingError) {
        switch self {
        case .gaussian(let multiplier):
            try requireScale(multiplier, "noise_multiplier")
        case .discreteGaussian(let parameters):
            try requireScale(parameters.sigmaSquared, "sigma_squared")
            try parameters.sensitivity.validate()
            guard let shares = parameters.shares else { return }
            try AccountingError.require(shares.clients >= 1, "clients", shares.clients, "must be at least 1")
            try requireScale(shares.localVariance, "local_variance")
        case .skellam(let variance, let sensitivity):
            try requireScale(variance, "variance")
            try sensitivity.validate()
        case .laplace(let scale):
            try requireScale(scale, "scale_over_sensitivity")
        case .tree(let multiplier, let participations):
            try requireScale(multiplier, "noise_multiplier")
            try AccountingError.require(
                participations >= 0, "participations", participations, "must not be negative")
        case .matrix(let parameters):
            try parameters.validate()
        }
    }

    private func requireScale(_ value: Double, _ name: String) throws(AccountingError) {
        try AccountingError.require(
            value >= 0 && value.isFinite, name, value, "must be a finite number, 0 or more")
    }
}

extension PrivacyEvent.IntegerSensitivity {
    fileprivate func validate() throws(AccountingError) {
        try AccountingError.require(
            l2 >= 0 && l2.isFinite, "integer_sensitivity", l2, "must be a finite number, 0 or more")
        try AccountingError.require(dimension >= 1, "dimension", dimension, "must be at least 1")
        guard let l1 else { return }
        try AccountingError.require(
            l1 >= 0 && l1.isFinite, "l1_sensitivity", l1, "must be a finite number, 0 or more")
    }

    /// L1 bound in force: the stated one, or the worst case of an integer vector, `l2 × min(√dimension, l2)`.
    var effectiveL1: Double { l1 ?? l2 * min(Double(dimension).squareRoot(), l2) }
}

extension PrivacyEvent.Sampling {
    fileprivate func validate() throws(AccountingError) {
        switch self {
        case .none:
            return
        case .poisson(let probability):
            try requireProbability(probability)
        case .truncatedPoisson(let probability, let population, let maximum):
            try requireProbability(probability)
            try AccountingError.require(population >= 1, "population", population, "must be at least 1")
            try AccountingError.require(maximum >= 0, "maximum_cohort", maximum, "must not be negative")
        case .fixedSize(let population, let cohort):
            try AccountingError.require(population >= 1, "population", population, "must be at least 1")
            try AccountingError.require(
                (0...population).contains(cohort), "cohort", cohort, "must lie between 0 and the population")
        }
    }

    private func requireProbability(_ value: Double) throws(AccountingError) {
        try AccountingError.require(
            (0...1).contains(value), "sampling_probability", value, "must lie between 0 and 1")
    }
}

extension PrivacyEvent {
    /// True when the event releases nothing that depends on the data.
    var isFree: Bool {
        if steps == 0 { return true }
        switch sampling {
        case .none: break
        case .poisson(let probability): if probability == 0 { return true }
        case .truncatedPoisson(let probability, _, let maximum):
            if probability == 0 || maximum == 0 { return true }
        case .fixedSize(_, let cohort): if cohort == 0 { return true }
        }
        switch mechanism {
        case .gaussian, .laplace, .matrix: return false
        case .discreteGaussian(let parameters): return parameters.sensitivity.l2 == 0
        case .skellam(_, let sensitivity): return sensitivity.l2 == 0
        case .tree(_, let participations): return participations == 0
        }
    }

    /// The sampler with its degenerate cases resolved: every unit always taken is no sampling.
    var effectiveSampling: Sampling {
        switch sampling {
        case .poisson(probability: 1): .none
        case .fixedSize(let population, let cohort) where population == cohort: .none
        case .truncatedPoisson(let probability, let population, let maximum) where maximum >= population:
            probability == 1 ? .none : .poisson(probability: probability)
        default: sampling
        }
    }

    /// True when the noise is zero, so that nothing is protected.
    var isUnprotected: Bool {
        switch mechanism {
        case .gaussian(let multiplier): multiplier == 0
        case .discreteGaussian(let parameters): parameters.totalVariance == 0
        case .skellam(let variance, _): variance == 0
        case .laplace(let scale): scale == 0
        case .tree(let multiplier, _): multiplier == 0
        case .matrix(let parameters): parameters.noiseMultiplier == 0
        }
    }

    /// The one adjacency of all events, or add-or-remove-one for an empty list; refuses a mixture.
    static func commonAdjacency(of events: [PrivacyEvent]) throws(AccountingError) -> Adjacency {
        let adjacencies = Set(events.map(\.adjacency))
        guard adjacencies.count <= 1 else {
            throw .mixedAdjacencies(adjacencies.sorted { $0.rawValue < $1.rawValue })
        }
        return adjacencies.first ?? .addOrRemoveOne
    }
}

extension PrivacyEvent.DiscreteGaussianParameters {
    /// Variance that is sure to be present: the stated whole, or the sum of the shares where that is smaller.
    var totalVariance: Double {
        guard let shares else { return sigmaSquared }
        return min(sigmaSquared, Double(shares.clients) * shares.localVariance)
    }
}
