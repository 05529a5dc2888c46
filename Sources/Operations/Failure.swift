/// Why a command ends without having done its work: one line for the user and the exit status.
package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The exit status that the command ends with.
    package let exitCode: ExitCode
    /// One line: what is wrong, where, and how to mend it.
    package let message: String

    /// Line breaks in `message` become spaces, so that a failure is always one line.
    package init(_ exitCode: ExitCode, _ message: String) {
        self.exitCode = exitCode
        self.message = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// Any error as a failure: a `Failure` as it is, an ``ExitCoded`` one as it says, another as an internal fault.
    package init(wrapping error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as any ExitCoded where error.exitCode != .internalFault:
            self.init(error.exitCode, error.sentence)
        default: self.init(.internalFault, "internal fault: \(error)")
        }
    }

    package var description: String { message }
}

extension Failure: ExitCoded {}
