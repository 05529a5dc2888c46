internal import Notation

/// What the first lines of a ledger amount to, signed by the key of those lines, so that a start verifies only what
/// follows. It proves no more than that whoever holds the key once verified or wrote those lines: an auditor verifies all
/// of them, and the checkpoint beside them.
package struct LedgerCheckpoint: Hashable, Sendable {
    /// What the lines add up to: all of a ``LedgerState`` but its single rounds.
    package struct Sums: Hashable, Sendable {
        var opening: LedgerEntry.Opening?
        package var charged: RoundNumbers
        var released: RoundNumbers
        var lastCharge: LedgerEntry.RoundCosts?
        var revoked: Set<Int>
        var isClosed: Bool
        var releasedEvents: LedgerTally
        var serverEvents: LedgerTally
        var exampleEvents: LedgerTally
        var membersEvents: LedgerTally
        var silentRounds: Int
    }

    /// Identity of the run that the ledger belongs to.
    package let run: String
    /// The last of the lines.
    package let head: LedgerHead
    /// Where that line begins in the ledger, in bytes.
    package let offset: Int
    package let sums: Sums

    init(run: String, head: LedgerHead, offset: Int, sums: Sums) {
        (self.run, self.head, self.offset, self.sums) = (run, head, offset, sums)
    }

    /// Whether the line, whose content is hashed, is the last that this stands for.
    func ends(with line: LedgerLine, _ hash: any LedgerHash) -> Bool {
        line.run == run && line.sequence == head.sequence && line.hash == head.hash
            && Hexadecimal.text(of: line.contentDigest(hash)) == head.hash
    }

    /// What is wrong with this beside the whole ledger that it is of, as one clause; nil where it says what the lines say.
    package func complaint(_ whole: LedgerVerdict) -> String? {
        let lines = whole.lines
        guard whole.linesBefore == 0, lines.first?.run == run else { return "is of another run" }
        guard lines.count >= head.sequence else {
            return "remembers line \(head.sequence), the ledger ends at line \(lines.count)"
        }
        guard lines[head.sequence - 1].hash == head.hash else {
            return "line \(head.sequence) of the ledger is not the one that it remembers"
        }
        var state = LedgerState()
        var start = 0
        for line in lines.prefix(head.sequence) {
            guard (try? state.apply(line.entry)) != nil else { return "its lines break the rules" }
            if line.sequence < head.sequence { start += line.text.utf8.count + 1 }
        }
        guard start == offset, Self.text(state.sums.fields) == Self.text(sums.fields) else {
            return "does not say what the \(head.sequence) lines that it stands for amount to"
        }
        return nil
    }

    // MARK: Its file

    /// The one text of this checkpoint with its signature: a JSON object on a line. Throws what the signer throws.
    package func text(hash: any LedgerHash, signer: any LedgerSigner) throws -> String {
        var fields = fields(publicKey: signer.publicKey)
        let digest = hash.digest(of: Array(Self.text(fields).utf8))
        fields["signature"] = .string(Hexadecimal.text(of: try signer.sign(digest)))
        return Self.text(fields) + "\n"
    }

    /// Reads ``text(hash:signer:)`` back. Nil unless it is exactly what that prints, signed by `trustedKey`.
    package init?(
        text bytes: [UInt8], hash: any LedgerHash, verifier: any LedgerVerifier, trustedKey: String
    ) {
        guard bytes.last == 0x0A, var fields = LedgerValue(canonical: bytes.dropLast())?.object,
            let signature = fields.removeValue(forKey: "signature")?.string
                .flatMap({ Hexadecimal.bytes(of: $0) }),
            fields["kind"]?.string == Self.kind, fields["version"]?.integer == Self.version,
            fields["public_key"]?.string == trustedKey
        else { return nil }
        let digest = hash.digest(of: Array(Self.text(fields).utf8))
        guard verifier.isValid(signature: signature, of: digest, publicKey: trustedKey),
            let run = fields["run"]?.string, let sequence = fields["sequence"]?.integer, sequence > 0,
            let head = fields["hash"]?.string, let offset = fields["offset"]?.integer, offset >= 0,
            let sums = Sums(fields)
        else { return nil }
        self.init(
            run: run, head: LedgerHead(sequence: sequence, hash: head), offset: offset, sums: sums)
        // A field that no checkpoint has would say something that nobody reads.
        guard Self.text(self.fields(publicKey: trustedKey)) == Self.text(fields) else { return nil }
    }

    /// No ledger line is of this kind, so that neither passes for the other.
    private static let kind = "checkpoint"
    private static let version = 1

    /// Values are compared by their texts: an infinite number is read back as a word.
    private static func text(_ fields: [String: LedgerValue]) -> String {
        LedgerValue.object(fields).canonicalText
    }

    private func fields(publicKey: String) -> [String: LedgerValue] {
        var fields = sums.fields
        fields["kind"] = .string(Self.kind)
        fields["version"] = .number(Double(Self.version))
        fields["run"] = .string(run)
        fields["sequence"] = .number(Double(head.sequence))
        fields["hash"] = .string(head.hash)
        fields["offset"] = .number(Double(offset))
        fields["public_key"] = .string(publicKey)
        return fields
    }
}

