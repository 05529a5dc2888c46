internal import Cryptography
internal import Federation
internal import Learning
internal import Ledger
internal import Messages
package import Operations
internal import Privacy
internal import Transport

/// Turns the errors of all rooms into one line and an exit code.
package enum AgentFailure {
    /// The failure that a command ends with.
    package static func describe(_ error: any Error) -> Failure {
        switch error {
        case ClientError.cancelled: Failure(.interrupted, "interrupted")
        case let error as ClientError: Failure(.network, error.description)
        case let error as TLSError: Failure(.network, error.description)
        case let error as SocketError: Failure(.network, error.description)
        case let error as MessageError: Failure(.network, "the server's answer is not acceptable: \(error)")
        case let error as LedgerError: describe(error)
        case let error as PrivacyRefusal: Failure(.refused, error.description)
        case let error as CryptographyError: Failure(.invalidInput, error.description)
        case let error as AccountingError: Failure(.invalidInput, error.description)
        case let error as TrainerFailure: Failure(.invalidInput, error.description)
        case let error as TrainingError: Failure(.invalidInput, error.description)
        case let error as UpdateRefusal: Failure(.invalidInput, error.description)
        case let error as UnusablePlan: Failure(.invalidInput, error.description)
        case let error as SafeTensorsError: Failure(.invalidInput, error.description)
        default: Failure(wrapping: error)
        }
    }

    /// A ledger that is not sound is a storage failure; one that forbids a round is a refusal.
    static func describe(_ error: LedgerError) -> Failure {
        switch error {
        case .unaffordable, .rule: Failure(.refused, error.description)
        case .unsound, .otherOwner, .failedBefore: Failure(.storage, error.description)
        }
    }
}
