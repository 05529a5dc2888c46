internal import Foundation
internal import Ledger
internal import Operations

/// The rounds of a run in its state directory: a file each while they are new, and for good in segments of many, since a run
/// goes on for months and a file each would fill a device with names.
struct RoundArchive {
    /// Rounds whose numbers share a segment.
    static let roundsPerSegment = 256

    let state: StateDirectory

    /// A round that has a file or stands in a segment; nil where there is neither.
    func storedRound(_ number: Int) throws -> RoundFile? {
        if let file = try state.round(number) { return file }
        let path = segmentPath(Self.segment(of: number))
        return try segment(at: path)?.first { $0.round == number }
    }

    /// Calls `body` with the rounds up to `last`, the newest first, until that says false. Throws where a file is damaged.
    func eachRound(through last: Int, _ body: (RoundFile) throws -> Bool) throws {
        var files = try state.roundNumbers().filter { $0 <= last }
        for bounds in try segments().reversed() where bounds.lowerBound <= last {
            while let number = files.last, number > bounds.upperBound {
                files.removeLast()
                if let file = try state.round(number), try !body(file) { return }
            }
            // A crash may have left files of rounds that stand in the segment: they are the same, or newer.
            let rounds = try merged(bounds, files: files.filter { bounds.contains($0) })
            for file in rounds.reversed() where file.round <= last {
                guard try body(file) else { return }
            }
            files.removeAll { bounds.contains($0) }
        }
        for number in files.reversed() {
            if let file = try state.round(number), try !body(file) { return }
        }
    }

    /// Times that reading is begun anew where rounds move into a segment meanwhile.
    private static let attempts = 20

    /// The rounds of these numbers, ascending, also beside a server that writes and moves them: at most `limit`, the first of
    /// them or the last. Throws where a file is damaged.
    func rounds(_ numbers: ClosedRange<Int>, limit: Int, firstOnes: Bool) throws -> [RoundFile] {
        for _ in 0..<Self.attempts {
            if let found = try attempt(numbers, limit, firstOnes: firstOnes) { return found }
        }
        throw Failure(.storage, "\(state.path)/rounds: changes faster than it can be read; try again")
    }

    /// Nil where a file was moved before it was read.
    private func attempt(
        _ numbers: ClosedRange<Int>, _ limit: Int, firstOnes: Bool
    ) throws -> [RoundFile]? {
        let files = try state.roundNumbers().filter { numbers.contains($0) }
        let groups = Set(files.map { Self.segment(of: $0) }).union(
            try segments().filter { $0.overlaps(numbers) }
        ).sorted { $0.lowerBound < $1.lowerBound }
        var found: [RoundFile] = []
        for bounds in firstOnes ? groups : groups.reversed() {
            let own = files.filter { bounds.contains($0) }
            let rounds = try merged(bounds, files: own)
            guard Set(rounds.map(\.round)).isSuperset(of: own) else { return nil }
            let wanted = rounds.filter { numbers.contains($0.round) }
            found = firstOnes ? found + wanted : wanted + found
            if found.count >= limit { break }
        }
        return Array(firstOnes ? found.prefix(limit) : found.suffix(limit))
    }

    /// Number ranges of the segments, ascending.
    func segments() throws -> [ClosedRange<Int>] {
        try state.names(in: "rounds").compactMap { Self.segmentBounds($0) }.sorted {
            $0.lowerBound < $1.lowerBound
        }
    }

    /// The rounds of a segment by its name; nil for a name that this program would not give.
    static func segmentBounds(_ name: some StringProtocol) -> ClosedRange<Int>? {
        guard let dash = name.firstIndex(of: "-"), let first = Int(name[..<dash]),
            RoundFile.numbers.contains(first), Self.name(segment(of: first)) == name
        else { return nil }
        return segment(of: first)
    }

    private static func name(_ bounds: ClosedRange<Int>) -> String {
        "\(StateDirectory.name(bounds.lowerBound))-\(StateDirectory.name(bounds.upperBound)).jsonl"
    }

    /// Moves the rounds of a segment out of their files. A crash in between leaves both, which the next call mends.
    /// Throws where a file is damaged or cannot be written; nothing is lost then.
    func moveIntoSegment(_ bounds: ClosedRange<Int>) throws {
        let files = try state.roundNumbers().filter { bounds.contains($0) }
        guard !files.isEmpty else { return }
        let rounds = try merged(bounds, files: files)
        try AtomicFile.write(try RoundSegment.text(of: rounds), to: segmentPath(bounds), mode: 0o600)
        // One that is there again after a crash is merged anew.
        for number in files { try AtomicFile.remove(state.roundPath(number), durably: false) }
    }

    /// Numbers of the rounds that share a segment with this one.
    static func segment(of number: Int) -> ClosedRange<Int> {
        let first = (number - 1) / roundsPerSegment * roundsPerSegment + 1
        return first...(first + roundsPerSegment - 1)
    }

    /// The path of a segment, after its first and last number.
    func segmentPath(_ bounds: ClosedRange<Int>) -> String {
        "\(state.path)/rounds/\(Self.name(bounds))"
    }

    /// A segment's rounds, ascending; nil where there is no such file. Throws where it is damaged.
    private func segment(at path: String) throws -> [RoundFile]? {
        guard let bytes = try state.contents(path) else { return nil }
        guard let rounds = RoundSegment.rounds(of: bytes) else { throw StateDirectory.damaged(path) }
        return rounds
    }

    private func merged(_ bounds: ClosedRange<Int>, files: [Int]) throws -> [RoundFile] {
        var rounds: [Int: RoundFile] = [:]
        let path = segmentPath(bounds)
        for file in try segment(at: path) ?? [] {
            guard bounds.contains(file.round) else { throw StateDirectory.damaged(path) }
            rounds[file.round] = file
        }
        for number in files { rounds[number] = try state.round(number) ?? rounds[number] }
        return rounds.values.sorted { $0.round < $1.round }
    }
}

/// The form of a segment: a line a round, a JSON object of the members that are not as in the line before; null stands
/// for one that is gone. Most members of a long run's rounds never change.
enum RoundSegment {
    /// Throws what encoding throws.
    static func text(of rounds: [RoundFile]) throws -> [UInt8] {
        var text: [UInt8] = []
        var last: [String: LedgerValue] = [:]
        let encoder = JSONEncoder()
        for round in rounds {
            let fields = try JSONDecoder().decode(
                [String: LedgerValue].self, from: try encoder.encode(round))
            var changed = fields.filter { last[$0.key] != $0.value }
            for name in last.keys where fields[name] == nil { changed[name] = .null }
            text += Array(LedgerValue.object(changed).canonicalText.utf8) + [0x0A]
            last = fields
        }
        return text
    }

    /// Reads ``text(of:)`` back; nil for anything else, cut texts included.
    static func rounds(of text: [UInt8]) -> [RoundFile]? {
        guard text.last == 0x0A else { return nil }
        var rounds: [RoundFile] = []
        var fields: [String: LedgerValue] = [:]
        for line in text.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false) {
            guard let changed = LedgerValue(canonical: line)?.object else { return nil }
            for (name, value) in changed { fields[name] = value == .null ? nil : value }
            let json = Data(LedgerValue.object(fields).canonicalText.utf8)
            guard let round = try? JSONDecoder().decode(RoundFile.self, from: json), round.isPlausible,
                round.round > rounds.last?.round ?? 0
            else { return nil }
            rounds.append(round)
        }
        return rounds
    }
}
