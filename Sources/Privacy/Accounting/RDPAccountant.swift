internal import Glibc

/// Composes events by their Rényi divergences.
package struct RDPAccountant: Sendable {
    /// Which orders the statement is optimised over.
    package enum Precision: Hashable, Sendable {
        /// The orders of the published accountants, so that figures compare digit by digit.
        case standard
        /// More orders, and any real order where every event is zCDP: a little tighter, as sound.
        case extended
    }

    /// Events composed so far, all of `adjacency`.
    package let events: [PrivacyEvent]
    /// The one adjacency of the statement.
    package let adjacency: Adjacency

    /// Refuses events that are invalid, of different adjacencies, or without a proved Rényi bound.
    package init(_ events: [PrivacyEvent]) throws(AccountingError) {
        for event in events {
            try event.validate()
            try Self.refuseUnproved(event)
        }
        adjacency = try PrivacyEvent.commonAdjacency(of: events)
        self.events = events.map(MatrixRelease.accounted).filter { !$0.isFree }
    }

    private static func refuseUnproved(_ event: PrivacyEvent) throws(AccountingError) {
        switch event.effectiveSampling {
        case .truncatedPoisson:
            throw .unsupported(accountant: "rdp", reason: "truncated Poisson sampling is bounded by pld only")
        case .poisson where event.adjacency == .replaceOne && !event.isFree:
            throw .unsupported(accountant: "rdp", reason: "Poisson sampling under replace-one needs pld")
        default:
            return
        }
    }

    /// Epsilon at `delta`, with the order that gave it (nil where no single order did).
    package func guarantee(
        delta: Double, precision: Precision = .standard
    ) throws(AccountingError) -> PrivacyGuarantee {
        try PrivacyGuarantee.requireDelta(delta)
        let result = epsilon(delta: delta, precision: precision)
        return PrivacyGuarantee(
            epsilon: result.epsilon, delta: delta, accountant: .rdp, adjacency: adjacency,
            optimalOrder: result.order)
    }

    private func epsilon(delta: Double, precision: Precision) -> (epsilon: Double, order: Double?) {
        if events.isEmpty || delta >= 1 { return (0, nil) }
        if delta == 0 { return (PureEpsilon.of(events) ?? .infinity, .infinity) }
        if events.contains(where: \.isUnprotected) { return (.infinity, nil) }
        if precision == .extended, let rho = concentration {
            return RenyiCurve.epsilonOfConcentrated(rho: rho, delta: delta)
        }
        return curve(at: orders(precision), precision: precision).epsilon(delta: delta)
    }

    /// Total zCDP parameter, nil when an event is not zCDP-linear.
    package var concentration: Double? {
        var total = 0.0
        for event in events {
            guard case .none = event.effectiveSampling,
                let rho = MechanismRenyi.concentration(of: event.mechanism, steps: event.steps)
            else { return nil }
            total += rho * event.repetitions
        }
        return total
    }

    /// The composed curve at these orders; orders that are not integers are only allowed where every event has
    /// a bound there (`orders(_:)` sees to it).
    package func curve(at orders: [Double], precision: Precision = .standard) -> RenyiCurve {
        var total = RenyiCurve(orders: orders)
        for event in events {
            let divergences =
                precision == .extended && event.needsIntegerOrders
                ? Self.interpolatedDivergences(of: event, orders: orders)
                : Self.divergences(of: event, orders: orders)
            let single = RenyiCurve(orders: orders, divergences: divergences)
            total.add(single, steps: Int(event.repetitions))
        }
        return total
    }

    private func orders(_ precision: Precision) -> [Double] {
        if precision == .extended { return RenyiOrders.extended }
        return events.contains(where: \.needsIntegerOrders) ? RenyiOrders.integers : RenyiOrders.standard
    }

    /// The same as ``divergences(of:orders:isSymmetric:)`` at any order above 1 for an event whose bound holds at
    /// integers: `(α - 1) D_α` is a logarithm of moments, convex in α, and so below its chords; it is 0 at α = 1.
    private static func interpolatedDivergences(of event: PrivacyEvent, orders: [Double]) -> [Double] {
        let integers = Set(orders.flatMap { [$0.rounded(.down), $0.rounded(.up)] }.filter { $0 >= 2 })
            .sorted()
        let values = divergences(of: event, orders: integers, isSymmetric: true)
        var logMoments = [1.0: 0.0]
        for (order, value) in zip(integers, values) { logMoments[order] = (order - 1) * value }
        return orders.map { order in
            let below = order.rounded(.down)
            let weight = order - below
            guard let low = logMoments[below], let high = logMoments[order.rounded(.up)] else {
                return .infinity
            }
            // Not `0 × ∞` where the order is an integer.
            return (weight == 0 ? low : (1 - weight) * low + weight * high) / (order - 1)
        }
    }

    /// Divergence bounds of one release of `event` at each order; with `isSymmetric` by the sharper amplification
    /// that the symmetry of every noise here allows, without it as the published code has it.
    static func divergences(
        of event: PrivacyEvent, orders: [Double], isSymmetric: Bool = false
    ) -> [Double] {
        if event.isUnprotected { return Array(repeating: .infinity, count: orders.count) }
        let mechanism = event.mechanism
        func plain(_ order: Double) -> Double {
            MechanismRenyi.divergence(of: mechanism, order: order, steps: event.steps)
        }
        switch event.effectiveSampling {
        case .none:
            return orders.map(plain)
        case .poisson(let probability):
            if case .gaussian(let multiplier) = mechanism {
                return orders.map {
                    SampledGaussianRenyi.divergence(
                        order: $0, probability: probability, noiseMultiplier: multiplier)
                }
            }
            return orders.map {
                SubsamplingAmplification.poisson(
                    order: Int($0), probability: probability, isSymmetric: isSymmetric,
                    curve: { plain(Double($0)) })
            }
        case .fixedSize(let population, let cohort):
            return withoutReplacement(
                mechanism, fraction: Double(cohort) / Double(population), orders: orders, curve: plain)
        case .truncatedPoisson:
            return Array(repeating: .infinity, count: orders.count)
        }
    }

    /// Largest order of the tight bound for sampling without replacement, whose moments cost a quadrature each.
    private static let tightOrderLimit = 256

    private static func withoutReplacement(
        _ mechanism: PrivacyEvent.Mechanism, fraction: Double, orders: [Double], curve: (Double) -> Double
    ) -> [Double] {
        var moments: GaussianDifferenceMoments?
        if case .gaussian(let multiplier) = mechanism {
            moments = GaussianDifferenceMoments(noiseMultiplier: multiplier, upTo: tightOrderLimit)
        }
        return orders.map { order in
            let tight = order <= Double(tightOrderLimit) ? moments.map { moments in { moments($0) } } : nil
            return min(
                curve(order),
                SubsamplingAmplification.withoutReplacement(
                    order: order, fraction: fraction, curve: { curve(Double($0)) }, logDifferenceMoment: tight
                ))
        }
    }
}

