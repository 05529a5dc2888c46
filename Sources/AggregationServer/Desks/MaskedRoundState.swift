internal import Encoding
internal import Federation
internal import SecureAggregation
internal import Transport

/// Secure aggregation of the open round, as ``MaskedDesk`` keeps it for itself: in memory only.
struct MaskedRoundState {
    /// How the round came out of the protocol.
    enum Outcome {
        /// The sums of so many survivors' reports: one, or one for each group that was opened.
        case sums([RingVector], survivors: Int)
        /// Nothing can be opened, for this reason.
        case lost(String)
    }

    /// A question that waits for its step.
    struct Hold {
        let question: MaskedQuestion
        let identity: MemberIdentity
        let expires: Double
    }

    /// What members send while masks are removed: it is heard afterwards.
    enum Postponed {
        case message(MaskedMessage)
        case leaving(MemberIdentity)
    }

    /// Which round it is.
    let key: RoundKey
    /// Whether masks are being removed, from the state as it is here, which nothing changes meanwhile.
    var isOpening = false
    /// What has come since, in its order.
    var postponed: [Postponed] = []
    /// The protocol's state.
    var groups: MaskedGroups
    /// Members by certified name, and their places in the roster.
    let identities: [String: MemberIdentity]
    let places: [MemberIdentity: Int]
    /// SHA-256 of each message taken, by step and name.
    var taken: [ProtocolStep: [String: String]] = [:]
    /// Questions that wait, by the number of their hold.
    var holds: [UInt64: Hold] = [:]
    /// Nil while the protocol goes on.
    var outcome: Outcome?

    /// Keeps a message for later: of each member and step the newest one, for `drop` is given what it takes the place of.
    mutating func postpone(_ message: MaskedMessage, drop: (MaskedMessage) -> Void) {
        let former = postponed.firstIndex { item in
            if case .message(let kept) = item {
                return kept.agent.name == message.agent.name && kept.step == message.step
            }
            return false
        }
        if let former, case .message(let kept) = postponed.remove(at: former) { drop(kept) }
        postponed.append(.message(message))
    }
}

/// What is remembered of the masked round before, for members that missed the answer to a message.
struct EndedMaskedRound {
    /// Which round it was.
    let key: RoundKey
    /// SHA-256 of each message taken, by step and name.
    let taken: [ProtocolStep: [String: String]]
}
