extension PrivacyEvent {
    /// The same releases with like events taken together, in the order of their first occurrence: what costs an
    /// accountant nothing where a list as long as a run would.
    package static func composed(_ events: [PrivacyEvent]) -> [PrivacyEvent] {
        var places: [PrivacyEvent: Int] = [:]
        var composed: [RepeatedEvent] = []
        for event in events.map(RepeatedEvent.init) {
            if let place = places[event.kind] {
                composed[place].add(event.count)
            } else {
                places[event.kind] = composed.count
                composed.append(event)
            }
        }
        return composed.map(\.event)
    }

    /// This event `count` times, as one.
    package func repeated(_ count: Int) -> PrivacyEvent {
        var repeated = RepeatedEvent(self)
        repeated.multiply(by: count)
        return repeated.event
    }

    /// How many times `event` this one is; nil where it is no whole number of times.
    package func repetitions(of event: PrivacyEvent) -> Int? {
        let (all, one) = (RepeatedEvent(self), RepeatedEvent(event))
        guard all.kind == one.kind, one.count > 0, all.count % one.count == 0 else { return nil }
        return all.count / one.count
    }
}

/// An event apart from how often it happened.
///
/// The steps of like events add up. Those of trees are leaves and do not: there participations add up. Numbers that a ledger
/// made up may be of any size: what does not fit stays at the greatest.
private struct RepeatedEvent {
    /// The event, once.
    let kind: PrivacyEvent
    private(set) var count: Int

    init(_ event: PrivacyEvent) {
        var kind = event
        if case .tree(let multiplier, let participations) = event.mechanism {
            kind.mechanism = .tree(noiseMultiplier: multiplier, participations: 1)
            count = participations
        } else {
            kind.steps = 1
            count = event.steps
        }
        self.kind = kind
    }

    /// The event, as often as it happened.
    var event: PrivacyEvent {
        var event = kind
        if case .tree(let multiplier, _) = kind.mechanism {
            event.mechanism = .tree(noiseMultiplier: multiplier, participations: count)
        } else {
            event.steps = count
        }
        return event
    }

    mutating func add(_ more: Int) {
        let (sum, overflows) = count.addingReportingOverflow(more)
        count = overflows ? .max : sum
    }

    mutating func multiply(by factor: Int) {
        let (product, overflows) = count.multipliedReportingOverflow(by: factor)
        count = overflows ? .max : product
    }
}
