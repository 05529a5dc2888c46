internal import Cryptography
internal import Synchronization

/// What event loops may know of the open round without asking its owner: enough to turn an upload away before
/// its body is sent, and to serve models.
final class RoundBoard: Sendable {
    struct State: Sendable {
        var run = ""
        /// The round that takes reports; nil when none does.
        var collecting: Int?
        /// Agents invited to it by name, with the digest of what each has reported.
        var invited: [String: String?] = [:]
        /// Reports of the rounds before, for agents that missed the answer.
        var earlier: [Int: [String: String]] = [:]
        /// Names of the members of masked rounds: of the open one, and of the last for those that missed an answer.
        var members: [Int: Set<String>] = [:]
        /// Agents that an operator has shut out.
        var revoked: Set<String> = []
        /// Models that agents may download, by round.
        var models: [Int: StoredModel] = [:]
        /// Whether the owner works: storage answers and the state is loaded.
        var isHealthy = true
        var isReady = false
        /// What of the server's expires, and when.
        var expiries: [Expiry] = []
    }

    private let state = Mutex(State())

    func read<Result: Sendable>(_ body: (borrowing State) -> Result) -> Result { state.withLock { body($0) } }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
}
