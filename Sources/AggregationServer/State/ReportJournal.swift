internal import Cryptography
internal import Glibc
internal import Messages
internal import Operations

/// Small reports of the open round, one behind the other in `spool/reports.journal`, mode 0600: those of a wake-up take one
/// sync together and no new file.
///
/// A record is 8 bytes of a mark, the client's place in the roster and the body's length (UInt32, little-endian), 32 bytes
/// of SHA-256 over both numbers and the body, and the body. What lies behind the first record that is not whole was torn by
/// a crash before anybody was told of it.
final class ReportJournal {
    /// Bytes of the longest body that goes here; longer ones have files of their own.
    static let longestBody = 64 << 10
    private static let mark = Array("sordino\u{1}".utf8)
    private static let headBytes = 48

    /// The file's path.
    let path: String
    private var file: AppendOnlyFile?
    private var needsSync = false
    /// Why nobody knows what of this round is on disk; nil while that is known.
    private var broken: Failure?

    /// The journal in the folder at `folder`; no file is touched yet.
    init(folder: String) { path = "\(folder)/reports.journal" }

    /// One report in the journal.
    struct Record {
        /// Place in the roster.
        let client: Int
        let body: [UInt8]
    }

    /// Adds a report; durable only after ``synchronise()``. Throws a storage `Failure`, and then nothing was added.
    func append(_ client: Int, _ body: UnsafeRawBufferPointer) throws {
        precondition(body.count <= Self.longestBody, "a long report has a file of its own")
        if let broken { throw broken }
        let numbers = Self.bytes(of: UInt32(client)) + Self.bytes(of: UInt32(body.count))
        var hash = try SHA256()
        try hash.update(numbers)
        try hash.update(body)
        let digest = try hash.finish()
        try opened().append(Self.mark + numbers + digest + Array(body))
        needsSync = true
    }

    /// Takes the report that was added last out again.
    func removeLast(_ body: UnsafeRawBufferPointer) throws {
        let file = try opened()
        try file.truncate(to: max(0, file.size() - Self.headBytes - body.count))
    }

    /// Waits until all reports that were added are on the device. Once that failed, or the file has no name any more, the
    /// journal takes no report until ``clear()``.
    func synchronise() throws {
        if let broken { throw broken }
        guard needsSync, let file else { return }
        do throws(Failure) {
            guard try file.hasName() else {
                throw Failure(.storage, "\(path): was removed while the server used it")
            }
            try file.synchronise()
        } catch {
            (self.file, broken) = (nil, error)
            throw error
        }
        needsSync = false
    }

    /// Forgets all reports. After a crash they may be there again; ``takeUp(run:round:)`` knows whose they are.
    func clear() throws {
        (needsSync, broken) = (false, nil)
        guard let size = try StoredFile.size(at: path) else {
            // What was opened has no name any more.
            file = nil
            return
        }
        if size > 0 { try opened().truncate(to: 0, durably: false) }
    }

    /// The whole reports of a round of a run, by client, for a process that begins anew: what a crash tore off the end is
    /// cut off, so that more can be added. Throws a storage `Failure`.
    func takeUp(run: String, round: Int) throws -> [Int: [UInt8]] {
        let (found, whole, all) = try read(run: run, round: round)
        if whole < all { try opened().truncate(to: whole) }
        return found
    }

    /// The whole reports of a round of a run, by client. Where a client has several, the last counts. Throws a storage
    /// `Failure` where the file cannot be read.
    func records(run: String, round: Int) throws -> [Int: [UInt8]] {
        try read(run: run, round: round).found
    }

    /// With the bytes of whole records and of the file.
    private func read(run: String, round: Int) throws -> (found: [Int: [UInt8]], whole: Int, all: Int) {
        guard let bytes = try StoredFile.bytes(at: path) else { return ([:], 0, 0) }
        var found: [Int: [UInt8]] = [:]
        var rest = bytes[...]
        while let record = Self.record(at: &rest) {
            let header = try? record.body.withUnsafeBytes { try UpdateHeader(decoding: $0) }
            guard let header, header.round == round, header.runText == run else { continue }
            found[record.client] = record.body
        }
        return (found, bytes.count - rest.count, bytes.count)
    }

    /// The record at the front, and nil where there is no whole one; `bytes` begin behind it then.
    private static func record(at bytes: inout ArraySlice<UInt8>) -> Record? {
        let start = bytes.startIndex
        guard bytes.count >= headBytes, bytes[start..<start + 8].elementsEqual(mark) else { return nil }
        let numbers = bytes[start + 8..<start + 16]
        let count = Int(number(numbers[(start + 12)...]))
        guard count <= longestBody, bytes.count - headBytes >= count else { return nil }
        let body = Array(bytes[(start + headBytes)..<(start + headBytes + count)])
        guard let digest = try? SHA256.hash(Array(numbers) + body),
            bytes[(start + 16)..<(start + headBytes)].elementsEqual(digest)
        else { return nil }
        bytes = bytes[(start + headBytes + count)...]
        return Record(client: Int(number(numbers[..<(start + 12)])), body: body)
    }

    private func opened() throws -> AppendOnlyFile {
        if let file { return file }
        let file = try AppendOnlyFile(path: path, synchronises: false)
        self.file = file
        return file
    }

    private static func bytes(of number: UInt32) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
