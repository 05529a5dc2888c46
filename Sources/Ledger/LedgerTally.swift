/// Events with how often each happened, in the order of their first: what a long run of like rounds costs takes as much
/// room, and as much time to compose, as one of them.
package struct LedgerTally: Hashable, Sendable {
    /// Equal events.
    package struct Item: Hashable, Sendable {
        package let event: LedgerEvent
        package fileprivate(set) var count: Int
    }

    private var slots: [Item] = []
    private var places: [LedgerEvent: Int] = [:]
    /// Number of events, equal ones counted each.
    package private(set) var count = 0

    package init() {}

    /// Reads a tally back; nil where an event is named twice, or a count is not above zero or too large.
    init?(_ items: [(event: LedgerEvent, count: Int)]) {
        for (event, number) in items {
            guard number > 0, number < 1 << 40, places[event] == nil else { return nil }
            places[event] = slots.count
            slots.append(Item(event: event, count: number))
            count += number
        }
    }

    /// Each kind of event once, those that happened.
    package var items: [Item] { slots.filter { $0.count > 0 } }

    /// This and further events behind it.
    package func adding(_ events: [LedgerEvent]) -> LedgerTally {
        var tally = self
        tally.add(events)
        return tally
    }

    mutating func add(_ events: [LedgerEvent]) {
        for event in events {
            slots[place(of: event)].count += 1
            count += 1
        }
    }

    /// Takes events out that were added.
    mutating func remove(_ events: [LedgerEvent]) {
        for event in events {
            let place = place(of: event)
            guard slots[place].count > 0 else { preconditionFailure("only what was counted is taken out") }
            slots[place].count -= 1
            count -= 1
        }
    }

    /// The slot of a kind of event; mostly the newest, which is compared before all are searched.
    private mutating func place(of event: LedgerEvent) -> Int {
        if let last = slots.last, last.event == event { return slots.count - 1 }
        if let place = places[event] { return place }
        places[event] = slots.count
        slots.append(Item(event: event, count: 0))
        return slots.count - 1
    }
}
