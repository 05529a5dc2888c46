internal import FoundationEssentials
package import Privacy

/// A privacy event as the flat JSON object that the accountants read, such as
/// `{"mechanism":"gaussian","noise_multiplier":0.9,"steps":1}`. The ledger keeps it and does not look inside.
package struct LedgerEvent: Hashable, Sendable {
    package let fields: [String: LedgerValue]

    package init(fields: [String: LedgerValue]) { self.fields = fields }

    /// Reads an event from its JSON object; throws `DecodingError` where it is not one.
    package init(json: some Sequence<UInt8>) throws {
        fields = try JSONDecoder().decode([String: LedgerValue].self, from: Data(json))
    }

    /// What the ledger keeps of an accountants' event.
    package init(_ event: PrivacyEvent) throws { try self.init(json: JSONEncoder().encode(event)) }

    /// The event's JSON object, canonical.
    package var json: String { LedgerValue.object(fields).canonicalText }

    /// The event as accountants read it. Throws a `DecodingError` or an `AccountingError` where none does.
    package func privacyEvent() throws -> PrivacyEvent {
        try JSONDecoder().decode(PrivacyEvent.self, from: Data(json.utf8))
    }
}
