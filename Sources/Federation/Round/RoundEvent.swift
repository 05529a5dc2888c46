/// Why a client's report is not in a round's sum.
package enum ReportRefusal: String, Equatable, Sendable {
    case notInvited = "not in this round's cohort"
    case wrongRound = "not the open round"
    case closed = "the round is closed"
    case duplicate = "already reported"
    case gaveUp = "gave up before"
    case tooStale = "too many models were published since the one that it started from"
}

/// Why a round released nothing.
package enum AbandonReason: Equatable, Sendable {
    /// Fewer reports than the plan's minimum before the deadline.
    case tooFewReports(received: Int, required: Int)
    /// Nobody, or fewer than the minimum, could be invited.
    case tooFewCandidates(available: Int, required: Int)
    /// Summing, charging, noising or storing failed: nothing was released.
    case failed(String)

    /// One line for logs, ledgers and reports.
    package var text: String {
        switch self {
        case .tooFewReports(let received, let required): "\(received) reports, \(required) required"
        case .tooFewCandidates(let available, let required): "\(available) candidates, \(required) required"
        case .failed(let what): what
        }
    }
}

/// Why the federation ended.
package enum FinishReason: String, Equatable, Sendable {
    case allRounds = "all rounds done"
    case budget = "privacy budget exhausted"
    case stopped = "stopped on request"
    case targetReached = "target metric reached"
    case abandonedTooOften = "too many rounds abandoned in a row"
    case tooFewClients = "too few clients are left to take part"
}

/// A cohort that is to train for a round.
package struct Invitation: Equatable, Sendable {
    /// In ascending order; empty where Poisson sampling drew nobody.
    package let clients: [Int]
    package let round: Int
    package let opened: Instant
    /// When the last report is taken.
    package let deadline: Instant
    /// When the round's model is shown and the next round opens, whatever became of this one; nil: as soon as possible.
    package let publication: Instant?

    package init(clients: [Int], round: Int, opened: Instant, deadline: Instant, publication: Instant?) {
        self.clients = clients
        self.round = round
        self.opened = opened
        self.deadline = deadline
        self.publication = publication
    }
}

/// A round that a process before this one had opened.
package struct ResumedRound: Equatable, Sendable {
    package let invitation: Invitation
    /// Clients whose reports were accepted.
    package let accepted: [Int]
    /// Whether its survivors were fixed: no report is taken any more.
    package let isClosed: Bool

    package init(_ invitation: Invitation, accepted: [Int], isClosed: Bool) {
        self.invitation = invitation
        self.accepted = accepted
        self.isClosed = isClosed
    }
}

/// Whether a round was opened.
package enum OpeningVerdict: Equatable, Sendable {
    /// These are to train; carry the actions out then.
    case invited(Invitation, then: [RoundAction])
    /// There is no open round: the actions say why, and are to be carried out.
    case declined(then: [RoundAction])
}

/// What became of a report.
package enum ReportVerdict: Equatable, Sendable {
    /// It counts: it is to be in the sum; carry the actions out then.
    case accepted(then: [RoundAction])
    /// It does not count, and nothing has changed.
    case refused(ReportRefusal)
}

/// What became of a client's giving up.
package enum FailureVerdict: Equatable, Sendable {
    /// The round waits for it no more; carry the actions out.
    case noted(then: [RoundAction])
    /// The round does not wait for it anyway, and nothing has changed.
    case refused(ReportRefusal)
}

/// What the engine is told of the steps that it asked for.
package enum RoundEvent: Equatable, Sendable {
    /// The exact sum of the accepted reports exists.
    case summed
    /// The worst case of this round is in the ledger, durably.
    case charged
    /// The noisy sum is durable.
    case noised
    /// The event that really happened is in the ledger, durably.
    case settled
    /// The new model is durable and the release is in the ledger.
    case published
    /// Something that the round needs failed: release nothing.
    case failed(String)
    /// End after the open round.
    case stop(FinishReason)
}

/// What the engine asks of whoever runs it; each `require…` answers with the event of the same name.
package enum RoundAction: Equatable, Sendable {
    /// No report is taken any more: finish the exact sum of these survivors.
    case requireSum(round: Int, survivors: [Int])
    /// Write the round's worst-case charge.
    case requireCharge(round: Int)
    /// Draw the central noise, if any, and store the noisy sum.
    case requireNoise(round: Int)
    /// Write who was really in the sum.
    case requireSettlement(round: Int, survivors: Int)
    /// Decode, apply the strategy, store and announce the new model.
    case requirePublication(round: Int)
    /// The round releases nothing.
    case abandoned(round: Int, AbandonReason)
    /// There is nothing more to do.
    case finished(FinishReason)
}
