internal import Synchronization

/// What event loops may know of the open round without asking its owner: enough to turn an upload away before
/// its body is sent, and to serve models.
final class RoundBoard: Sendable {
    /// One round.
    struct Round: Sendable {
        /// Whether it takes reports.
        var isCollecting = false
        /// Agents invited to it by name, with the digest of what each has reported; of a round that has ended, those
        /// that reported.
        var invited: [String: String?] = [:]
        /// Names of the members, where the round is masked.
        var members: Set<String> = []

        /// Digest of what this agent has reported; nil where it has not.
        func digest(of agent: String) -> String? { invited[agent] ?? nil }

        /// What an update of this round, from this agent, can still be.
        func admission(of agent: String) -> UpdateAdmission {
            switch invited[agent] {
            case nil: .turnedAway
            case .some(.some): .repetition
            case .some(nil): isCollecting ? .report : .turnedAway
            }
        }
    }

    /// What an update can be, as far as is known before its body comes.
    enum UpdateAdmission: Sendable {
        /// The agent's report: it is to be kept.
        case report
        /// The same bytes as before, or a second report: its hash will tell.
        case repetition
        /// Nothing that could count.
        case turnedAway
    }

    struct State: Sendable {
        var run = ""
        /// Rounds that agents may have business with: the open one, and those before for agents that missed an answer.
        var rounds: [RoundKey: Round] = [:]
        /// Agents that an operator has shut out.
        var revoked: Set<String> = []
        /// Models that agents may download, by round.
        var models: [Int: StoredModel] = [:]
        /// The parameters that nobody trains, which agents download once; nil where there are none.
        var frozen: StoredFrozenModel?
        /// Whether the owner works: storage answers and the state is loaded.
        var isHealthy = true
        var isReady = false
        /// Whether the run has ended, and is there for agents only that have not heard of it.
        var isOver = false
        /// That the run is stalled, in words for anybody; nil where it is not.
        var stalled: String?
        /// The first round that the owner remembers; those before it are on disk only.
        var firstRemembered = Int.max
        /// The newest round whose model is shown.
        var shownRound = 0
    }

    private let state = Mutex(State())

    func read<Result: Sendable>(_ body: (borrowing State) -> Result) -> Result { state.withLock { body($0) } }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
}
