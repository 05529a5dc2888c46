internal import Foundation
internal import Operations

/// A file of JSON lines that grows during a run and may be cut back when the run is resumed.
///
/// A line that was torn by a killed process is dropped when the file is read.
struct LineFile {
    private let path: String
    private let handle: FileHandle
    private let encoder = JSONEncoder()

    /// Opens the file for appending, creating it where missing. Throws a storage failure.
    init(_ path: String) throws {
        self.path = path
        if !FileManager.default.fileExists(atPath: path) { try AtomicFile.write([], to: path) }
        guard let handle = FileHandle(forUpdatingAtPath: path) else {
            throw Failure(.storage, "\(path): cannot be opened for writing")
        }
        self.handle = handle
        try handle.seekToEnd()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    /// Appends one value as a line.
    func append(_ value: some Encodable) throws {
        do {
            try handle.write(contentsOf: encoder.encode(value) + [0x0A])
        } catch {
            throw Failure(
                .storage, "\(path): cannot be written (\(error.localizedDescription)); is the disk full?")
        }
    }

    /// The whole lines of the file.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> [Value] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        let decoder = JSONDecoder()
        var values: [Value] = []
        for line in data.split(separator: 0x0A) {
            // What follows a damaged line was written after it and is dropped with it.
            guard let value = try? decoder.decode(type, from: Data(line)) else { break }
            values.append(value)
        }
        return values
    }

    /// Keeps the first `count` lines and appends after them.
    func keep(_ count: Int) throws {
        let data = FileManager.default.contents(atPath: path) ?? Data()
        var length = 0
        var lines = 0
        for (place, byte) in data.enumerated() where byte == 0x0A && lines < count {
            lines += 1
            length = place + 1
        }
        try handle.truncate(atOffset: UInt64(length))
        try handle.seekToEnd()
    }

    /// Makes these the content. What is there already stays untouched, so that a process that is killed meanwhile
    /// loses nothing of it.
    func rewrite(_ values: [some Encodable]) throws {
        let data = FileManager.default.contents(atPath: path) ?? Data()
        var place = data.startIndex
        var kept = 0
        for value in values {
            let line = try encoder.encode(value) + [0x0A]
            guard data[place...].starts(with: line) else { break }
            place += line.count
            kept += 1
        }
        try keep(kept)
        for value in values[kept...] { try append(value) }
    }

    /// Puts what was appended on the device.
    func synchronise() throws { try handle.synchronize() }
}
