internal import Privacy

/// Who was in the sums of which charged rounds, as far as it bounds who may be in the coming one.
package struct Attendance: Equatable, Sendable {
    /// One client's share in the run.
    package struct Record: Equatable, Sendable {
        /// The charged round, counted from 1, that it was in last.
        package var last: Int
        /// Charged rounds that it was in.
        package var count: Int

        package init(last: Int, count: Int) { (self.last, self.count) = (last, count) }
    }

    /// Clients that were in any.
    package private(set) var records: [Int: Record]

    /// Nobody yet, or what was kept.
    package init(_ records: [Int: Record] = [:]) { self.records = records }

    /// Counts the clients of the charged round number `charge`.
    package mutating func note(_ clients: some Sequence<Int>, charge: Int) {
        for client in clients {
            let count = records[client]?.count ?? 0
            records[client] = Record(last: max(charge, records[client]?.last ?? 0), count: count + 1)
        }
    }

    /// Whether a client may be in the charged round number `charge`.
    func allows(_ client: Int, charge: Int, pattern: ParticipationPattern) -> Bool {
        let record = records[client]
        return pattern.allows(next: charge, last: record?.last, count: record?.count ?? 0)
    }

    /// Clients that may not be in it.
    func excluded(charge: Int, pattern: ParticipationPattern) -> Set<Int> {
        Set(records.keys.filter { !allows($0, charge: charge, pattern: pattern) })
    }
}
