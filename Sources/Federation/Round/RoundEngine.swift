package import Privacy
internal import SecureAggregation

/// The state machine of a federation's rounds, without sockets, tasks or clocks.
///
/// The server hosts it behind one owner, the simulator steps the same struct with a virtual clock. A round is:
/// select a cohort (over-selected), collect reports until target or deadline, require a minimum, then sum →
/// charge → noise → settle → publish (charge → sum where the sum itself is what noise protects, because the server
/// sees it opened), or abandon the round and say why. Numbers of abandoned rounds are never
/// used again.
///
/// Whoever asks is answered with a verdict, and what has to be done because of it comes with the verdict: nothing can be
/// asked in passing by changing the round, and nothing that the round wants can get lost.
package struct RoundEngine: Sendable {
    /// What the engine must know of the plan.
    package struct Rules: Equatable, Sendable {
        /// Rounds to publish.
        package var rounds: Int
        /// How a cohort is drawn; over-selection included.
        package var sampling: CohortSampling
        /// Close as soon as this many reports are in; nil: every report before the deadline counts.
        package var target: Int?
        /// Fewest reports that may be released; zero only under Poisson sampling, where an empty cohort is a
        /// legitimate draw.
        package var minimumReports: Int
        /// Smallest share of the invited whose reports may be released, 0 to 1.
        package var minimumShare = 0.0
        /// Seconds from invitation to deadline.
        package var deadlineSeconds: Double
        /// End, or stall, after this many abandoned rounds in a row.
        package var abandonLimit: Int
        /// Stall rather than end: whoever runs the engine waits between attempts for as long as
        /// ``RoundEngine/isStalled`` says so. A simulation cannot heal by waiting and ends.
        package var stalls = false
        /// When models are shown, where nothing that can be seen from outside may depend on who takes part; nil: a round
        /// closes and publishes as soon as it can.
        package var schedule: RoundSchedule?
        /// Rounds that the privacy budget affords in all, charged rounds of before included; nil: no bound.
        package var affordableRounds: Int?
        /// A client is in at most one sum of so many charged rounds: those of one tree of noise. Nil: no bound.
        package var participationWindow: Int?
        /// How often and how near to each other a client is in the sums of charged rounds, over the whole run. Nil: no bound.
        package var pattern: ParticipationPattern?
        /// Charge before the sum is opened: where clients' noise is in it, opening it is the release.
        package var chargesBeforeSum: Bool

        package init(
            rounds: Int, sampling: CohortSampling, target: Int?, minimumReports: Int, deadlineSeconds: Double,
            abandonLimit: Int = 10, affordableRounds: Int? = nil, participationWindow: Int? = nil,
            pattern: ParticipationPattern? = nil, chargesBeforeSum: Bool = false
        ) {
            self.rounds = rounds
            self.sampling = sampling
            self.target = target
            self.minimumReports = minimumReports
            self.deadlineSeconds = deadlineSeconds
            self.abandonLimit = abandonLimit
            self.affordableRounds = affordableRounds
            self.participationWindow = participationWindow
            self.pattern = pattern
            self.chargesBeforeSum = chargesBeforeSum
        }
    }

    /// Where the open round stands.
    package enum Phase: String, Equatable, Sendable {
        case idle, collecting, summing, charging, noising, settling, publishing, finished
    }

    /// Where an invited client stands in the open round.
    package enum Standing: Equatable, Sendable { case invited, accepted, gaveUp }

    package let rules: Rules
    package private(set) var phase: Phase = .idle
    /// Number of the open round, or of the last one; the first is 1.
    package private(set) var round: Int
    /// Rounds published so far.
    package private(set) var published: Int
    /// Rounds whose charge was written, published or not.
    package private(set) var charged: Int
    /// Clients in the sums of the present participation window; empty where there is no such bound.
    package private(set) var participants: Set<Int>
    /// Who was in which charged rounds, where a pattern bounds that; else nobody.
    package private(set) var attendance: Attendance
    /// Rounds abandoned since the last that was published.
    package private(set) var abandonedInARow: Int
    private var standing: [Int: Standing] = [:]
    private var accepted: [Int] = []
    /// Invited clients that neither reported nor gave up; counted, so that a report costs constant time.
    private var outstanding = 0
    private var deadline = Instant(nanoseconds: 0)
    /// Why the open round releases nothing, where that is known before its deadline and may not show before.
    private var lost: String?
    private var stopRequest: FinishReason?

    /// Continues after `round`, of which `published` were released, `charged` charged and the last `abandonedInARow`
    /// abandoned; all zero at the start. `participants` are those of the charged rounds of the participation window that
    /// round is in, `attendance` of all that the pattern counts. With `isFinished` nothing will open any more.
    package init(
        rules: Rules, round: Int = 0, published: Int = 0, charged: Int = 0, participants: Set<Int> = [],
        attendance: Attendance = Attendance(), abandonedInARow: Int = 0, isFinished: Bool = false
    ) {
        self.rules = rules
        self.round = round
        self.published = published
        self.charged = charged
        self.participants = rules.participationWindow == nil ? [] : participants
        self.attendance = rules.pattern == nil ? Attendance() : attendance
        self.abandonedInARow = abandonedInARow
        if isFinished { phase = .finished }
    }

    // MARK: Questions, which change nothing

    /// Whether a client may be drawn for the coming round.
    package func mayTakePart(_ client: Int) -> Bool {
        guard windowIsFull || !participants.contains(client) else { return false }
        return rules.pattern.map { attendance.allows(client, charge: charged + 1, pattern: $0) } ?? true
    }

    /// Clients that may not be drawn for the coming round.
    private var excluded: Set<Int> {
        if let pattern = rules.pattern { return attendance.excluded(charge: charged + 1, pattern: pattern) }
        return windowIsFull ? [] : participants
    }

    /// Whether the coming round is the first of a participation window.
    private var windowIsFull: Bool {
        guard let window = rules.participationWindow else { return true }
        return charged.isMultiple(of: window)
    }

    /// Clients invited to the open round.
    package var invitedCount: Int { standing.count }
    /// Reports in the open round's sum.
    package var acceptedCount: Int { accepted.count }
    /// Invited clients that gave the open round up.
    package var gaveUpCount: Int { standing.count - accepted.count - outstanding }
    /// Deadline of the open round.
    package var currentDeadline: Instant { deadline }
    /// Whether so many rounds in a row were abandoned that the next attempt has to wait.
    package var isStalled: Bool { rules.stalls && abandonedInARow >= rules.abandonLimit }

    /// Where a client stands in the open round; nil for one that is not invited.
    package func standing(of client: Int) -> Standing? { standing[client] }

    /// Why a client's report of a round would not count now; nil where it would.
    package func refusal(client: Int, round: Int, at now: Instant) -> ReportRefusal? {
        guard round == self.round else { return .wrongRound }
        switch standing[client] {
        case nil: return .notInvited
        case .accepted: return .duplicate
        case .gaveUp: return .gaveUp
        case .invited: return phase == .collecting && now < deadline ? nil : .closed
        }
    }

    // MARK: Opening

    /// Opens the next round with a cohort of these candidates, at `now`. `generator` is drawn from for nothing else.
    package mutating func open(
        _ candidates: Candidates, at now: Instant, using generator: inout some RandomNumberGenerator
    ) -> OpeningVerdict {
        guard phase == .idle else { return .declined(then: []) }
        if let reason = reasonToFinish() { return .declined(then: finish(reason)) }
        round += 1
        let excluded = excluded
        let eligible = excluded.isEmpty ? candidates : candidates.without(excluded)
        let cohort = rules.sampling.draw(from: eligible, using: &generator)
        // On a schedule too small a cohort is found out at the deadline, like too few reports.
        guard rules.schedule != nil || cohort.count >= rules.minimumReports else {
            (standing, accepted, outstanding) = ([:], [], 0)
            return .declined(
                then: abandon(
                    .tooFewCandidates(available: cohort.count, required: rules.minimumReports)))
        }
        let invitation = Invitation(
            clients: cohort, round: round, opened: now,
            deadline: now.advanced(bySeconds: rules.deadlineSeconds),
            publication: rules.schedule.map { now.advanced(bySeconds: $0.publicationSeconds) })
        begin(invitation)
        // Without a schedule nobody is waited for in vain: noise alone is released, as the accountant assumes.
        return .invited(invitation, then: cohort.isEmpty ? closeIfComplete() : [])
    }

    /// Opens a round again after a restart, with the cohort that was drawn and the reports that were accepted; no new
    /// draw. One that was closed before is closed at once.
    package mutating func resume(_ resumed: ResumedRound) -> [RoundAction] {
        guard phase == .idle else { return [] }
        round = resumed.invitation.round
        begin(resumed.invitation)
        for client in resumed.accepted where standing[client] == .invited { accept(client) }
        return resumed.isClosed ? close() : closeIfComplete()
    }

    private mutating func begin(_ invitation: Invitation) {
        (standing, accepted, lost) = ([:], [], nil)
        for client in invitation.clients { standing[client] = .invited }
        outstanding = standing.count
        deadline = invitation.deadline
        phase = .collecting
    }

    // MARK: Collecting

    /// An invited client offers its report of a round.
    package mutating func offer(client: Int, round: Int, at now: Instant) -> ReportVerdict {
        if let refusal = refusal(client: client, round: round, at: now) { return .refused(refusal) }
        accept(client)
        return .accepted(then: closeIfComplete())
    }

    private mutating func accept(_ client: Int) {
        standing[client] = .accepted
        outstanding -= 1
        accepted.append(client)
    }

    /// An invited client gives a round up, or is known to have dropped out of it.
    package mutating func giveUp(client: Int, round: Int, at now: Instant) -> FailureVerdict {
        if let refusal = refusal(client: client, round: round, at: now) { return .refused(refusal) }
        standing[client] = .gaveUp
        outstanding -= 1
        return .noted(then: closeIfComplete())
    }

    /// Time has passed: closes the collection at its deadline.
    package mutating func tick(at now: Instant) -> [RoundAction] {
        phase == .collecting && now >= deadline ? close() : []
    }

    /// Closes when the target is reached or nobody is left to wait for; on a schedule only the clock closes.
    private mutating func closeIfComplete() -> [RoundAction] {
        guard rules.schedule == nil else { return [] }
        if let target = rules.target, accepted.count >= target { return close() }
        return outstanding > 0 ? [] : close()
    }

    private mutating func close() -> [RoundAction] {
        if let lost { return abandon(.failed(lost)) }
        let share = RoundBinding.survivors(share: rules.minimumShare, of: standing.count)
        let required = max(rules.minimumReports, share)
        guard accepted.count >= required else {
            return abandon(.tooFewReports(received: accepted.count, required: required))
        }
        return rules.chargesBeforeSum ? advance(to: .charging, .requireCharge(round: round)) : requireSum()
    }

    // MARK: Completing

    /// Takes the news that a step is done, that the round has failed, or that the run is to end. News that do not fit the
    /// phase change nothing.
    package mutating func handle(_ event: RoundEvent) -> [RoundAction] {
        switch (event, phase) {
        case (.summed, .summing):
            return rules.chargesBeforeSum
                ? requireNoise() : advance(to: .charging, .requireCharge(round: round))
        case (.charged, .charging):
            if rules.participationWindow != nil {
                if windowIsFull { participants = [] }
                participants.formUnion(accepted)
            }
            charged += 1
            if rules.pattern != nil { attendance.note(accepted, charge: charged) }
            return rules.chargesBeforeSum ? requireSum() : requireNoise()
        case (.noised, .noising):
            return advance(to: .settling, .requireSettlement(round: round, survivors: accepted.count))
        case (.settled, .settling): return advance(to: .publishing, .requirePublication(round: round))
        case (.published, .publishing): return finishRound()
        case (.failed(let what), .collecting):
            guard rules.schedule == nil else {
                lost = lost ?? what
                return []
            }
            return abandon(.failed(what))
        case (.failed(let what), .summing), (.failed(let what), .charging), (.failed(let what), .noising),
            (.failed(let what), .settling), (.failed(let what), .publishing):
            return abandon(.failed(what))
        case (.stop(let reason), .idle): return finish(reason)
        case (.stop(let reason), _):
            if phase != .finished { stopRequest = reason }
            return []
        case (.summed, _), (.charged, _), (.noised, _), (.settled, _), (.published, _), (.failed, _):
            return []
        }
    }

    private mutating func requireSum() -> [RoundAction] {
        advance(to: .summing, .requireSum(round: round, survivors: accepted.sorted()))
    }

    private mutating func requireNoise() -> [RoundAction] {
        advance(to: .noising, .requireNoise(round: round))
    }

    private mutating func advance(to phase: Phase, _ action: RoundAction) -> [RoundAction] {
        self.phase = phase
        return [action]
    }

    private mutating func finishRound() -> [RoundAction] {
        published += 1
        abandonedInARow = 0
        phase = .idle
        if let reason = reasonToFinish() { return finish(reason) }
        return []
    }

    private mutating func abandon(_ reason: AbandonReason) -> [RoundAction] {
        abandonedInARow += 1
        phase = .idle
        var actions: [RoundAction] = [.abandoned(round: round, reason)]
        if let reason = reasonToFinish() { actions += finish(reason) }
        return actions
    }

    private func reasonToFinish() -> FinishReason? {
        if let stopRequest { return stopRequest }
        if published >= rules.rounds { return .allRounds }
        if let affordable = rules.affordableRounds, charged >= affordable { return .budget }
        if abandonedInARow >= rules.abandonLimit, !rules.stalls { return .abandonedTooOften }
        return nil
    }

    private mutating func finish(_ reason: FinishReason) -> [RoundAction] {
        phase = .finished
        return [.finished(reason)]
    }
}
