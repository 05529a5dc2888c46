package import Foundation
import Glibc

/// What may happen to one file of a state directory, and whole folders to try it on.
package enum FolderDamage: CustomStringConvertible, Sendable {
    case removed, emptied, garbage, directory, pipe, linkLoop
    /// The first so many lines are left.
    case lines(Int)
    /// The first so many bytes are left.
    case bytes(Int)
    /// An earlier version, by the number of the snapshot.
    case earlier(Int)
    /// Every number of a member replaced by another text.
    case numbers(String)

    package var description: String {
        switch self {
        case .removed: "removed"
        case .emptied: "emptied"
        case .garbage: "garbage"
        case .directory: "a folder in its place"
        case .pipe: "a pipe in its place"
        case .linkLoop: "a link to itself in its place"
        case .lines(let count): "cut to \(count) lines"
        case .bytes(let count): "cut to \(count) bytes"
        case .earlier(let snapshot): "of snapshot \(snapshot)"
        case .numbers(let text): "numbers replaced by \(text)"
        }
    }

    /// The word that damages of one kind share in a table.
    package var kind: String {
        switch self {
        case .lines, .bytes: "cut"
        case .earlier: "earlier version"
        case .numbers: "other numbers"
        case .directory, .pipe, .linkLoop: "folder, pipe or link loop"
        case .garbage: "garbage"
        case .removed: "removed"
        case .emptied: "emptied"
        }
    }
}

/// A folder's files by their relative paths.
package struct FolderSnapshot: Sendable {
    package var files: [String: Data] = [:]

    /// Reads all regular files.
    package init(_ folder: String) throws {
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            var isFolder: ObjCBool = false
            let path = "\(folder)/\(name)"
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue
            else {
                continue
            }
            files[name] = try Data(contentsOf: URL(fileURLWithPath: path))
        }
    }

    /// Makes the folder hold exactly these files; `others` are folders that must be there.
    package func write(to folder: String, folders others: [String]) throws {
        try? FileManager.default.removeItem(atPath: folder)
        for other in others + [""] {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/\(other)", withIntermediateDirectories: true)
        }
        for (name, data) in files {
            let path = "\(folder)/\(name)"
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Self.write(data, to: path)
        }
    }

    /// Foundation's own writing waits for the disk at each of thousands of small files.
    private static func write(_ data: Data, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(descriptor) }
        let count = data.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count == data.count else { throw CocoaError(.fileWriteOutOfSpace) }
    }

    /// The damages that a file of this snapshot can suffer; `earlier` are snapshots before this one.
    package func damages(of name: String, earlier: [FolderSnapshot]) -> [FolderDamage] {
        guard let data = files[name] else { return [] }
        var damages: [FolderDamage] = [.removed, .emptied, .garbage, .directory, .pipe, .linkLoop]
        let isText = name.hasSuffix(".json") || name.hasSuffix(".jsonl")
        if isText {
            let lines = data.split(separator: 0x0A).count
            damages += (1..<max(1, lines)).map { .lines($0) }
            damages += ["-1", "0", "2147483647", "9223372036854775807", "1e300", "1e999"].map { .numbers($0) }
        }
        damages += [data.count - 1, data.count / 2, data.count / 3, 7].filter {
            $0 >= 1 && $0 < data.count
        }
        .map { .bytes($0) }
        for (place, snapshot) in earlier.enumerated() where snapshot.files[name] != data {
            if snapshot.files[name] != nil { damages.append(.earlier(place)) }
        }
        return damages
    }

    /// Does it to a file that ``write(to:folders:)`` wrote.
    package func apply(_ damage: FolderDamage, to name: String, in folder: String, earlier: [FolderSnapshot])
        throws
    {
        let path = "\(folder)/\(name)"
        let data = files[name] ?? Data()
        unlink(path)
        func write(_ data: Data) throws { try Self.write(data, to: path) }
        switch damage {
        case .removed: break
        case .emptied: try write(Data())
        case .garbage: try write(Data("{ \"no\": [".utf8))
        case .directory:
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        case .pipe: mkfifo(path, 0o600)
        case .linkLoop: symlink(path, path)
        case .lines(let count):
            let lines = data.split(separator: 0x0A).prefix(count)
            try write(Data(lines.flatMap { $0 + [0x0A] }))
        case .bytes(let count): try write(data.prefix(count))
        case .earlier(let place): if let old = earlier[place].files[name] { try write(old) }
        case .numbers(let text):
            let pattern = /([:\[,] ?)(-?[0-9][0-9.e+-]*)/
            try write(
                Data(
                    String(decoding: data, as: UTF8.self).replacing(pattern) { "\($0.output.1)\(text)" }.utf8)
            )
        }
    }
}
