internal import Notation

/// What a line of a log says, whose lines are chained and signed.
package protocol SignedEntry: Hashable, Sendable {
    /// The word under which a line names what its log belongs to.
    static var owner: String { get }
    /// The entry's own fields of its line, `kind` included.
    var fields: [String: LedgerValue] { get }
    /// Reads an entry from the fields of a line; nil when a field is missing, of another type or out of range.
    init?(fields: [String: LedgerValue])
}

/// A line of the privacy ledger.
package typealias LedgerLine = SignedLine<LedgerEntry>

/// One line of a log: an entry, its place in the chain, and its signature.
package struct SignedLine<Entry: SignedEntry>: Hashable, Sendable {
    /// Hash that the first line names as the one before it.
    package static var origin: String { String(repeating: "0", count: 64) }

    /// Identity of the run that the ledger belongs to; of another log, which it is.
    package let run: String
    /// 1 for the first line, then one more each.
    package let sequence: Int
    /// Hash of the line before.
    package let previous: String
    /// The key that signed.
    package let publicKey: String
    /// When, as the runtime's clock had it, or nil. No rule depends on it.
    package let time: String?
    package let entry: Entry
    /// Hash of all the above.
    package let hash: String
    /// Signature of the hash's bytes.
    package let signature: [UInt8]

    /// Makes and signs the line; throws what the signer throws.
    package init(
        run: String, sequence: Int, previous: String, time: String?, entry: Entry, hash: any LedgerHash,
        signer: any LedgerSigner
    ) throws {
        self.run = run
        self.sequence = sequence
        self.previous = previous
        self.time = time
        self.entry = entry
        publicKey = signer.publicKey
        let content = Self.content(run, sequence, previous, publicKey, time, entry)
        let digest = hash.digest(of: Array(LedgerValue.object(content).canonicalText.utf8))
        self.hash = Hexadecimal.text(of: digest)
        signature = try signer.sign(digest)
    }

    /// Reads a line from its text without the line break. Nil unless it is exactly what `text` would print.
    package init?(text bytes: some Sequence<UInt8>) {
        guard let fields = LedgerValue(canonical: bytes)?.object, let run = fields[Entry.owner]?.string,
            let sequence = fields["sequence"]?.integer, let previous = fields["previous"]?.string,
            let publicKey = fields["public_key"]?.string, let hash = fields["hash"]?.string,
            let signature = fields["signature"]?.string.flatMap({ Hexadecimal.bytes(of: $0) }),
            let entry = Entry(fields: fields)
        else { return nil }
        self.run = run
        self.sequence = sequence
        self.previous = previous
        self.publicKey = publicKey
        self.hash = hash
        self.signature = signature
        self.entry = entry
        time = fields["time"]?.string
        // A field that no line of this kind has would escape the hash.
        guard text.utf8.elementsEqual(bytes) else { return nil }
    }

    /// The line as it is kept, without the line break.
    package var text: String { LedgerValue.object(allFields).canonicalText }

    /// The digest that `hash` and `signature` must belong to.
    func contentDigest(_ hash: any LedgerHash) -> [UInt8] {
        let content = Self.content(run, sequence, previous, publicKey, time, entry)
        return hash.digest(of: Array(LedgerValue.object(content).canonicalText.utf8))
    }

    private var allFields: [String: LedgerValue] {
        var fields = Self.content(run, sequence, previous, publicKey, time, entry)
        fields["hash"] = .string(hash)
        fields["signature"] = .string(Hexadecimal.text(of: signature))
        return fields
    }

    private static func content(
        _ run: String, _ sequence: Int, _ previous: String, _ publicKey: String, _ time: String?,
        _ entry: Entry
    ) -> [String: LedgerValue] {
        var fields = entry.fields
        fields[Entry.owner] = .string(run)
        fields["sequence"] = .number(Double(sequence))
        fields["previous"] = .string(previous)
        fields["public_key"] = .string(publicKey)
        fields["time"] = time.map(LedgerValue.string)
        return fields
    }
}
