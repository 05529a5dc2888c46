internal import Ledger

/// What is read back from disk is believed only as far as it could have been written: numbers reach arithmetic and
/// array indices.
extension RunState {
    /// Whether this program could have written these values.
    var isPlausible: Bool {
        version >= 1 && run.utf8.count == 32 && RoundFile.isTime(created)
            && RoundFile.numbers.contains(round) && (0...round).contains(published)
            && (0...round).contains(charged) && (0...round).contains(modelRound)
            && (1...Int(Int32.max)).contains(population) && ledger?.isPlausible ?? (version == 1)
            && (0...population).contains(registry ?? 0)
            && RoundFile.numbers.contains(restoredThrough ?? 0)
    }
}

extension RoundFile {
    /// Numbers that a round, or the last one before the first, may have: one more still fits the protocol.
    static let numbers = 0...(Int(Int32.max) - 1)

    /// Bytes that a round may have moved so far: what is added to them later still fits 64 bits.
    static let sizes = 0...(1 << 60)

    /// Seconds since 1970 up to the year 2223: `Instant` counts nanoseconds in 64 bits.
    static func isTime(_ seconds: Double) -> Bool { (0..<8e9).contains(seconds) }

    /// Whether this program could have written these values.
    var isPlausible: Bool {
        let members = Set(invited)
        return Self.numbers.contains(round) && round > 0 && Self.isTime(opened) && Self.isTime(deadline)
            && publication.map(Self.isTime) ?? true && seconds.isFinite && evaluationSeconds.isFinite
            && Self.sizes.contains(bytesUp) && Self.sizes.contains(bytesDown)
            && members.count == invited.count
            && invited.allSatisfy { (0..<Int(Int32.max)).contains($0) }
            && Set(survivors).count == survivors.count && survivors.allSatisfy(members.contains)
            && reports.keys.allSatisfy { text in
                Int(text).map { String($0) == text && members.contains($0) } ?? false
            } && failures.values.allSatisfy { (0...Int(Int32.max)).contains($0) }
            && (0...Int(Int32.max)).contains(registered ?? 0)
            && (beginnings ?? [:]).allSatisfy { text, began in
                Int(text).map { String($0) == text && members.contains($0) } == true
                    && (1...round).contains(began.round) && (0..<round).contains(began.version)
                    && Self.isTime(began.at)
            }
    }

    /// The round that a report in this file is of: one before, where its agent was slow.
    func origin(of client: Int) -> Int { beginnings?[String(client)]?.round ?? round }
}
