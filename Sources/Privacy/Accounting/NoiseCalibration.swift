internal import Glibc

/// Finds the least noise that keeps a target epsilon.
package enum NoiseCalibration {
    /// The calibrated event and what it guarantees.
    package struct Result: Hashable, Sendable {
        /// The given event with its noise replaced.
        package var event: PrivacyEvent
        /// Standard deviation over sensitivity (for Laplace: scale over sensitivity).
        package var noiseMultiplier: Double
        /// Guarantee of `event`; its epsilon is at most the target.
        package var guarantee: PrivacyGuarantee
    }

    /// Largest relative excess of the returned noise over the least sufficient one.
    private static let gridTolerance = 2e-4
    private static let closedFormTolerance = 1e-10
    private static let multipliers = 1e-6...1e12

    /// The least noise for which `event`, its noise fields ignored, keeps (`targetEpsilon`, `delta`).
    ///
    /// Epsilon at the result is at most the target, and above it at 0.999 times the result. Throws what the
    /// accountant throws, or `unreachableTarget`.
    package static func calibrate(
        _ event: PrivacyEvent, targetEpsilon: Double, delta: Double, accountant: AccountantKind = .best
    ) throws(AccountingError) -> Result {
        try AccountingError.require(targetEpsilon > 0, "target_epsilon", targetEpsilon, "must be above 0")
        try PrivacyGuarantee.requireDelta(delta)
        let start = event.scaled(toNoiseMultiplier: 1)
        try start.validate()
        guard !start.isFree, delta < 1 else {
            throw .unreachableTarget(
                epsilon: targetEpsilon, reason: "nothing is released, so no noise is needed")
        }
        let search = Search(event: start, target: targetEpsilon, delta: delta)
        switch accountant {
        case .rdp:
            return try search.least(precision: .standard, label: .rdp)
        case .pld:
            return try search.leastByLossDistribution(
                from: try? search.least(precision: .extended, label: .pld))
        case .best:
            return try best(search)
        }
    }

    private static func best(_ search: Search) throws(AccountingError) -> Result {
        var renyi: Result?
        var refusal: AccountingError?
        do {
            renyi = try search.least(precision: .extended, label: .rdp)
        } catch .unsupported(let accountant, let reason) {
            refusal = .unsupported(accountant: accountant, reason: reason)
        }
        do {
            let other = try search.leastByLossDistribution(from: renyi)
            guard let renyi, renyi.noiseMultiplier <= other.noiseMultiplier else { return other }
            return renyi
        } catch .unsupported(let accountant, let reason) {
            if let renyi { return renyi }
            throw refusal ?? .unsupported(accountant: accountant, reason: reason)
        }
    }

    private struct Search {
        let event: PrivacyEvent
        let target: Double
        let delta: Double

        func least(
            precision: RDPAccountant.Precision, label: AccountantKind
        ) throws(AccountingError) -> Result {
            try solve(from: 1, tolerance: closedFormTolerance) { (event) throws(AccountingError) in
                var guarantee = try RDPAccountant([event]).guarantee(delta: delta, precision: precision)
                guarantee.accountant = label
                return guarantee
            }
        }

        func leastByLossDistribution(from start: Result?) throws(AccountingError) -> Result {
            let from = max(start?.noiseMultiplier ?? 1, event.leastProvedMultiplier)
            let accountant = try PLDAccountant([event.scaled(toNoiseMultiplier: from)])
            return try solve(
                from: from, tolerance: accountant.hasClosedForm ? closedFormTolerance : gridTolerance
            ) { (event) throws(AccountingError) in
                // What is refused only for want of noise is no answer, and more noise may be one.
                guard let accountant = try? PLDAccountant([event]) else {
                    return PrivacyGuarantee(
                        epsilon: .infinity, delta: delta, accountant: .pld, adjacency: event.adjacency)
                }
                return try accountant.guarantee(delta: delta)
            }
        }

        /// Brackets the target from `start` and closes in by interpolating log epsilon in log noise.
        private func solve(
            from start: Double, tolerance: Double,
            _ guarantee: (PrivacyEvent) throws(AccountingError) -> PrivacyGuarantee
        ) throws(AccountingError) -> Result {
            var low: (multiplier: Double, epsilon: Double)?
            var high: (multiplier: Double, guarantee: PrivacyGuarantee)?
            func probe(_ multiplier: Double) throws(AccountingError) {
                let value = try guarantee(event.scaled(toNoiseMultiplier: multiplier))
                if value.epsilon <= target {
                    high = (multiplier, value)
                } else {
                    low = (multiplier, value.epsilon)
                }
            }
            try probe(start)
            while low == nil, let known = high, known.multiplier > multipliers.lowerBound {
                // Epsilon falls about as fast as the noise rises.
                let ratio = max(known.guarantee.epsilon, 1e-9 * target) / target
                try probe(known.multiplier * min(0.99, max(0.3, pow(ratio, 0.8) * 0.995)))
            }
            while high == nil, let known = low {
                guard known.multiplier < multipliers.upperBound else {
                    throw .unreachableTarget(
                        epsilon: target, reason: "epsilon is \(known.epsilon) at any noise")
                }
                let ratio = known.epsilon.isFinite ? known.epsilon / target : 4
                try probe(known.multiplier * max(1.01, min(4, ratio)))
            }
            for _ in 0..<200 {
                guard let below = low, let above = high,
                    below.multiplier < above.multiplier * (1 - tolerance)
                else { break }
                try probe(next(below, above, tolerance))
            }
            guard let found = high else {
                throw .unreachableTarget(epsilon: target, reason: "the search did not settle")
            }
            return Result(
                event: event.scaled(toNoiseMultiplier: found.multiplier), noiseMultiplier: found.multiplier,
                guarantee: found.guarantee)
        }

        /// Between the bracket's ends, at least a third of the tolerance inside so that both ends move.
        private func next(
            _ low: (multiplier: Double, epsilon: Double),
            _ high: (multiplier: Double, guarantee: PrivacyGuarantee),
            _ tolerance: Double
        ) -> Double {
            let (bottom, top) = (log(low.multiplier), log(high.multiplier))
            let (over, under) = (log(low.epsilon / target), log(high.guarantee.epsilon / target))
            guard over.isFinite, under.isFinite, over > under else { return exp(0.5 * (bottom + top)) }
            let interpolated = bottom + (top - bottom) * over / (over - under)
            let margin = max(0.4 * tolerance, 0.01 * (top - bottom))
            return exp(min(max(interpolated, bottom + margin), top - margin))
        }
    }
}

