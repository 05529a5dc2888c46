internal import SecureAggregation

/// The state machine of a federation's rounds, without sockets, tasks or clocks.
///
/// The server hosts it behind one owner, the simulator steps the same struct with a virtual clock. A round is:
/// select a cohort (over-selected), collect reports until target or deadline, require a minimum, then sum →
/// charge → noise → settle → publish (charge → sum where the sum itself is what noise protects, because the server
/// sees it opened), or abandon the round and say why. Numbers of abandoned rounds are never
/// used again.
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
        /// End after this many abandoned rounds in a row.
        package var abandonLimit: Int
        /// Rounds that the privacy budget affords in all, charged rounds of before included; nil: no bound.
        package var affordableRounds: Int?
        /// A client is in at most one sum of so many charged rounds: those of one tree of noise. Nil: no bound.
        package var participationWindow: Int?
        /// Charge before the sum is opened: where clients' noise is in it, opening it is the release.
        package var chargesBeforeSum: Bool

        package init(
            rounds: Int, sampling: CohortSampling, target: Int?, minimumReports: Int, deadlineSeconds: Double,
            abandonLimit: Int = 10, affordableRounds: Int? = nil, participationWindow: Int? = nil,
            chargesBeforeSum: Bool = false
        ) {
            self.rounds = rounds
            self.sampling = sampling
            self.target = target
            self.minimumReports = minimumReports
            self.deadlineSeconds = deadlineSeconds
            self.abandonLimit = abandonLimit
            self.affordableRounds = affordableRounds
            self.participationWindow = participationWindow
            self.chargesBeforeSum = chargesBeforeSum
        }
    }

    /// Where the open round stands.
    package enum Phase: String, Equatable, Sendable {
        case idle, collecting, summing, charging, noising, settling, publishing, finished
    }

    private enum Standing { case invited, accepted, gaveUp }

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
    private var standing: [Int: Standing] = [:]
    private var accepted: [Int] = []
    /// Invited clients that neither reported nor gave up; counted, so that a report costs constant time.
    private var outstanding = 0
    private var deadline = Instant(nanoseconds: 0)
    private var abandonedInARow = 0
    private var stopRequest: FinishReason?

    /// Continues after `round`, of which `published` were released and `charged` charged; all zero at the start.
    /// `participants` are those of the charged rounds of the participation window that round is in.
    package init(
        rules: Rules, round: Int = 0, published: Int = 0, charged: Int = 0, participants: Set<Int> = []
    ) {
        self.rules = rules
        self.round = round
        self.published = published
        self.charged = charged
        self.participants = rules.participationWindow == nil ? [] : participants
    }

    /// Whether a client may be drawn for the coming round.
    package func mayTakePart(_ client: Int) -> Bool { windowIsFull || !participants.contains(client) }

    /// Whether the coming round is the first of a participation window.
    private var windowIsFull: Bool {
        guard let window = rules.participationWindow else { return true }
        return charged.isMultiple(of: window)
    }

    /// Clients invited to the open round.
    package var invitedCount: Int { standing.count }
    /// Reports in the open round's sum.
    package var acceptedCount: Int { accepted.count }
    /// Deadline of the open round.
    package var currentDeadline: Instant { deadline }

    /// Takes one event and says what to do. Events that do not fit the phase change nothing.
    ///
    /// `generator` is drawn from only when a cohort is chosen.
    package mutating func handle(
        _ event: RoundEvent, at now: Instant, using generator: inout some RandomNumberGenerator
    ) -> [RoundAction] {
        switch (event, phase) {
        case (.open(let candidates), .idle): return open(candidates, at: now, using: &generator)
        case (.resume(let clients, let deadline), .idle):
            round += 1
            return invite(clients, deadline: deadline)
        case (.reportOffered(let client, let round), _): return offer(client, round)
        case (.gaveUp(let client, let round), .collecting):
            guard round == self.round, standing[client] == .invited else { return [] }
            standing[client] = .gaveUp
            outstanding -= 1
            return closeIfComplete()
        case (.tick, .collecting): return now >= deadline ? close() : []
        case (.summed, .summing):
            return rules.chargesBeforeSum
                ? requireNoise() : advance(to: .charging, .requireCharge(round: round))
        case (.charged, .charging):
            if rules.participationWindow != nil {
                if windowIsFull { participants = [] }
                participants.formUnion(accepted)
            }
            charged += 1
            return rules.chargesBeforeSum ? requireSum() : requireNoise()
        case (.noised, .noising):
            return advance(to: .settling, .requireSettlement(round: round, survivors: accepted.count))
        case (.settled, .settling): return advance(to: .publishing, .requirePublication(round: round))
        case (.published, .publishing): return finishRound()
        case (.failed(let what), .collecting), (.failed(let what), .summing), (.failed(let what), .charging),
            (.failed(let what), .noising), (.failed(let what), .settling), (.failed(let what), .publishing):
            return abandon(.failed(what))
        case (.stop(let reason), .idle): return finish(reason)
        case (.stop(let reason), _):
            if phase != .finished { stopRequest = reason }
            return []
        default: return []
        }
    }

    private mutating func open(
        _ candidates: Candidates, at now: Instant, using generator: inout some RandomNumberGenerator
    ) -> [RoundAction] {
        if let reason = reasonToFinish() { return finish(reason) }
        round += 1
        (standing, accepted) = ([:], [])
        let eligible = windowIsFull ? candidates : candidates.without(participants)
        let cohort = rules.sampling.draw(from: eligible, using: &generator)
        guard cohort.count >= rules.minimumReports else {
            return abandon(.tooFewCandidates(available: cohort.count, required: rules.minimumReports))
        }
        return invite(cohort, deadline: now.advanced(bySeconds: rules.deadlineSeconds))
    }

    private mutating func invite(_ cohort: [Int], deadline: Instant) -> [RoundAction] {
        (standing, accepted) = ([:], [])
        for client in cohort { standing[client] = .invited }
        outstanding = cohort.count
        self.deadline = deadline
        phase = .collecting
        let invitation = RoundAction.invite(clients: cohort, round: round, deadline: deadline)
        // A Poisson draw may be empty; the round then releases noise alone, as the accountant assumes.
        return [invitation] + (cohort.isEmpty ? close() : [])
    }

    private mutating func offer(_ client: Int, _ round: Int) -> [RoundAction] {
        guard round == self.round else { return [.refuse(client: client, .wrongRound)] }
        switch standing[client] {
        case nil: return [.refuse(client: client, .notInvited)]
        case .accepted: return [.refuse(client: client, .duplicate)]
        case .gaveUp: return [.refuse(client: client, .gaveUp)]
        case .invited:
            guard phase == .collecting else { return [.refuse(client: client, .closed)] }
            standing[client] = .accepted
            outstanding -= 1
            accepted.append(client)
            return [.accept(client: client)] + closeIfComplete()
        }
    }

    /// Closes when the target is reached or nobody is left to wait for.
    private mutating func closeIfComplete() -> [RoundAction] {
        if let target = rules.target, accepted.count >= target { return close() }
        return outstanding > 0 ? [] : close()
    }

    private mutating func close() -> [RoundAction] {
        let share = RoundBinding.survivors(share: rules.minimumShare, of: standing.count)
        let required = max(rules.minimumReports, share)
        guard accepted.count >= required else {
            return abandon(.tooFewReports(received: accepted.count, required: required))
        }
        return rules.chargesBeforeSum ? advance(to: .charging, .requireCharge(round: round)) : requireSum()
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
        if abandonedInARow >= rules.abandonLimit { return .abandonedTooOften }
        return nil
    }

    private mutating func finish(_ reason: FinishReason) -> [RoundAction] {
        phase = .finished
        return [.finished(reason)]
    }
}
