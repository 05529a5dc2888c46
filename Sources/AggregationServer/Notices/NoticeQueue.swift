internal import Foundation
internal import Notation
internal import Operations

/// `notices.jsonl`: notices that receivers have not got yet, and which were told of late. A line reaches the system before
/// anybody relies on it, so that a process that is killed loses none.
struct NoticeQueue {
    /// One line of the file.
    private struct Record: Codable {
        static let currentVersion = 1
        var version = Self.currentVersion
        /// A notice, and the receivers that are to have it.
        var notice: Notice?
        var receivers: [String]?
        /// The notice that `receiver` need not be given any more.
        var settled: String?
        var receiver: String?
        /// Notices that were told and are not told again.
        var known: [String]?
    }

    /// A notice and the receivers that still wait for it.
    private struct Entry {
        let notice: Notice
        var receivers: Set<String>
    }

    /// Most notices that wait; the oldest gives way to a new one.
    static let capacity = 1000
    /// Notices that are remembered as told.
    private static let remembered = 4000
    /// Bytes beyond which the file is written anew.
    private static let longestFile = 1 << 20

    private let path: String
    private var file: AppendOnlyFile
    private var entries: [Entry] = []
    /// Identities of all that were told of late, in their order.
    private var known: [String] = []
    private var isKnown: Set<String> = []
    private var bytes = 0
    /// Whether something could not be written: the file lacks what this queue has.
    private var isBehind = false

    /// Reads the file, which need not be there; what waits for others than `receivers` is dropped. Throws a storage
    /// `Failure` where it is damaged, or of a later version.
    init(path: String, receivers: Set<String>) throws {
        self.path = path
        let content = try StoredFile.bytes(at: path, limit: 64 << 20) ?? []
        file = try AppendOnlyFile(path: path, synchronises: false)
        // A line torn by a crash was never acted on.
        for line in content.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
            try take(line, receivers)
        }
        try rewrite()
    }

    private mutating func take(_ line: ArraySlice<UInt8>, _ receivers: Set<String>) throws {
        struct Version: Decodable { let version: Int }
        let data = Data(line)
        if let version = (try? JSONDecoder().decode(Version.self, from: data))?.version,
            version > Record.currentVersion
        {
            throw Failure(
                .storage,
                "\(path): its form is version \(version), later than this program's; start the later program, or move the file away"
            )
        }
        guard let record = try? JSONDecoder().decode(Record.self, from: data), record.version == 1 else {
            throw damaged
        }
        if let notice = record.notice, let names = record.receivers, notice.isSound {
            guard !isKnown.contains(notice.id) else { return }
            note(notice.id)
            let left = receivers.intersection(names)
            if !left.isEmpty { entries.append(Entry(notice: notice, receivers: left)) }
        } else if let id = record.settled, let receiver = record.receiver {
            forget(id, for: receiver)
        } else if let ids = record.known, ids.allSatisfy({ Hexadecimal.isText($0, ofBytes: 16) }) {
            for id in ids { note(id) }
        } else {
            throw damaged
        }
    }

    private var damaged: Failure {
        Failure(.storage, "\(path): is damaged; move it away: what it says is in the log, too")
    }

    /// Notices that some receiver waits for.
    var count: Int { entries.count }

    /// The oldest notice that a receiver waits for.
    func next(for receiver: String) -> Notice? { entries.first { $0.receivers.contains(receiver) }?.notice }

    /// Takes a notice for `receivers`; one that was told before is left alone.
    /// - Returns: whether it is new, and the notice that gave way to it.
    /// - Throws: a storage `Failure` where it is not in the file; it is told all the same, but not after a crash.
    mutating func add(_ notice: Notice, for receivers: Set<String>) throws -> (isNew: Bool, dropped: Notice?)
    {
        guard !isKnown.contains(notice.id), !receivers.isEmpty else { return (false, nil) }
        note(notice.id)
        let dropped = entries.count >= Self.capacity ? entries.removeFirst().notice : nil
        entries.append(Entry(notice: notice, receivers: receivers))
        try append(Record(notice: notice, receivers: receivers.sorted()))
        return (true, dropped)
    }

    /// The receiver has the notice, or will never have it. Throws a storage `Failure` where that is not in the file: after a
    /// crash it would be told again.
    mutating func settle(_ id: String, for receiver: String) throws {
        forget(id, for: receiver)
        try append(Record(settled: id, receiver: receiver))
    }

    /// Waits until the file is on the device, and writes it anew where it has grown long or could not be written. Throws a
    /// storage `Failure`.
    mutating func synchronise() throws {
        if isBehind || bytes > Self.longestFile { try rewrite() } else { try file.synchronise() }
    }

    private mutating func forget(_ id: String, for receiver: String) {
        guard let place = entries.firstIndex(where: { $0.notice.id == id }) else { return }
        entries[place].receivers.remove(receiver)
        if entries[place].receivers.isEmpty { entries.remove(at: place) }
    }

    private mutating func note(_ id: String) {
        guard isKnown.insert(id).inserted else { return }
        known.append(id)
        if known.count > Self.remembered { isKnown.remove(known.removeFirst()) }
    }

    private mutating func append(_ record: Record) throws {
        do {
            let line = try Self.line(record)
            try file.append(line)
            bytes += line.count
        } catch {
            isBehind = true
            throw error
        }
    }

    /// Writes the file anew with what counts still.
    private mutating func rewrite() throws {
        let waiting = Set(entries.map(\.notice.id))
        var content = try Self.line(Record(known: known.filter { !waiting.contains($0) }))
        for entry in entries {
            content += try Self.line(Record(notice: entry.notice, receivers: entry.receivers.sorted()))
        }
        try AtomicFile.write(content, to: path, mode: 0o600)
        file = try AppendOnlyFile(path: path, synchronises: false)
        (bytes, isBehind) = (content.count, false)
    }

    private static func line(_ record: Record) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(record)) + [0x0A]
    }
}
