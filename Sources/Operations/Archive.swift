internal import Glibc

/// A file of files: POSIX `ustar`, uncompressed, regular files only, as `tar tf` lists it.
package enum Archive {
    static let blockBytes = 512
    /// Greatest file, by the eleven octal digits of a header.
    package static let longestFile = 0o77777777777

    /// The header of a file. Nil for a name or length that it cannot hold.
    static func header(name: String, bytes: Int) -> [UInt8]? {
        guard name.utf8.count <= 100, (0...longestFile).contains(bytes) else { return nil }
        var block = [UInt8](repeating: 0, count: blockBytes)
        func put(_ text: String, at place: Int) {
            block.replaceSubrange(place..<place + text.utf8.count, with: Array(text.utf8))
        }
        func octal(_ value: Int, digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(name, at: 0)
        put("0000600", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(octal(bytes, digits: 11), at: 124)
        put(octal(0, digits: 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = block.reduce(0) { $0 + Int($1) }
        put(octal(sum, digits: 6) + "\u{0} ", at: 148)
        return block
    }

    /// Name and length in a header; nil where it is not one that ``header(name:bytes:)`` writes.
    static func entry(_ block: [UInt8]) -> (name: String, bytes: Int)? {
        let name = String(decoding: block[..<100].prefix { $0 != 0 }, as: UTF8.self)
        let digits = String(decoding: block[124..<135], as: UTF8.self)
        guard let bytes = Int(digits, radix: 8), bytes >= 0, header(name: name, bytes: bytes) == block else {
            return nil
        }
        return (name, bytes)
    }
}

/// Writes an archive, piece by piece.
package struct ArchiveWriter {
    private let file: TemporaryFile

    /// Writes into a file that is on its way to its name.
    package init(_ file: TemporaryFile) { self.file = file }

    /// Adds a file of `bytes` bytes whose content `body` appends, exactly so many. Throws a storage ``Failure``.
    package func add<Result>(
        _ name: String, bytes: Int, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Result
    ) throws -> Result {
        guard let header = Archive.header(name: name, bytes: bytes) else {
            throw Failure(.storage, "\(name): \(bytes) bytes do not fit into an archive")
        }
        try header.withUnsafeBytes { try file.append($0) }
        var written = 0
        let result = try body { piece in
            written += piece.count
            try file.append(piece)
        }
        guard written == bytes else {
            throw Failure(.storage, "\(name): \(written) bytes where \(bytes) were announced")
        }
        try pad(after: bytes)
        return result
    }

    /// Ends the archive.
    package func end() throws {
        try [UInt8](repeating: 0, count: 2 * Archive.blockBytes).withUnsafeBytes { try file.append($0) }
    }

    private func pad(after bytes: Int) throws {
        let rest = (Archive.blockBytes - bytes % Archive.blockBytes) % Archive.blockBytes
        try [UInt8](repeating: 0, count: rest).withUnsafeBytes { try file.append($0) }
    }
}

/// Reads an archive, which is hostile input, from its beginning.
package final class ArchiveReader {
    private let descriptor: Int32
    private let path: String
    private var left: Int

    /// Opens an archive. Throws a storage ``Failure`` where there is none.
    package init(_ path: String) throws(Failure) {
        guard let descriptor = try StoredFile.open(path) else {
            throw Failure(.storage, "\(path): no such file")
        }
        self.path = path
        self.descriptor = descriptor
        left = 0
        left = try StoredFile.size(of: descriptor, path: path)
    }

    deinit { close(descriptor) }

    /// The next file's name and length; nil at the end. Its content must be read before the next is asked for. Throws
    /// where the archive is not one that ``ArchiveWriter`` writes.
    package func next() throws(Failure) -> (name: String, bytes: Int)? {
        let block = try read(Archive.blockBytes)
        if block.allSatisfy({ $0 == 0 }) {
            guard left == Archive.blockBytes, try read(left).allSatisfy({ $0 == 0 }) else { throw damaged }
            return nil
        }
        guard let entry = Archive.entry(block), entry.bytes <= left else { throw damaged }
        return entry
    }

    /// Hands the content of a file of `bytes` bytes to `body`, in pieces.
    package func content(_ bytes: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest = bytes
        while rest > 0 {
            let piece = try read(min(rest, 1 << 20))
            try piece.withUnsafeBytes(body)
            rest -= piece.count
        }
        let padding = try read((Archive.blockBytes - bytes % Archive.blockBytes) % Archive.blockBytes)
        guard padding.allSatisfy({ $0 == 0 }) else { throw damaged }
    }

    private var damaged: Failure { Failure(.storage, "\(path): is not a whole backup, or not one at all") }

    private func read(_ count: Int) throws(Failure) -> [UInt8] {
        guard count <= left else { throw damaged }
        var bytes = [UInt8](repeating: 0, count: count)
        var start = 0
        while start < count {
            let more = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress.map { $0 + start }, count - start)
            }
            if more < 0, errno == EINTR { continue }
            guard more > 0 else { throw damaged }
            start += more
        }
        left -= count
        return bytes
    }
}
