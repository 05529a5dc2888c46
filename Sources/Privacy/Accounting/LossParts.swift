internal import Glibc

/// Dominating pairs of events, in one direction of the neighbouring relation.
enum LossParts {
    /// The parts of a composition, and whether the other direction is the same.
    ///
    /// All Gaussians without sampling become one, exactly. Outcomes of a probability negligible beside delta are
    /// left out and counted as unbounded loss.
    static func of(
        _ events: [PrivacyEvent], direction: LossDirection, logDelta: Double
    ) -> (parts: [LossPart], symmetric: Bool) {
        let compositions = events.reduce(0.0) { $0 + Double($1.steps) }
        let logOmitted = logDelta - log(max(compositions, 1)) - CompositionPlan.omittedLogShare
        var parts: [LossPart] = []
        var gaussianSquares = 0.0
        var symmetric = true
        for event in events {
            if case .gaussian(let multiplier) = event.mechanism, case .none = event.sampling {
                gaussianSquares += Double(event.steps) / (multiplier * multiplier)
                continue
            }
            parts.append(LossPart(components(event, direction, logOmitted), count: event.steps))
            if event.sampling != .none && event.adjacency != .replaceOne { symmetric = false }
        }
        if gaussianSquares > 0 {
            let sigma = 1 / gaussianSquares.squareRoot()
            let pair = ContinuousLoss.Pair.gaussian(sigma: sigma, probability: 1, direction: .remove)
            parts.append(LossPart([(.continuous(.init(pair, logOmitted: logOmitted)), 1)], count: 1))
        }
        return (parts, symmetric)
    }

    private static func components(
        _ event: PrivacyEvent, _ direction: LossDirection, _ logOmitted: Double
    ) -> [(component: LossComponent, weight: Double)] {
        func continuous(_ pair: ContinuousLoss.Pair) -> LossComponent {
            .continuous(ContinuousLoss(pair, logOmitted: logOmitted))
        }
        // Without sampling both directions are the same law.
        let direction = event.sampling == .none ? LossDirection.remove : direction
        var probability = 1.0
        if case .poisson(let stated) = event.sampling { probability = stated }
        switch event.mechanism {
        case .gaussian(let multiplier):
            if case .truncatedPoisson(let stated, let population, let maximum) = event.sampling {
                let cut = TruncatedPoisson(probability: stated, population: population, maximum: maximum)
                let whole = continuous(
                    .gaussian(sigma: multiplier, probability: stated, direction: direction))
                guard cut.truncated > 0 else { return [(whole, 1)] }
                let replaced = continuous(
                    .replacedGaussian(sigma: multiplier / 2, probability: cut.inclusion))
                return [(whole, 1 - cut.truncated), (replaced, cut.truncated)]
            }
            if event.adjacency == .replaceOne {
                // The multiplier is relative to the replace-one sensitivity, twice the norm of one contribution.
                return [(continuous(.replacedGaussian(sigma: 2 * multiplier, probability: probability)), 1)]
            }
            return [
                (continuous(.gaussian(sigma: multiplier, probability: probability, direction: direction)), 1)
            ]
        case .laplace(let scale):
            return [(continuous(.laplace(scale: scale, probability: probability, direction: direction)), 1)]
        case .discreteGaussian, .skellam:
            return [
                (IntegerNoiseParts.component(event.mechanism, probability, direction, logOmitted), 1)
            ]
        case .tree, .matrix:
            preconditionFailure("refused, or taken as a Gaussian, by the accountant's initialiser")
        }
    }
}

/// Integer noise as a component.
enum IntegerNoiseParts {
    /// Largest shift whose outcomes are enumerated.
    static let largestShift = 1e6
    /// Variance above which the grid of integers is finer than any effect on epsilon.
    private static let continuousVariance = 1e9

    static func component(
        _ mechanism: PrivacyEvent.Mechanism, _ probability: Double, _ direction: LossDirection,
        _ logOmitted: Double
    ) -> LossComponent {
        let (variance, shift) = parameters(mechanism)
        if variance > continuousVariance {
            // Both laws agree with the Gaussian to about 1/variance in relative density here; the margin on the
            // shift is wider than that.
            let sigma = variance.squareRoot() / (Double(shift) * (1 + 1e-7))
            let pair = ContinuousLoss.Pair.gaussian(
                sigma: sigma, probability: probability, direction: direction)
            return .continuous(ContinuousLoss(pair, logOmitted: logOmitted))
        }
        return .integer(
            noise(mechanism, variance, shift, logOmitted), probability: probability, direction: direction)
    }

    /// Outcomes of the noise, for variances that are enumerated; nil above.
    static func enumerated(_ mechanism: PrivacyEvent.Mechanism, logOmitted: Double) -> IntegerNoiseLoss? {
        let (variance, shift) = parameters(mechanism)
        return variance > continuousVariance ? nil : noise(mechanism, variance, shift, logOmitted)
    }

    private static func noise(
        _ mechanism: PrivacyEvent.Mechanism, _ variance: Double, _ shift: Int, _ logOmitted: Double
    ) -> IntegerNoiseLoss {
        if case .skellam = mechanism {
            return .skellam(variance: variance, shift: shift, logOmitted: logOmitted)
        }
        return .discreteGaussian(sigmaSquared: variance, shift: shift, logOmitted: logOmitted)
    }

    /// Variance and the largest integer shift within the sensitivity.
    private static func parameters(_ mechanism: PrivacyEvent.Mechanism) -> (variance: Double, shift: Int) {
        switch mechanism {
        case .discreteGaussian(let parameters):
            (parameters.sigmaSquared, Int(parameters.sensitivity.l2))
        case .skellam(let variance, let sensitivity):
            (variance, Int(sensitivity.l2))
        case .gaussian, .laplace, .tree, .matrix:
            preconditionFailure("not integer noise")
        }
    }
}

/// Poisson sampling cut at a largest cohort (Ganesh 2025, arXiv 2508.15089, theorem 1): with probability
/// `truncated` the release is at worst one under replace-one at twice the sensitivity, with the unit among the
/// kept ones with probability `inclusion`; otherwise it is plain Poisson.
struct TruncatedPoisson {
    /// Probability that the others alone fill the cohort.
    let truncated: Double
    /// Probability that a unit is kept, given that.
    let inclusion: Double

    init(probability: Double, population: Int, maximum: Int) {
        truncated = Self.upperTail(trials: population - 1, probability: probability, from: maximum)
        let overfull = Self.upperTail(trials: population, probability: probability, from: maximum + 1)
        inclusion = truncated > 0 ? min(1, overfull * Double(maximum) / (truncated * Double(population))) : 0
    }

    /// `P(Binomial(trials, probability) ≥ from)`.
    private static func upperTail(trials: Int, probability: Double, from: Int) -> Double {
        guard from <= trials else { return 0 }
        if probability == 1 { return 1 }
        let mean = Double(trials) * probability
        let (logTaken, logLeft) = (log(probability), log1p(-probability))
        func logMass(_ k: Int) -> Double {
            LogArithmetic.binomial(trials, k) + Double(k) * logTaken + Double(trials - k) * logLeft
        }
        // Terms fall geometrically away from the mean: sum the tail that does not contain it.
        var sum = 0.0
        if Double(from) > mean {
            for k in from...trials {
                let term = exp(logMass(k))
                sum += term
                if term <= sum * 1e-18 { break }
            }
            return min(1, sum)
        }
        for k in stride(from: from - 1, through: 0, by: -1) {
            let term = exp(logMass(k))
            sum += term
            if term <= sum * 1e-18 { break }
        }
        return max(0, 1 - sum)
    }
}
