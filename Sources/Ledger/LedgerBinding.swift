/// Where a ledger stood when the state beside it was written, so that either shows when the other lost something.
///
/// It also keeps what the ledger was opened for and what a round costs, so that rounds whose lines are lost can be
/// charged anew without the plan.
package struct LedgerBinding: Hashable, Sendable, Codable {
    /// Lines that the ledger had.
    package var lines: Int
    /// Hash of the last of them; ``LedgerLine/origin`` for none.
    package var head: String
    /// Rounds charged in those lines.
    package var rounds: Int
    /// The opening as ``LedgerEntry/text``; nil where it is not known.
    package var opening: String?
    /// The dearest charge of a round as ``LedgerEntry/text``; nil where no round was charged and the plan is not known.
    package var charge: String?
    /// Rounds of a tree of noise, of which only the first one costs; nil without trees.
    package var roundsPerTree: Int?

    enum CodingKeys: String, CodingKey {
        case lines, head, rounds, opening, charge
        case roundsPerTree = "rounds_per_tree"
    }

    /// No line at all.
    package static let nothing = LedgerBinding(lines: 0, head: LedgerLine.origin, rounds: 0)

    package init(
        lines: Int, head: String, rounds: Int, opening: String? = nil, charge: String? = nil,
        roundsPerTree: Int? = nil
    ) {
        self.lines = lines
        self.head = head
        self.rounds = rounds
        self.opening = opening
        self.charge = charge
        self.roundsPerTree = roundsPerTree
    }

    /// How a ledger stands to what is remembered of it.
    package enum Standing: Hashable, Sendable {
        /// Every remembered line is there; so many lines follow.
        case holds(ahead: Int)
        /// So many remembered lines are missing at the end.
        case behind(missing: Int)
        /// Another line stands where the last remembered one was.
        case forked
    }

    /// How lines that were verified stand to the remembered ones. Those before a checkpoint that the verdict begins
    /// with are taken for other lines than the remembered one: no such checkpoint is to be asked.
    package func standing(of verified: LedgerVerdict) -> Standing {
        let count = verified.linesBefore + verified.lines.count
        guard count >= lines else { return .behind(missing: lines - count) }
        guard lines > 0 else { return .holds(ahead: count) }
        guard lines > verified.linesBefore, verified.lines[lines - verified.linesBefore - 1].hash == head
        else {
            return .forked
        }
        return .holds(ahead: count - lines)
    }

    /// Whether the numbers could be those of a ledger; a file read back may hold any.
    package var isPlausible: Bool {
        lines >= 0 && lines <= 1 << 40 && rounds >= 0 && rounds <= lines
            && head.utf8.count == LedgerLine.origin.utf8.count && (roundsPerTree ?? 1) >= 1
    }

    /// What the `index`-th charged round costs, counted from 1: of a tree only the first round does. Nil where the
    /// plan is not known.
    package func costs(charge index: Int) -> LedgerEntry.RoundCosts? {
        guard let charge, case .charge(_, let costs)? = LedgerEntry(text: charge) else { return nil }
        guard let roundsPerTree, index > 1, (index - 1) % roundsPerTree != 0 else { return costs }
        return LedgerEntry.RoundCosts(released: [], server: costs.server, example: costs.example)
    }

    /// What the ledger was opened for; nil where that is not known.
    package var openingEntry: LedgerEntry.Opening? {
        guard let opening, case .open(let entry)? = LedgerEntry(text: opening) else { return nil }
        return entry
    }
}

extension LedgerEntry {
    /// The entry's own fields as canonical JSON text.
    package var text: String { LedgerValue.object(fields).canonicalText }

    /// Reads ``text`` back; nil for anything else.
    package init?(text: String) {
        guard let fields = LedgerValue(canonical: text.utf8)?.object else { return nil }
        self.init(fields: fields)
    }

    /// The round that the entry is about; nil for entries of the whole ledger.
    package var round: Int? {
        switch self {
        case .charge(let round, _), .settle(let round, _), .release(let round, _, _, _),
            .abandon(let round, _):
            round
        case .open, .admin, .close: nil
        }
    }
}

/// Rounds whose numbers are passed over because they were, or may have been, released by a state that is lost. The
/// ledger says so in an `admin` line before it charges them, so that a process that ends in between can go on.
package struct LedgerGap: Hashable, Sendable {
    /// First and last number.
    package let rounds: ClosedRange<Int>

    /// Nil for numbers that rounds cannot have.
    package init?(_ first: Int, _ last: Int) {
        guard first > 0, last >= first, last <= Int(Int32.max) else { return nil }
        rounds = first...last
    }

    /// The `action` of the line; `why` is for people.
    package func action(_ why: String) -> String {
        "gap: rounds \(rounds.lowerBound) to \(rounds.upperBound) are passed over and charged; \(why)"
    }

    /// Reads the `action` of a line; nil for one that announces no gap.
    package init?(action: String) {
        let words = action.split(separator: " ", maxSplits: 5)
        guard words.count >= 5, words[0] == "gap:", words[1] == "rounds", words[3] == "to",
            let first = Int(words[2]), let last = Int(words[4])
        else { return nil }
        self.init(first, last)
    }
}

/// An agent shut out for good by an administrator, as an `admin` line says it.
package struct LedgerRevocation: Hashable, Sendable {
    /// The agent's place in the roster.
    package let client: Int

    package init(of client: Int) { self.client = client }

    /// The `action` of the line.
    package var action: String { "revoke agent \(client)" }

    /// Reads the `action` of a line; nil for one that shuts nobody out.
    package init?(action: String) {
        let words = action.split(separator: " ")
        guard words.count == 3, words[0] == "revoke", words[1] == "agent", let client = Int(words[2]),
            client >= 0
        else { return nil }
        self.client = client
    }
}

extension LedgerVerdict {
    /// The lines behind the first `count` of the ledger, as far as they were read.
    package func lines(after count: Int) -> ArraySlice<LedgerLine> {
        lines.dropFirst(max(0, count - linesBefore))
    }

    /// The first of the lines behind the first `count` that no crash explains: a crash leaves what administrators
    /// ordered, lines of the one round `open`, and of gaps that were announced among them. `mayOpen`: the first line
    /// of the ledger may be among them.
    package func unexplained(after count: Int, open: Int, mayOpen: Bool) -> LedgerLine? {
        var allowed: [ClosedRange<Int>] = [open...open]
        for line in lines(after: count) {
            switch line.entry {
            case .open: guard mayOpen else { return line }
            case .admin(_, let action):
                if let gap = LedgerGap(action: action) { allowed.append(gap.rounds) }
            case .charge(let round, _), .settle(let round, _), .release(let round, _, _, _),
                .abandon(let round, _):
                guard allowed.contains(where: { $0.contains(round) }) else { return line }
            case .close: return line
            }
        }
        return nil
    }
}
