internal import Cryptography
internal import Ledger
internal import Learning
internal import Messages
package import Operations
internal import Privacy
internal import SecureAggregation

// What the errors of the rooms below mean to the caller of a program. Those rooms know no programs: each of their error types
// is given its exit code here and nowhere else (``ExitCoded``).

extension PrivacyRefusal: ExitCoded {
    package var exitCode: ExitCode { .refused }
}

extension UpdateRefusal: ExitCoded {
    /// What diverges or cannot be encoded follows from the task and the data.
    package var exitCode: ExitCode { .invalidInput }
}

extension StepOutOfOrder: ExitCoded {
    package var exitCode: ExitCode { .internalFault }
}

extension LedgerError: ExitCoded {
    /// A ledger that is not sound is a failure of storage; one that forbids a round refuses it.
    package var exitCode: ExitCode {
        switch self {
        case .unaffordable, .rule: .refused
        case .unsound, .otherOwner, .failedBefore: .storage
        }
    }
}

extension LedgerRuleViolation: ExitCoded {
    package var exitCode: ExitCode { .refused }
}

extension AccountingError: ExitCoded {
    package var exitCode: ExitCode { .invalidInput }
}

extension MechanismError: ExitCoded {
    package var exitCode: ExitCode { .invalidInput }
}

extension MatrixError: ExitCoded {
    /// Rounds beyond those that noise was sized for are refused, as those beyond a budget are.
    package var exitCode: ExitCode {
        switch self {
        case .badCoefficients, .unproved: .invalidInput
        case .roundsExceeded: .refused
        }
    }
}

extension ClippingError: ExitCoded {
    package var exitCode: ExitCode { .invalidInput }
}

extension TrainingError: ExitCoded {
    package var exitCode: ExitCode { .invalidInput }
}

extension MessageError: ExitCoded {
    /// Messages come from the other side of a connection.
    package var exitCode: ExitCode { .network }
    package var sentence: String { "what the other side sent is not acceptable: \(self)" }
}

extension SafeTensorsError: ExitCoded {
    package var exitCode: ExitCode { .invalidInput }
}

extension CryptographyError: ExitCoded {
    /// Bytes that are not what they should be are input, and what nobody known has made fails authentication; a generator
    /// or library that fails is the machine's fault.
    package var exitCode: ExitCode {
        switch self {
        case .invalidCertificate, .invalidKey, .invalidLattice, .invalidSharing, .lowOrderPoint, .tooLong,
            .wrongLength:
            .invalidInput
        case .authenticationFailed: .network
        case .randomnessUnavailable, .libraryFailure, .spentKey: .internalFault
        }
    }
}

extension SecureAggregationError: ExitCoded {
    /// Rates that no graph serves are the task's; everything else is a party or a server that does not keep the protocol.
    package var exitCode: ExitCode {
        switch self {
        case .impossibleRates: .invalidInput
        case .cryptography(let error): error.exitCode
        default: .network
        }
    }
}
