extension PrivacyEvent {
    /// The same releases with like events taken together, in the order of their first occurrence: what costs an
    /// accountant nothing where a list as long as a run would.
    ///
    /// The steps of like events add up. Those of trees are leaves and do not: there participations add up.
    package static func composed(_ events: [PrivacyEvent]) -> [PrivacyEvent] {
        var places: [PrivacyEvent: Int] = [:]
        var composed: [PrivacyEvent] = []
        for event in events {
            let kind = event.kind
            if let place = places[kind] {
                composed[place].repeats(event)
            } else {
                places[kind] = composed.count
                composed.append(event)
            }
        }
        return composed
    }

    /// This event `count` times, as one; `count` is at least 1.
    package func repeated(_ count: Int) -> PrivacyEvent {
        var event = self
        if case .tree(let multiplier, let participations) = mechanism {
            event.mechanism = .tree(noiseMultiplier: multiplier, participations: participations * count)
        } else {
            event.steps = steps * count
        }
        return event
    }

    /// How many times `event` this one is; nil where it is no whole number of times.
    package func repetitions(of event: PrivacyEvent) -> Int? {
        guard kind == event.kind else { return nil }
        let (whole, part) =
            if case .tree(_, let all) = mechanism, case .tree(_, let one) = event.mechanism {
                (all, one)
            } else {
                (steps, event.steps)
            }
        return part > 0 && whole % part == 0 ? whole / part : nil
    }

    /// The event without how often it happened.
    private var kind: PrivacyEvent {
        var kind = self
        if case .tree(let multiplier, _) = mechanism {
            kind.mechanism = .tree(noiseMultiplier: multiplier, participations: 1)
        } else {
            kind.steps = 1
        }
        return kind
    }

    /// Takes in another event of the same kind.
    private mutating func repeats(_ other: PrivacyEvent) {
        switch (mechanism, other.mechanism) {
        case (.tree(let multiplier, let first), .tree(_, let second)):
            mechanism = .tree(noiseMultiplier: multiplier, participations: first + second)
        default: steps += other.steps
        }
    }
}
