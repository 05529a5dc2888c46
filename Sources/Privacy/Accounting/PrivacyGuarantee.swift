/// How epsilon is computed.
package enum AccountantKind: String, Codable, Hashable, Sendable, CaseIterable {
    /// Rényi divergences over the published orders.
    case rdp
    /// Privacy loss distributions; exact where a closed form exists.
    case pld
    /// The smallest of the sound values available.
    case best
}

/// One (epsilon, delta) statement and what it rests on.
package struct PrivacyGuarantee: Hashable, Sendable {
    /// Upper bound on epsilon, nats; `infinity` when nothing is promised.
    package var epsilon: Double
    package var delta: Double
    /// The accountant whose value this is: `rdp` or `pld`.
    package var accountant: AccountantKind
    package var adjacency: Adjacency
    /// Rényi order at which the optimum lay, where the accountant uses orders.
    package var optimalOrder: Double?

    package init(
        epsilon: Double, delta: Double, accountant: AccountantKind, adjacency: Adjacency,
        optimalOrder: Double? = nil
    ) {
        self.epsilon = epsilon
        self.delta = delta
        self.accountant = accountant
        self.adjacency = adjacency
        self.optimalOrder = optimalOrder
    }

    /// The guarantee of all `events` together at `delta`, by the asked accountant.
    ///
    /// Throws where an event is invalid or unknown to that accountant; `best` throws only when neither knows it.
    package static func of(
        _ events: [PrivacyEvent], delta: Double, accountant: AccountantKind = .best
    ) throws(AccountingError) -> PrivacyGuarantee {
        switch accountant {
        case .rdp: try RDPAccountant(events).guarantee(delta: delta)
        case .pld: try PLDAccountant(events).guarantee(delta: delta)
        case .best: try best(events, delta: delta)
        }
    }

    private static func best(
        _ events: [PrivacyEvent], delta: Double
    ) throws(AccountingError) -> PrivacyGuarantee {
        try requireDelta(delta)
        if let quick = try quickly(events, delta: delta) { return quick }
        var candidates: [PrivacyGuarantee] = []
        var refusal: AccountingError?
        do {
            candidates.append(try RDPAccountant(events).guarantee(delta: delta, precision: .extended))
        } catch .unsupported(let accountant, let reason) {
            refusal = .unsupported(accountant: accountant, reason: reason)
        }
        if let first = candidates.first, first.epsilon == 0 { return first }
        do {
            candidates.append(try PLDAccountant(events).guarantee(delta: delta))
        } catch .unsupported(let accountant, let reason) {
            refusal = refusal ?? .unsupported(accountant: accountant, reason: reason)
            if let asGaussians = try renyiOfGaussians(events, delta: delta) { candidates.append(asGaussians) }
        }
        guard let smallest = candidates.min(by: { $0.epsilon < $1.epsilon }) else {
            throw refusal ?? .unsupported(accountant: "best", reason: "no accountant knows these events")
        }
        return smallest
    }

    /// Skellam noise in many dimensions without sampling, which agents ask about in every round: the loss distribution takes no
    /// time; nil where it is not below the published Rényi bound, so that more orders are worth theirs.
    private static func quickly(
        _ events: [PrivacyEvent], delta: Double
    ) throws(AccountingError) -> PrivacyGuarantee? {
        guard let accountant = try? PLDAccountant(events), accountant.isNearlyClosed,
            let renyi = try? RDPAccountant(events).guarantee(delta: delta)
        else { return nil }
        let guarantee = try accountant.guarantee(delta: delta)
        return guarantee.epsilon <= renyi.epsilon ? guarantee : nil
    }

    /// The Rényi bound of events with Skellam noise in many dimensions by way of their Gaussian counterparts (`SkellamGap`),
    /// which have sharper bounds for samples of a fixed size; nil where that is no way.
    private static func renyiOfGaussians(
        _ events: [PrivacyEvent], delta: Double
    ) throws(AccountingError) -> PrivacyGuarantee? {
        guard delta > 0, delta < 1, let split = try? SkellamGap.split(events, accountant: "rdp"),
            let gap = split.gap, let accountant = try? RDPAccountant(split.events)
        else { return nil }
        func epsilon(_ delta: Double) throws(AccountingError) -> Double {
            try accountant.guarantee(delta: delta, precision: .extended).epsilon
        }
        let expected = try epsilon(0.5 * delta)
        return PrivacyGuarantee(
            epsilon: try gap.epsilon(delta: delta, expected: expected, gaussian: epsilon), delta: delta,
            accountant: .rdp, adjacency: accountant.adjacency)
    }

    static func requireDelta(_ delta: Double) throws(AccountingError) {
        try AccountingError.require((0...1).contains(delta), "delta", delta, "must lie between 0 and 1")
    }
}
