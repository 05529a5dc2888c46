internal import Configuration
internal import Federation
internal import Learning
internal import Messages

extension FailureReport.Reason {
    /// What a server may be told of an error of local work, where nothing is private.
    init(of error: any Error) {
        switch error {
        case is TrainerFailure, is TrainingError, is UpdateRefusal: self = .training
        case is ConfigurationError: self = .data
        default: self = .other
        }
    }
}
