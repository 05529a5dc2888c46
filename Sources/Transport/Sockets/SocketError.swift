internal import Glibc
package import Operations

/// A system call that failed.
package struct SocketError: ExitCoded, Sendable, Equatable, CustomStringConvertible {
    /// What was attempted, for a person.
    package let operation: String
    /// The system's `errno`.
    package let code: Int32

    /// The error of the call just made.
    init(doing operation: String) {
        self.operation = operation
        self.code = errno
    }

    /// An error with a given `errno`.
    init(doing operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    package var exitCode: ExitCode { .network }

    /// "cannot <operation>: <system's text>".
    package var description: String { "cannot \(operation): \(Self.text(code))" }

    /// The system's text for an `errno`.
    static func text(_ code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, strerror_r(code, base, buffer.count) == 0 else {
                return "error \(code)"
            }
            return String(cString: base)
        }
    }
}
