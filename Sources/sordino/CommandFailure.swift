internal import Configuration
internal import Federation
internal import Learning
internal import Ledger
internal import Operations
internal import Privacy
internal import Transport

/// Turns the errors of all rooms into one line and an exit code.
enum CommandFailure {
    static func describe(_ error: any Error) -> Failure {
        switch error {
        case let refusal as PrivacyRefusal: Failure(.refused, refusal.description)
        case let accounting as AccountingError: Failure(.invalidInput, accounting.description)
        case let ledger as LedgerError: describe(ledger)
        case let training as TrainingError: Failure(.invalidInput, training.description)
        case let tls as TLSError: Failure(.network, "\(tls)")
        case let socket as SocketError: Failure(.network, "\(socket)")
        default: Failure(wrapping: error)
        }
    }

    /// A ledger that is not sound is a storage failure; one that forbids a round is a refusal.
    private static func describe(_ error: LedgerError) -> Failure {
        switch error {
        case .unaffordable, .rule: Failure(.refused, error.description)
        case .unsound, .otherOwner, .failedBefore: Failure(.storage, error.description)
        }
    }
}
