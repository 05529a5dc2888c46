internal import Federation
internal import Messages
internal import Operations
internal import SecureAggregation
internal import Transport

/// What an error ends: the round, or the agent.
struct RoundTrouble {
    /// What the server is told.
    let reason: FailureReport.Reason
    let text: String

    /// Reads an error of a round, and tells the owner. `isOpen`: the server may see failures of local work. Throws the error
    /// where it holds for every round to come.
    init(_ error: any Error, isOpen: Bool, log: Logger) throws {
        switch error {
        case let failure as Failure where failure.exitCode == .storage: throw failure
        case let error as ClientError:
            switch error {
            case .cancelled, .tls, .authentication: throw error
            default:
                log.warning("the masked round is lost", ["error": .text(error.description)])
                (reason, text) = (.other, "the connection was lost for too long")
            }
        case let error as SecureAggregationError:
            log.warning("refusing the masked round", ["why": .text(error.description)])
            (reason, text) = (.policy, "secure aggregation: \(error)")
        case let ended as MaskedExchange.Ended:
            log.warning("the masked round ended without this agent", ["reason": .text(ended.reason)])
            (reason, text) = (.other, "the round went on without this agent")
        default:
            // Where anything is private nothing of local work comes here, only that no noise could be drawn.
            log.error(
                isOpen ? "training failed" : "no report could be made",
                ["error": .text(Failure(wrapping: error).message)])
            (reason, text) =
                isOpen
                ? (.init(of: error), "local training failed") : (.other, "no report could be made")
        }
    }
}