extension PrivacyEvent {
    /// How often the mechanism's own bound composes; a tree's steps are its leaves, not repetitions.
    var repetitions: Double {
        if case .tree = mechanism { return 1 }
        return Double(steps)
    }

    /// True where the published bounds hold at integer orders only, or are stated so.
    var needsIntegerOrders: Bool {
        switch (mechanism, effectiveSampling) {
        case (.skellam, _): true
        case (.discreteGaussian(let parameters), .none): parameters.shares != nil
        case (.discreteGaussian, .poisson), (.laplace, .poisson): true
        default: false
        }
    }
}

/// Pure differential privacy (delta = 0).
enum PureEpsilon {
    /// Sum of the pure epsilons, or nil when an event has none.
    static func of(_ events: [PrivacyEvent]) -> Double? {
        var total = 0.0
        for event in events where !event.isFree {
            guard case .laplace(let scale) = event.mechanism else { return nil }
            let single = 1 / scale
            let amplified: Double
            switch event.effectiveSampling {
            case .none: amplified = single
            case .poisson(let probability):
                amplified = single > 700 ? single : log1p(probability * expm1(single))
            case .fixedSize(let population, let cohort):
                let fraction = Double(cohort) / Double(population)
                amplified = single > 700 ? single : log1p(fraction * expm1(single))
            case .truncatedPoisson: return nil
            }
            total += Double(event.steps) * amplified
        }
        return total
    }
}
