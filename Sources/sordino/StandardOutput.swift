internal import Configuration
internal import Foundation
internal import Glibc
internal import Operations

/// What a command prints as its result.
enum StandardOutput {
    /// Writes text as it is. A reader that has gone away, as `head` does, ends the command quietly; any other
    /// failure to write ends it with the storage code.
    static func write(_ text: String) { write(Array(text.utf8)) }

    /// Writes bytes as they are; see ``write(_:)-(String)``.
    static func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno == EPIPE {
                exit(ExitCode.done.rawValue)
            } else if errno != EINTR {
                let reason = String(cString: strerror(errno))
                Console.standardError.writeLine("sordino: standard output cannot be written: \(reason)")
                exit(ExitCode.storage.rawValue)
            }
        }
    }

    /// Writes a value as JSON, indented, with a line feed.
    static func write(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
    }
}
