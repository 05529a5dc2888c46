internal import Foundation
internal import Glibc
internal import Operations

/// What `--out` names, treated as a Unix tool does: `-` is standard output, a link is followed, and only a regular file
/// is replaced.
enum OutputFile {
    /// Where output goes.
    enum Target: Equatable {
        case standardOutput
        /// A file that is written whole or not at all: what links lead to, with its permissions where it exists.
        case file(path: String, mode: UInt32)
        /// A pipe, a terminal or another character device: written to as it is.
        case stream(path: String)
        /// A descriptor that the caller opened, by its number under `/dev/fd`.
        case descriptor(Int32)
    }

    /// Most links that are followed, as the system's own limit.
    private static let linkLimit = 40

    /// Where this name leads. Throws a usage or storage `Failure` for a folder, a socket, a disk and a loop of links.
    static func target(_ path: String) throws -> Target {
        if path == "-" || path == "/dev/stdout" { return .standardOutput }
        if path == "/dev/stderr" { return .descriptor(STDERR_FILENO) }
        var place = path
        for _ in 0..<linkLimit {
            for folder in ["/dev/fd/", "/proc/self/fd/"] where place.hasPrefix(folder) {
                guard let number = Int32(place.dropFirst(folder.count)) else { break }
                return number == STDOUT_FILENO ? .standardOutput : .descriptor(number)
            }
            var status = stat()
            guard lstat(place, &status) == 0 else {
                guard errno == ENOENT else { throw failure(path, errno) }
                return .file(path: place, mode: 0o644)
            }
            switch status.st_mode & S_IFMT {
            case S_IFLNK: place = try followed(place)
            case S_IFREG: return .file(path: place, mode: UInt32(status.st_mode & 0o7777))
            case S_IFIFO, S_IFCHR: return .stream(path: place)
            case S_IFDIR: throw Failure(.storage, "cannot write \(path): it is a folder, not a file")
            default: throw Failure(.storage, "cannot write \(path): it is neither a file nor a pipe")
            }
        }
        throw failure(path, ELOOP)
    }

    /// Writes all of `bytes`. A reader that has gone away is a storage failure, as any other.
    static func write(_ bytes: [UInt8], to path: String) throws {
        switch try target(path) {
        case .standardOutput: StandardOutput.write(bytes)
        case .file(let place, let mode): try AtomicFile.write(bytes, to: place, mode: mode)
        case .descriptor(let descriptor): try writeAll(bytes, to: descriptor, path)
        case .stream(let place):
            let descriptor = open(place, O_WRONLY | O_CLOEXEC | O_NOCTTY)
            guard descriptor >= 0 else { throw failure(path, errno) }
            defer { close(descriptor) }
            try writeAll(bytes, to: descriptor, path)
        }
    }

    /// Writes text as UTF-8.
    static func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno != EINTR {
                throw failure(path, errno)
            }
        }
    }

    /// What a link points to, from where it lies.
    private static func followed(_ link: String) throws -> String {
        let destination = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
        guard let destination else { throw failure(link, errno) }
        if destination.hasPrefix("/") { return destination }
        guard let slash = link.lastIndex(of: "/") else { return destination }
        return link[...slash] + destination
    }

    private static func failure(_ path: String, _ code: Int32) -> Failure {
        Failure(.storage, "cannot write \(path): \(String(cString: strerror(code)))")
    }
}
