internal import Compute
internal import Cryptography
internal import Custody
internal import Datasets
internal import Federation
internal import Learning

/// An asynchronous federation over the virtual clock: clients that train all the time, each from the model that was the
/// newest when it began, and the buffer of their updates.
///
/// When a client is done is known when it begins. It is trained only when its update is due, with others that are due
/// soon, so that all workers have work; the models that it may have begun with are kept as long.
final class BufferedRounds {
    /// What has to be kept between steps to go on.
    struct Memory: Equatable, Sendable {
        var engine: BufferedEngine.Memory
        /// The models that clients train from, by their version.
        var models: [Int: [Float]]
    }

    /// What a full buffer leaves behind.
    struct Outcome {
        /// Virtual time of the last update.
        var closedAt: Instant
        /// The engine's actions from there on: the sum, or the end of the run.
        var actions: [RoundAction] = []
        /// Clients in the buffer and their results, ascending by client.
        var results: [(client: Int, result: ClientResult)] = []
        /// Their updates, in the same order.
        var reports: [BufferedReport] = []
        /// Clients that began, whose updates were dropped, and why others had none.
        var begun = 0
        var dropped = 0
        var failures: [String: Int] = [:]
        /// Published models that the buffer's updates lie behind.
        var staleness: [Int] = []
    }

    /// A client's answer on the virtual clock.
    private struct Arrival {
        let at: Instant
        /// Whether it never comes: the client is waited for until then.
        let isMissed: Bool
    }

    /// Updates of clients that are trained, in the buffer or on the way.
    let kept: KeptReports
    private(set) var engine: BufferedEngine
    private let setup: SimulationSetup
    private let training: FleetTraining
    private let journal: any SimulationJournal
    private var arrivals: [Int: Arrival] = [:]
    private var results: [Int: ClientResult] = [:]
    /// By version; those that somebody trains from.
    private var models: [Int: [Float]] = [:]

    /// Before the first step, or where `memory` was kept; nil where the plan has rounds.
    init?(_ training: FleetTraining, journal: any SimulationJournal, from memory: Memory?) {
        guard let rules = BufferedEngine.Rules(training.setup.plan) else { return nil }
        (self.training, self.journal) = (training, journal)
        setup = training.setup
        kept = KeptReports(form: setup.plan.individualForm)
        guard let memory else {
            engine = BufferedEngine(rules: rules)
            return
        }
        engine = BufferedEngine(rules: rules, memory.engine)
        models = memory.models
        for assignment in engine.inFlight.values { arrivals[assignment.client] = arrival(of: assignment) }
    }

    /// What to keep between steps.
    var memory: Memory { Memory(engine: engine.memory, models: models) }

    /// Takes the news of a step that the engine asked for.
    func handle(_ event: RoundEvent) -> [RoundAction] { engine.handle(event) }

    // MARK: One step

    /// Plays from `now` until the buffer is full, or nobody is left who could fill it. `model` is the newest.
    func collect(at start: Instant, model: GlobalModel, _ shared: SharedRound) throws -> Outcome {
        models[engine.published] = model.parameters.values
        var outcome = Outcome(closedAt: start)
        var inBuffer: [Int: ClientResult] = [:]
        while engine.phase == .collecting {
            var next = nextArrival()
            if next.map({ $0.arrival.at > outcome.closedAt }) ?? true {
                // Places are filled when all that happens at one instant has happened.
                outcome.begun += try fill(at: outcome.closedAt)
                next = nextArrival()
            }
            guard let (client, arrival) = next else {
                outcome.actions = engine.handle(.stop(.tooFewClients))
                break
            }
            outcome.closedAt = arrival.at
            if arrival.isMissed {
                for late in engine.expire(at: arrival.at) { forget(late) }
            } else if isTooStale(client) {
                outcome.dropped += 1
                offer(client, &outcome)
                forget(client)
            } else {
                let result = result(of: client, model, shared)
                if let failure = result.failure {
                    outcome.failures[failure, default: 0] += 1
                    _ = engine.giveUp(client: client, round: engine.inFlight[client]?.round ?? 0)
                } else {
                    offer(client, &outcome)
                    inBuffer[client] = result
                }
                (arrivals[client], results[client]) = (nil, nil)
            }
        }
        take(inBuffer, into: &outcome)
        return outcome
    }

