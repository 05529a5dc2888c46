/// The state machine of an asynchronous federation, without sockets, tasks or clocks (FedBuff: Nguyen et al. 2022,
/// algorithm 1).
///
/// A fixed number of clients train at any time, each from the model that was the newest when it was assigned. Whoever
/// reports is followed by another client. A step is taken when the buffer is full: sum → charge → noise → settle → publish,
/// with the actions and events of ``RoundEngine``. Between two steps a client's update is in the buffer at most once, and in
/// no more steps of the run than the plan allows.
///
/// Numbers of rounds are those of steps: the first is 1, and one that was abandoned is never used again.
package struct BufferedEngine: Sendable {
    /// What the engine must know of the plan.
    package struct Rules: Equatable, Sendable {
        /// Steps to publish.
        package var steps: Int
        /// Accepted updates that make a step.
        package var buffer: Int
        /// Clients that train at the same time.
        package var concurrency: Int
        /// Updates that are staler are dropped.
        package var maximalStaleness: Int
        /// Charged steps that one client is in at most; nil: no bound.
        package var maximalParticipations: Int?
        /// Seconds from assignment until a client is not waited for any more.
        package var deadlineSeconds: Double
        /// Steps that the privacy budget affords in all; nil: no bound.
        package var affordableSteps: Int?
        /// End after this many abandoned steps in a row.
        package var abandonLimit: Int
    }

    /// A client's order to train.
    package struct Assignment: Equatable, Sendable {
        package let client: Int
        /// Number of the step that was open then: what the client's work is of.
        package let round: Int
        /// Published models then.
        package let version: Int
        /// Number of the draw that the client was in, from 1.
        package let wave: Int
        package let at: Instant
        /// When the client is not waited for any more.
        package let deadline: Instant
    }

    /// An accepted update of the open step.
    package struct Entry: Equatable, Sendable {
        package let client: Int
        /// The round that it was assigned in.
        package let round: Int
        /// Published models between the one that it started from and the newest.
        package let staleness: Int
    }

    /// What became of a client's update.
    package enum Verdict: Equatable, Sendable {
        /// It is in the buffer; carry the actions out then.
        case accepted(then: [RoundAction])
        /// It is too stale: the client is free, and nothing is added.
        case dropped
        /// It does not count, and nothing has changed.
        case refused(ReportRefusal)
    }

    package let rules: Rules
    package private(set) var phase: RoundEngine.Phase = .collecting
    /// Number of the open step.
    package private(set) var round: Int
    /// Steps published so far: the version of the newest model.
    package private(set) var published: Int
    /// Steps whose charge was written, published or not.
    package private(set) var charged: Int
    /// Steps abandoned since the last that was published.
    package private(set) var abandonedInARow = 0
    /// Draws so far.
    package private(set) var wave = 0
    /// Who trains, by client.
    package private(set) var inFlight: [Int: Assignment] = [:]
    /// The open step's updates, by client.
    package private(set) var buffer: [Int: Entry] = [:]
    /// Charged steps that each client was in; empty where there is no bound.
    package private(set) var participations: [Int: Int] = [:]
    /// Clients that were assigned the newest model already.
    package private(set) var served: Set<Int> = []
    private var stopRequest: FinishReason?

    /// Before the first step.
    package init(rules: Rules) {
        self.rules = rules
        (round, published, charged) = (1, 0, 0)
    }

    /// Goes on where ``memory`` was kept, between steps.
    package init(rules: Rules, _ memory: Memory) {
        self.rules = rules
        (round, published, charged) = (memory.round, memory.published, memory.charged)
        (abandonedInARow, wave) = (memory.abandonedInARow, memory.wave)
        inFlight = Dictionary(memory.inFlight.map { ($0.client, $0) }) { first, _ in first }
        participations = rules.maximalParticipations == nil ? [:] : memory.participations
        served = memory.served
    }

    // MARK: Questions, which change nothing

    /// Clients that could be assigned beside those who train.
    package var freePlaces: Int { max(0, rules.concurrency - inFlight.count) }

    /// Whether a client may be assigned the newest model now.
    package func mayBegin(_ client: Int) -> Bool {
        guard inFlight[client] == nil, buffer[client] == nil, !served.contains(client) else { return false }
        guard let most = rules.maximalParticipations else { return true }
        return participations[client, default: 0] < most
    }

    /// Published models between the one that a client trains from and the newest; nil where it does not train.
    package func staleness(of client: Int) -> Int? { inFlight[client].map { published - $0.version } }

    /// Why a client's update of a round would not count now; nil where it would, or would be dropped for its staleness.
    package func refusal(client: Int, round: Int) -> ReportRefusal? {
        if buffer[client]?.round == round { return .duplicate }
        guard let assignment = inFlight[client] else { return .notInvited }
        guard assignment.round == round else { return .wrongRound }
        return phase == .collecting ? nil : .closed
    }

    // MARK: Assigning

    /// Fills the free places with clients drawn among these; ascending. One draw, whose number is the next ``wave``;
    /// `generator` is used for nothing else.
    package mutating func fill(
        from candidates: Candidates, at now: Instant, using generator: inout some RandomNumberGenerator
    ) -> [Assignment] {
        guard phase == .collecting, freePlaces > 0 else { return [] }
        wave += 1
        return draw(min(freePlaces, candidates.count), from: candidates, using: &generator).map {
            assign($0, at: now)
        }
    }

    /// Lets one client begin that asks for work; nil where it may not, or all places are taken.
    package mutating func begin(_ client: Int, at now: Instant) -> Assignment? {
        guard phase == .collecting, freePlaces > 0, mayBegin(client) else { return nil }
        wave += 1
        return assign(client, at: now)
    }

    private mutating func assign(_ client: Int, at now: Instant) -> Assignment {
        let assignment = Assignment(
            client: client, round: round, version: published, wave: wave, at: now,
            deadline: now.advanced(bySeconds: rules.deadlineSeconds))
        inFlight[client] = assignment
        served.insert(client)
        return assignment
    }

    /// Draws that are tried before all candidates are looked at one by one.
    private static let quickDraws = 8

    /// Clients that may begin, uniform over all such sets, ascending. Where nobody is excluded it is a round's very draw.
    private func draw(
        _ wanted: Int, from candidates: Candidates, using generator: inout some RandomNumberGenerator
    ) -> [Int] {
        var chosen: Set<Int> = []
        for _ in 0..<Self.quickDraws where chosen.count < wanted {
            let drawn = CohortSampling.fixedSize(wanted - chosen.count).draw(
                from: candidates, using: &generator)
            chosen.formUnion(drawn.filter(mayBegin))
        }
        if chosen.count < wanted {
            let rest = candidates.all.filter { mayBegin($0) && !chosen.contains($0) }
            let drawn = CohortSampling.fixedSize(wanted - chosen.count).draw(
                from: .present(rest), using: &generator)
            chosen.formUnion(drawn)
        }
        return chosen.sorted()
    }

    // MARK: Collecting

    /// A client offers its update of a round.
    package mutating func offer(client: Int, round: Int) -> Verdict {
        if let refusal = refusal(client: client, round: round) { return .refused(refusal) }
        guard let staleness = staleness(of: client) else { return .refused(.notInvited) }
        inFlight[client] = nil
        guard staleness <= rules.maximalStaleness else { return .dropped }
        buffer[client] = Entry(client: client, round: round, staleness: staleness)
        guard buffer.count >= rules.buffer else { return .accepted(then: []) }
        phase = .summing
        return .accepted(then: [.requireSum(round: self.round, survivors: buffer.keys.sorted())])
    }

    /// A client gives its work up: it is not assigned the same model again.
    package mutating func giveUp(client: Int, round: Int) -> ReportRefusal? {
        if let refusal = refusal(client: client, round: round) { return refusal }
        inFlight[client] = nil
        return nil
    }

    /// Clients that are not waited for any more, ascending: they may be assigned anew.
    package mutating func expire(at now: Instant) -> [Int] {
        let late = inFlight.values.filter { $0.deadline <= now }.map(\.client).sorted()
        for client in late {
            inFlight[client] = nil
            served.remove(client)
        }
        return late
    }

    // MARK: Taking up

    /// A client asks for work anew: what it was at is lost.
    package mutating func withdraw(_ client: Int) { inFlight[client] = nil }

    /// Takes a step up again whose buffer was closed before a restart. Those in it are looked up among who trains.
    package mutating func resume(closedWith survivors: [Int]) -> [RoundAction] {
        guard phase == .collecting else { return [] }
        for client in survivors {
            guard let assignment = inFlight.removeValue(forKey: client) else { continue }
            buffer[client] = Entry(
                client: client, round: assignment.round, staleness: published - assignment.version)
        }
        phase = .summing
        return [.requireSum(round: round, survivors: buffer.keys.sorted())]
    }

    /// Says that the run is over where all steps are done, or the budget is.
    package mutating func finishIfDone() -> [RoundAction] {
        guard phase == .collecting, let reason = reasonToFinish() else { return [] }
        return finish(reason)
    }

    // MARK: Completing

    /// Takes the news that a step is done, that it has failed, or that the run is to end. News that do not fit the phase
    /// change nothing.
    package mutating func handle(_ event: RoundEvent) -> [RoundAction] {
        switch (event, phase) {
        case (.summed, .summing): return advance(to: .charging, .requireCharge(round: round))
        case (.charged, .charging):
            charged += 1
            if rules.maximalParticipations != nil {
                for client in buffer.keys { participations[client, default: 0] += 1 }
            }
            return advance(to: .noising, .requireNoise(round: round))
        case (.noised, .noising):
            return advance(to: .settling, .requireSettlement(round: round, survivors: buffer.count))
        case (.settled, .settling): return advance(to: .publishing, .requirePublication(round: round))
        case (.published, .publishing):
            published += 1
            abandonedInARow = 0
            return nextStep([])
        case (.failed(let what), .collecting), (.failed(let what), .summing), (.failed(let what), .charging),
            (.failed(let what), .noising),
            (.failed(let what), .settling), (.failed(let what), .publishing):
            abandonedInARow += 1
            return nextStep([.abandoned(round: round, .failed(what))])
        case (.stop(let reason), .collecting): return finish(reason)
        case (.stop(let reason), _):
            if phase != .finished { stopRequest = reason }
            return []
        case (.summed, _), (.charged, _), (.noised, _), (.settled, _), (.published, _), (.failed, _):
            return []
        }
    }

    private mutating func advance(to phase: RoundEngine.Phase, _ action: RoundAction) -> [RoundAction] {
        self.phase = phase
        return [action]
    }

    /// The buffer is empty again, and whoever is free may have the newest model.
    private mutating func nextStep(_ actions: [RoundAction]) -> [RoundAction] {
        (buffer, served) = ([:], Set(inFlight.values.filter { $0.version == published }.map(\.client)))
        round += 1
        phase = .collecting
        guard let reason = reasonToFinish() else { return actions }
        return actions + finish(reason)
    }

    private func reasonToFinish() -> FinishReason? {
        if let stopRequest { return stopRequest }
        if published >= rules.steps { return .allRounds }
        if let affordable = rules.affordableSteps, charged >= affordable { return .budget }
        return abandonedInARow >= rules.abandonLimit ? .abandonedTooOften : nil
    }

    private mutating func finish(_ reason: FinishReason) -> [RoundAction] {
        phase = .finished
        return [.finished(reason)]
    }
}