extension LedgerCheckpoint.Sums {
    fileprivate var fields: [String: LedgerValue] {
        var fields: [String: LedgerValue] = [
            "charged": Self.value(charged), "released": Self.value(released),
            "revoked": .array(revoked.sorted().map { .number(Double($0)) }), "closed": .boolean(isClosed),
            "events": Self.value(releasedEvents), "events_server": Self.value(serverEvents),
            "events_example": Self.value(exampleEvents), "events_members": Self.value(membersEvents),
            "rounds_silent_on_members": .number(Double(silentRounds)),
        ]
        fields["opening"] = opening.map { .object(LedgerEntry.open($0).fields) }
        fields["last_charge"] = lastCharge.map {
            .object(LedgerEntry.charge(round: charged.last, costs: $0).fields)
        }
        return fields
    }

    fileprivate init?(_ fields: [String: LedgerValue]) {
        guard let charged = Self.numbers(fields["charged"]), let released = Self.numbers(fields["released"]),
            let revoked = fields["revoked"]?.array?.map(\.integer), !revoked.contains(nil),
            case .boolean(let isClosed)? = fields["closed"],
            let releasedEvents = Self.tally(fields["events"]),
            let serverEvents = Self.tally(fields["events_server"]),
            let exampleEvents = Self.tally(fields["events_example"]),
            let membersEvents = Self.tally(fields["events_members"]),
            let silentRounds = fields["rounds_silent_on_members"]?.integer,
            (0...charged.count).contains(silentRounds),
            case .open(let opening)? = fields["opening"]?.object.flatMap(LedgerEntry.init(fields:))
        else { return nil }
        if charged.count > 0 {
            guard
                case .charge(charged.last, let costs)? = fields["last_charge"]?.object
                    .flatMap(LedgerEntry.init(fields:))
            else { return nil }
            lastCharge = costs
        }
        (self.opening, self.charged, self.released) = (opening, charged, released)
        (self.revoked, self.isClosed) = (Set(revoked.compactMap(\.self)), isClosed)
        (self.releasedEvents, self.serverEvents) = (releasedEvents, serverEvents)
        (self.exampleEvents, self.membersEvents) = (exampleEvents, membersEvents)
        self.silentRounds = silentRounds
    }

    private static func value(_ numbers: RoundNumbers) -> LedgerValue {
        .array(
            numbers.ranges.map { .array([.number(Double($0.lowerBound)), .number(Double($0.upperBound))]) })
    }

    private static func numbers(_ value: LedgerValue?) -> RoundNumbers? {
        guard let pairs = value?.array else { return nil }
        var ranges: [ClosedRange<Int>] = []
        for pair in pairs {
            guard let ends = pair.array, ends.count == 2, let first = ends[0].integer,
                let last = ends[1].integer, first <= last
            else { return nil }
            ranges.append(first...last)
        }
        return RoundNumbers(ranges)
    }

    /// Sorted by the events' texts: in which order they came is of no account.
    private static func value(_ tally: LedgerTally) -> LedgerValue {
        .array(
            tally.items.sorted { $0.event.json < $1.event.json }
                .map { .object(["count": .number(Double($0.count)), "event": .object($0.event.fields)]) })
    }

    private static func tally(_ value: LedgerValue?) -> LedgerTally? {
        guard let items = value?.array else { return nil }
        var read: [(event: LedgerEvent, count: Int)] = []
        for item in items {
            guard let fields = item.object, let count = fields["count"]?.integer,
                let event = fields["event"]?.object
            else { return nil }
            read.append((LedgerEvent(fields: event), count))
        }
        return LedgerTally(read)
    }
}
