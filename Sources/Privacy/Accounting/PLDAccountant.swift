internal import Glibc

/// Composes events by their privacy loss distributions: tight, and never below the truth.
///
/// Gaussians without sampling compose in closed form (Balle & Wang 2018). Everything else is put on a grid by
/// pessimistic rounding and composed by a tilted Fourier transform (`TiltedComposition`), in both directions of
/// the neighbouring relation; the larger epsilon counts. Skellam noise in many dimensions is accounted as Gaussian noise, and
/// what the laws of a whole run differ by is added (`SkellamGap`).
package struct PLDAccountant: Sendable {
    /// Events composed, all of `adjacency`, like ones merged, Gaussians in place of Skellam noise in many dimensions.
    private let events: [PrivacyEvent]
    /// What Skellam noise in many dimensions costs beside `events`; nil where there is none.
    private let gap: SkellamGap?
    /// The one adjacency of the statement.
    package let adjacency: Adjacency

    /// Smallest delta for which the probabilities stay within double range.
    private static let smallestDelta = 1e-200

    /// Refuses events that are invalid, of different adjacencies, or without a proved loss distribution.
    package init(_ events: [PrivacyEvent]) throws(AccountingError) {
        for event in events {
            try event.validate()
            try Self.refuseUnproved(event)
        }
        adjacency = try PrivacyEvent.commonAdjacency(of: events)
        let released = Self.merged(events.map(MatrixRelease.accounted).filter { !$0.isFree })
        (self.events, gap) = try SkellamGap.split(released, accountant: "pld")
    }

    private static func refuseUnproved(_ event: PrivacyEvent) throws(AccountingError) {
        func refuse(_ reason: String) -> AccountingError { .unsupported(accountant: "pld", reason: reason) }
        if case .fixedSize = event.effectiveSampling {
            throw refuse("fixed-size sampling has a proved Rényi bound only; use rdp or best")
        }
        switch event.mechanism {
        case .gaussian, .laplace, .matrix, .skellam:
            return
        case .tree:
            throw refuse("tree aggregation is accounted under zCDP; use rdp or best")
        case .discreteGaussian(let parameters):
            if parameters.shares != nil {
                throw refuse(
                    "a sum of discrete Gaussian shares has a proved Rényi bound only; use rdp or best")
            }
            try refuseManyDimensions(parameters.sensitivity)
        }
    }

    private static func refuseManyDimensions(
        _ sensitivity: PrivacyEvent.IntegerSensitivity
    ) throws(AccountingError) {
        guard sensitivity.dimension == 1 else {
            throw .unsupported(
                accountant: "pld",
                reason:
                    "discrete Gaussian noise in \(sensitivity.dimension) dimensions has a proved Rényi bound only; "
                    + "use rdp or best")
        }
        guard sensitivity.l2 <= IntegerNoiseParts.largestShift else {
            throw .unsupported(
                accountant: "pld", reason: "an integer sensitivity above 1,000,000; use rdp or best")
        }
    }

    private static func merged(_ events: [PrivacyEvent]) -> [PrivacyEvent] {
        var positions: [PrivacyEvent: Int] = [:]
        var result: [PrivacyEvent] = []
        for event in events {
            var key = event
            key.sampling = event.effectiveSampling
            key.steps = 0
            if let position = positions[key] {
                result[position].steps += event.steps
            } else {
                positions[key] = result.count
                key.steps = event.steps
                result.append(key)
            }
        }
        return result
    }

    /// Epsilon at `delta`; 0 < delta < 1e-200 is refused.
    package func guarantee(delta: Double) throws(AccountingError) -> PrivacyGuarantee {
        try PrivacyGuarantee.requireDelta(delta)
        return PrivacyGuarantee(
            epsilon: try wholeEpsilon(delta: delta), delta: delta, accountant: .pld, adjacency: adjacency)
    }

    /// True where no grid is needed and values are exact to rounding.
    var hasClosedForm: Bool { gap == nil && exactEpsilon(delta: 0.5) != nil }

    /// True where Skellam noise in many dimensions is all that keeps the value from a closed form.
    var isNearlyClosed: Bool { gap != nil && exactEpsilon(delta: 0.5) != nil }

    /// Epsilon with what the laws of the noise differ by.
    private func wholeEpsilon(delta: Double) throws(AccountingError) -> Double {
        guard let gap, delta > 0, delta < 1 else { return try epsilon(delta: delta) }
        let renyi = try? RDPAccountant(events).guarantee(delta: 0.5 * delta).epsilon
        return try gap.epsilon(delta: delta, expected: renyi ?? .infinity) { delta throws(AccountingError) in
            try epsilon(delta: delta)
        }
    }

    private func epsilon(delta: Double) throws(AccountingError) -> Double {
        if events.isEmpty || delta >= 1 { return 0 }
        if delta == 0 { return PureEpsilon.of(events) ?? .infinity }
        if events.contains(where: \.isUnprotected) { return .infinity }
        if let exact = exactEpsilon(delta: delta) { return exact }
        guard delta >= Self.smallestDelta else {
            throw .unsupported(accountant: "pld", reason: "a delta below \(Self.smallestDelta); use rdp")
        }
        var largest = 0.0
        for direction in LossDirection.allCases {
            let (parts, symmetric) = LossParts.of(events, direction: direction, logDelta: log(delta))
            largest = max(largest, Self.epsilon(parts, delta: delta))
            if symmetric { break }
        }
        // For an epsilon of many thousands a grid resolves little, and the Rényi bound can be the smaller one.
        let other = try? RDPAccountant(events).guarantee(delta: delta, precision: .extended).epsilon
        return min(
            largest, PureEpsilon.of(events) ?? .infinity, largest > 1000 ? other ?? .infinity : .infinity)
    }

    /// Trial compositions on short grids move the tilt to where the answer lies; the last ones are fine. Every
    /// one of them is an upper bound, so that the smallest counts.
    private static func epsilon(_ parts: [LossPart], delta: Double) -> Double {
        let logDelta = log(delta)
        var smallest = Double.infinity
        func compose(_ plan: CompositionPlan) -> Double {
            let value = TiltedComposition(parts: parts, plan: plan).epsilon(delta: delta)
            smallest = min(smallest, value)
            return value
        }
        var plan = CompositionPlan(
            parts: parts, logDelta: logDelta, largestLength: CompositionPlan.trialLength)
        for _ in 0..<12 {
            let trial = compose(plan)
            let previous = plan
            plan = CompositionPlan(
                parts: parts, logDelta: logDelta, expected: trial, largestLength: CompositionPlan.trialLength)
            if abs(log(plan.tilt / previous.tilt)) < 0.05 && trial > 0.9 * previous.epsilon { break }
        }
        let fine = CompositionPlan(parts: parts, logDelta: logDelta, expected: smallest)
        guard fine.length > CompositionPlan.trialLength || fine.step < 0.99 * plan.step else {
            _ = compose(fine)
            return smallest
        }
        let before = smallest
        if compose(fine) > before {
            // Rounding errors outweigh the finer grid: look for the step between.
            for length in [1 << 16, 1 << 18] where length < fine.length {
                let between = CompositionPlan(
                    parts: parts, logDelta: logDelta, expected: smallest, largestLength: length)
                _ = compose(between)
            }
        }
        return smallest
    }

    /// Epsilon where a closed form exists: Gaussians without sampling, or one release of Laplace or integer noise.
    private func exactEpsilon(delta: Double) -> Double? {
        var squares = 0.0
        for event in events {
            guard case .gaussian(let multiplier) = event.mechanism, case .none = event.sampling else {
                return events.count == 1 && events[0].steps == 1
                    ? SingleRelease.epsilon(of: events[0], delta: delta) : nil
            }
            squares += Double(event.steps) / (multiplier * multiplier)
        }
        return AnalyticGaussian(mu: squares.squareRoot()).epsilon(delta: delta)
    }
}