    /// The step is over: models that nobody may use any more are forgotten.
    func endStep() {
        let oldest = engine.published - engine.rules.maximalStaleness
        let versions = Set(engine.inFlight.values.map(\.version).filter { $0 >= oldest })
        models = models.filter { versions.contains($0.key) }
    }

    private func take(_ inBuffer: [Int: ClientResult], into outcome: inout Outcome) {
        let entries = engine.buffer.values.sorted { $0.client < $1.client }
        let clients = entries.map(\.client)
        outcome.results = clients.compactMap { client in inBuffer[client].map { (client, $0) } }
        outcome.staleness = entries.map(\.staleness)
        let reports = kept.reports(of: clients)
        precondition(reports.count == entries.count && outcome.results.count == entries.count)
        outcome.reports = zip(zip(reports, entries), outcome.results).map {
            BufferedReport($0.0, weight: $1.result.weight, staleness: $0.1.staleness)
        }
        kept.forget(clients)
    }

    private func nextArrival() -> (client: Int, arrival: Arrival)? {
        arrivals.min { ($0.value.at, $0.key) < ($1.value.at, $1.key) }.map { ($0.key, $0.value) }
    }

    private func isTooStale(_ client: Int) -> Bool {
        engine.staleness(of: client).map { $0 > engine.rules.maximalStaleness } ?? true
    }

    private func offer(_ client: Int, _ outcome: inout Outcome) {
        guard let round = engine.inFlight[client]?.round else { return }
        if case .accepted(let then) = engine.offer(client: client, round: round) { outcome.actions = then }
    }

    private func forget(_ client: Int) {
        (arrivals[client], results[client]) = (nil, nil)
        kept.forget([client])
    }

    // MARK: Clients

    /// Draws clients for the free places: from the seed in a rehearsal, under the run's secret key otherwise.
    private func fill(at now: Instant) throws -> Int {
        let everyone = Candidates.roster(count: setup.partition.clientCount)
        let begun: [BufferedEngine.Assignment]
        switch setup.noise {
        case .seeded:
            var generator = SeededGenerator(seed: setup.seed, purpose: .cohort, round: engine.wave + 1)
            begun = engine.fill(from: everyone, at: now, using: &generator)
        case .secure:
            var secret = try journal.cohortGenerator(round: engine.wave + 1)
            begun = engine.fill(from: everyone, at: now, using: &secret)
            guard !secret.hasFailed else { throw CryptographyError.randomnessUnavailable }
        }
        for assignment in begun { arrivals[assignment.client] = arrival(of: assignment) }
        return begun.count
    }

    private func arrival(of assignment: BufferedEngine.Assignment) -> Arrival {
        let plan = setup.plan
        let outcome = setup.faults.outcome(
            seed: setup.seed, client: assignment.client, round: assignment.wave,
            work: setup.partition[assignment.client].count * plan.training.epochs,
            bytesUp: plan.reportBytes, bytesDown: plan.downloadBytes(published: assignment.version))
        if case .reports(let seconds) = outcome {
            let at = assignment.at.advanced(bySeconds: seconds)
            if at < assignment.deadline { return Arrival(at: at, isMissed: false) }
        }
        return Arrival(at: assignment.deadline, isMissed: true)
    }

    /// A client's result: trained now, with those whose updates are due next, if it is not.
    private func result(of client: Int, _ model: GlobalModel, _ shared: SharedRound) -> ClientResult {
        if let result = results[client] { return result }
        let due = arrivals.filter { !$0.value.isMissed && results[$0.key] == nil && !isTooStale($0.key) }
            .sorted { ($0.value.at, $0.key) < ($1.value.at, $1.key) }
            .prefix(engine.rules.buffer).map(\.key)
        let orders = due.compactMap { client -> FleetTraining.Order? in
            guard let assignment = engine.inFlight[client], let start = models[assignment.version] else {
                return nil
            }
            return FleetTraining.Order(client: client, round: assignment.round, model: start)
        }
        for (order, result) in zip(orders, training.train(orders, shared, model: model)) {
            results[order.client] = result
        }
        guard let result = results[client] else {
            preconditionFailure("a client whose model was forgotten")
        }
        return result
    }
}
