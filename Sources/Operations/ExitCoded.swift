package import Configuration

/// An error that a program can end with: it says with which exit status, and in which words. Every error type that may leave
/// its room conforms, once: beside its declaration where that sees this protocol, else in `Federation`, below which the
/// rooms without programs lie. ``Failure/init(wrapping:)`` is then the one map that all commands end by.
package protocol ExitCoded: Error {
    /// The status of a program that ends with this error.
    var exitCode: ExitCode { get }
    /// One line for the user: what is wrong, where, and how to mend it.
    var sentence: String { get }
}

extension ExitCoded {
    /// The error's own description.
    package var sentence: String { "\(self)" }
}

extension ConfigurationError: ExitCoded {
    package var exitCode: ExitCode { .invalidInput }
}

extension ThreadError: ExitCoded {
    /// The system is out of room, which no input mends.
    package var exitCode: ExitCode { .internalFault }
}