extension PrivacyEvent {
    /// The least noise multiplier for which loss distributions are proved; 0 where any is.
    fileprivate var leastProvedMultiplier: Double {
        guard case .skellam(_, let sensitivity) = mechanism, sensitivity.dimension > 1, sensitivity.l2 > 0
        else { return 0 }
        return SkellamGap.leastVariance.squareRoot() * (1 + 1e-9) / sensitivity.l2
    }

    /// The same release with noise of this standard deviation over sensitivity (Laplace: scale over sensitivity).
    package func scaled(toNoiseMultiplier multiplier: Double) -> PrivacyEvent {
        var event = self
        switch mechanism {
        case .gaussian:
            event.mechanism = .gaussian(noiseMultiplier: multiplier)
        case .discreteGaussian(var parameters):
            let deviation = multiplier * parameters.sensitivity.l2
            parameters.sigmaSquared = deviation * deviation
            if let clients = parameters.shares?.clients {
                parameters.shares?.localVariance = parameters.sigmaSquared / Double(clients)
            }
            event.mechanism = .discreteGaussian(parameters)
        case .skellam(_, let sensitivity):
            let deviation = multiplier * sensitivity.l2
            event.mechanism = .skellam(variance: deviation * deviation, sensitivity: sensitivity)
        case .laplace:
            event.mechanism = .laplace(scaleOverSensitivity: multiplier)
        case .tree(_, let participations):
            event.mechanism = .tree(noiseMultiplier: multiplier, participations: participations)
        case .matrix(var parameters):
            parameters.noiseMultiplier = multiplier
            event.mechanism = .matrix(parameters)
        }
        return event
    }
}