extension BufferedEngine {
    /// What has to be kept between steps to go on: all but the empty buffer.
    package struct Memory: Equatable, Sendable {
        package var round: Int
        package var published: Int
        package var charged: Int
        package var abandonedInARow: Int
        package var wave: Int
        /// Ascending by client.
        package var inFlight: [Assignment]
        package var participations: [Int: Int]
        package var served: Set<Int>

        /// What a file says.
        package init(
            round: Int, published: Int, charged: Int, abandonedInARow: Int, wave: Int,
            inFlight: [Assignment], participations: [Int: Int], served: Set<Int>
        ) {
            (self.round, self.published, self.charged) = (round, published, charged)
            (self.abandonedInARow, self.wave) = (abandonedInARow, wave)
            (self.inFlight, self.participations, self.served) = (inFlight, participations, served)
        }
    }

    /// Asked for between steps, where the buffer is empty.
    package var memory: Memory {
        Memory(
            round: round, published: published, charged: charged, abandonedInARow: abandonedInARow,
            wave: wave, inFlight: inFlight.values.sorted { $0.client < $1.client },
            participations: participations, served: served)
    }
}

extension BufferedEngine.Assignment {
    /// An assignment that a file says.
    package init(client: Int, round: Int, version: Int, wave: Int, at: Instant, deadlineSeconds: Double) {
        (self.client, self.round, self.version, self.wave, self.at) = (client, round, version, wave, at)
        deadline = at.advanced(bySeconds: deadlineSeconds)
    }
}

extension BufferedEngine.Rules {
    /// What the engine must know of a plan; nil where the plan has rounds.
    package init?(_ plan: TaskPlan) {
        guard let asynchronous = plan.configuration.asynchronous else { return nil }
        self.init(
            steps: plan.rules.rounds, buffer: asynchronous.buffer, concurrency: asynchronous.concurrency,
            maximalStaleness: asynchronous.maximalStaleness,
            maximalParticipations: asynchronous.maximalParticipations,
            deadlineSeconds: plan.rules.deadlineSeconds, affordableSteps: plan.rules.affordableRounds,
            abandonLimit: plan.rules.abandonLimit)
    }
}
