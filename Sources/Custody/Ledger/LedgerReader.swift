package import Ledger
package import Privacy

/// Reads what ledgers count as the events that accountants compose; a run has few kinds, each is read once.
package struct LedgerReader {
    private var known: [LedgerEvent: PrivacyEvent] = [:]

    package init() {}

    /// The events of a tally, like ones composed. Throws `DecodingError` or an `AccountingError` for one that no
    /// accountant knows.
    package mutating func events(_ tally: LedgerTally) throws -> [PrivacyEvent] {
        PrivacyEvent.composed(
            try tally.items.map { item in
                let event = try known[item.event] ?? item.event.privacyEvent()
                known[item.event] = event
                return event.repeated(item.count)
            })
    }
}
