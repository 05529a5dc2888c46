/// Refused attempts on their way to the audit log: the first of each kind has a line of its own, those like it within the
/// hour are counted and share one, so that nobody fills the disk by being refused.
struct RefusalCounter: Sendable {
    /// Seconds for which attempts are counted together.
    static let window = 3600.0
    /// Kinds that are told apart within a window; all others are counted as one.
    static let mostKinds = 60

    /// Attempts are alike that come from one address and are nobody's, or are one person's and ask for the same.
    private struct Kind: Hashable {
        let from: String?
        let name: String?
        let action: String?

        init(_ entry: AuditEntry) {
            from = entry.from
            name = entry.name
            action = entry.name == nil ? nil : entry.action
        }
    }

    private struct Count {
        var last: AuditEntry
        /// Attempts that have no line yet.
        var more: Int
        let began: Double
    }

    private var counts: [Kind: Count] = [:]
    /// Attempts of kinds beyond those that are told apart.
    private var others: Count?

    /// Takes an attempt at `now`, in seconds. Returns the lines to write.
    mutating func note(_ entry: AuditEntry, at now: Double) -> [AuditEntry] {
        let due = due(at: now)
        let kind = Kind(entry)
        if var count = counts[kind] {
            count.last = entry
            count.more += 1
            counts[kind] = count
            return due
        }
        guard counts.count < Self.mostKinds else {
            others = Count(last: entry, more: (others?.more ?? 0) + 1, began: others?.began ?? now)
            return due
        }
        counts[kind] = Count(last: entry, more: 0, began: now)
        return due + [entry]
    }

    /// The lines of what was counted, where its time is over at `now`.
    mutating func due(at now: Double) -> [AuditEntry] {
        lines { $0.began + Self.window <= now || $0.began > now }
    }

    /// The lines of all that was counted; nothing is remembered any more.
    mutating func flush() -> [AuditEntry] { lines { _ in true } }

    private mutating func lines(_ isOver: (Count) -> Bool) -> [AuditEntry] {
        var lines: [AuditEntry] = []
        for (kind, count) in counts where isOver(count) {
            counts[kind] = nil
            guard count.more > 0 else { continue }
            var entry = count.last
            entry.count = count.more
            lines.append(entry)
        }
        if let others, isOver(others) {
            self.others = nil
            lines.append(
                AuditEntry(
                    name: nil, action: "several", from: nil, outcome: others.last.outcome, count: others.more)
            )
        }
        return lines
    }
}
