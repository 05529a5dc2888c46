internal import FoundationEssentials
package import Ledger
package import Operations

/// A log in a file that only grows, each line chained to the one before and signed, the last of them named in a file
/// beside it, so that lines that were cut off are missed.
///
/// A line counts once it is on the device. After a failed write the next one opens the file anew and cuts off what was
/// never reported written.
package struct SignedLog<Entry: SignedEntry>: Sendable {
    /// What a log is kept under.
    package struct Place: Sendable {
        /// The log's name, which each line states.
        package let name: String
        /// The log's file.
        package let path: String
        /// The file that names the last line.
        package let head: String

        package init(name: String, path: String, head: String) {
            (self.name, self.path, self.head) = (name, path, head)
        }
    }

    /// A line of the log.
    package typealias Line = SignedLine<Entry>

    /// Longest log that is read, in bytes.
    package static var sizeLimit: Int { 1 << 32 }

    /// Where it is kept.
    package let place: Place
    /// The last line; nil for a log without any.
    package private(set) var head: LedgerHead?
    /// Bytes of the log.
    package private(set) var size: Int
    /// Bytes of a line torn by a crash that were cut off on opening.
    package let tornBytes: Int

    private let key: LedgerKey
    /// Nil after a failed write.
    private var file: AppendOnlyFile?

    /// Opens the log, creating it where neither it nor its head is there, and mends its last line.
    ///
    /// `visit` is as in ``SignedLogReading/read(_:visit:)``. Throws a storage ``Failure``, one line that names the file,
    /// where the log is not the one that this key wrote, or is shorter than its head says.
    package init(
        _ place: Place, key: LedgerKey, visit: (_ line: Line, _ offset: Int) -> String? = { _, _ in nil }
    ) throws(Failure) {
        self.place = place
        self.key = key
        let anchor = try Self.recordedHead(place)
        let bytes = try StoredFile.bytes(at: place.path, limit: Self.sizeLimit)
        guard bytes != nil || anchor == nil else {
            throw Self.failure(place, "missing, though \(place.head) is there")
        }
        let verdict = SignedLogReading<Entry>(log: place.name, key: key.publicKey, anchor: anchor)
            .read(bytes ?? [], visit: visit)
        if let finding = verdict.findings.first { throw Self.failure(place, "\(finding)") }
        // A crash can come between the first line and its head, but no later one.
        guard anchor != nil || verdict.lineCount <= 1 else {
            throw Self.failure(place, "has \(verdict.lineCount) lines, though \(place.head) is missing")
        }
        let file = try AppendOnlyFile(path: place.path)
        let size = (bytes?.count ?? 0) - verdict.tornBytes
        if verdict.tornBytes > 0 { try file.truncate(to: size) }
        self.file = file
        self.size = size
        tornBytes = verdict.tornBytes
        head = verdict.head
    }

    /// Writes an entry. When this returns the line is on the device; when it throws, a storage ``Failure``, nothing is to be
    /// done on its account.
    @discardableResult
    package mutating func append(_ entry: Entry, time: String) throws -> Line {
        let file = try openFile()
        let line = try Line(
            run: place.name, sequence: (head?.sequence ?? 0) + 1, previous: head?.hash ?? Line.origin,
            time: time, entry: entry, hash: LedgerSHA256(), signer: key)
        let bytes = Array((line.text + "\n").utf8)
        do throws(Failure) {
            try file.append(bytes)
        } catch {
            self.file = nil
            throw error
        }
        size += bytes.count
        let head = LedgerHead(sequence: line.sequence, hash: line.hash)
        self.head = head
        // One that is behind costs nothing but the lines since then; the first must not be lost.
        try? AtomicFile.write(
            Array(Self.text(of: head).utf8), to: place.head, mode: 0o600, syncsFolder: head.sequence <= 2)
        return line
    }

    /// The file as this log left it. Throws where it is not that any more.
    private mutating func openFile() throws(Failure) -> AppendOnlyFile {
        if let file {
            guard try file.hasName(), try file.size() == size else {
                throw Self.failure(place, "changed by another hand while the server ran")
            }
            return file
        }
        guard let rest = try StoredFile.bytes(at: place.path, from: size, limit: Self.sizeLimit) else {
            throw Self.failure(place, "missing or cut while the server ran")
        }
        let file = try AppendOnlyFile(path: place.path)
        if !rest.isEmpty { try file.truncate(to: size) }
        self.file = file
        return file
    }

    // MARK: The last line, recorded

    /// What the file beside a log says of its last line; nil where there is none. Throws a storage ``Failure``.
    package static func recordedHead(_ place: Place) throws(Failure) -> LedgerHead? {
        guard let bytes = try StoredFile.bytes(at: place.head, limit: 4096) else { return nil }
        guard let head = try? JSONDecoder().decode(LedgerHead.self, from: Data(bytes)), head.sequence > 0,
            text(of: head).utf8.elementsEqual(bytes)
        else {
            throw Failure(
                .storage, "\(place.head): damaged; restore it and \(place.path) from one backup")
        }
        return head
    }

    private static func text(of head: LedgerHead) -> String {
        LedgerValue.object([
            "hash": .string(head.hash), "sequence": .number(Double(head.sequence)),
        ]).canonicalText + "\n"
    }

    private static func failure(_ place: Place, _ problem: String) -> Failure {
        let wayOn =
            "restore it and \(place.head) from one backup, or, to begin a new log, move both away and keep them"
        return Failure(.storage, "\(place.path): \(problem); \(wayOn)")
    }
}
