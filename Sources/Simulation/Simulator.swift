package import Compute
internal import Custody
internal import Cryptography
package import Datasets
internal import Encoding
package import Federation
internal import Foundation
package import Learning
internal import Operations
internal import Privacy
internal import SecureAggregation

/// What a simulation runs on, resolved and loaded.
package struct SimulationSetup: Sendable {
    package var plan: TaskPlan
    package var training: Examples
    /// The server's hold-out; nil where the scenario has none.
    package var holdout: Examples?
    package var partition: Partition
    package var seed: UInt64
    package var faults: FleetModel
    package var workers: Int
    package var noise: NoiseOrigin
    /// Whether reports are really masked, or their integers summed as they are (`--secagg`).
    package var masks = false
    /// What each client keeps from training; nil: nothing.
    package var clientHoldout: Partition?
    /// What some of the clients do to harm the model; nil: all are honest.
    package var attack: AttackConfiguration?
    /// One unit of the targets that are learnt, in the unit of the data.
    package var targetScale = 1.0
    /// Clients whose updates are made up for an audit; nil outside of one.
    var canaries: CanaryFleet?

    /// A setup of these parts, without masks.
    package init(
        plan: TaskPlan, training: Examples, holdout: Examples?, partition: Partition, seed: UInt64,
        faults: FleetModel, workers: Int, noise: NoiseOrigin, masks: Bool = false
    ) {
        (self.plan, self.training, self.holdout, self.partition) = (plan, training, holdout, partition)
        (self.seed, self.faults, self.workers) = (seed, faults, workers)
        (self.noise, self.masks) = (noise, masks)
    }
}

/// Who is told of a running simulation, and may stop it between rounds.
package protocol SimulationObserver: AnyObject {
    /// A round is done, published or abandoned.
    func roundEnded(_ record: RoundRecord, of rounds: Int)
    /// Something is wrong with the run, in one line; said once.
    func warned(_ warning: String)
    /// Asked after every round.
    var wantsToStop: Bool { get }
}

/// Runs a federation on one machine: the round engine, the client sessions and the update pipeline of the
/// deployed system, stepped over a virtual clock.
package final class Simulator {
    /// Everything that a run needs to go on after an interruption.
    package struct Progress: Sendable {
        package var parameters: ParameterVector
        package var optimizerState = OptimizerState()
        /// L2 bound of the coming round's updates; nil before the first round.
        package var clippingNorm: Double?
        /// Clients that the present participation window has had, where there is one.
        package var participants: Set<Int> = []
        /// Who was in which charged rounds, where the plan bounds that.
        package var attendance = Attendance()
        package var round = 0
        package var published = 0
        package var charged = 0
        package var virtualTime = Instant(nanoseconds: 0)
        package var clientsTrained = 0
        package var examplesTrained = 0
        package var records: [RoundRecord] = []
        /// Published rounds that each client's report was in; empty before the first, and where a checkpoint of an
        /// earlier version does not say.
        package var participation: [Int32] = []
        package var finished: FinishReason?
        /// Who trains, and what from, in an asynchronous task; nil before its first step, and where there are rounds.
        var buffered: BufferedRounds.Memory?
    }

    package private(set) var progress: Progress
    /// Whether training diverges, and why rounds fail.
    package private(set) var watch: DivergenceWatch
    private let setup: SimulationSetup
    private let plan: TaskPlan
    private let targetScale: Double
    private var engine: RoundEngine
    private let release: SimulatedRelease
    private let pool: WorkerPool<ClientWorker>
    private let training: FleetTraining
    /// Clients that train all the time; nil where there are rounds.
    private let buffered: BufferedRounds?
    private let evaluator: HoldoutEvaluator?
    private let journal: any SimulationJournal
    /// What clients keep between rounds; nil where they keep nothing.
    let memory: ClientMemoryFile?
    private let hostile: HostileFleet?
    /// Those of the newest model, where it was the last thing to be evaluated.
    private var lastMetrics: EvaluationMetrics?

    /// A run from the start, or from where `progress` stood.
    package init(_ setup: SimulationSetup, journal: any SimulationJournal, from progress: Progress? = nil)
        throws
    {
        self.setup = setup
        plan = setup.plan
        targetScale = setup.targetScale
        watch = DivergenceWatch(setup)
        self.journal = journal
        memory = try journal.clientMemory(setup.plan)
        let progress = progress ?? Progress(parameters: plan.model.initialParameters(seed: setup.seed))
        self.progress = progress
        engine = RoundEngine(
            rules: plan.rules, round: progress.round, published: progress.published,
            charged: progress.charged, participants: progress.participants,
            attendance: progress.attendance)
        hostile = try setup.attack.map { try HostileFleet($0, setup) }
        pool = WorkerPool(workers: setup.workers) {
            ClientWorker(
                plan: setup.plan, masks: setup.masks,
                replacesUpdates: setup.attack != nil || setup.canaries != nil)
        }
        training = FleetTraining(setup: setup, pool: pool, memory: memory)
        buffered = BufferedRounds(training, journal: journal, from: progress.buffered)
        let model = try GlobalModel(
            parameters: progress.parameters, optimizerState: progress.optimizerState,
            clippingNorm: progress.clippingNorm, published: progress.published, plan: plan)
        release = SimulatedRelease(setup, model: model, pool: pool, journal: journal)
        evaluator = try setup.holdout.map {
            try HoldoutEvaluator(
                model: setup.plan.model, options: setup.plan.training, holdout: $0, workers: setup.workers)
        }
    }

    /// Plays rounds until the engine has finished or the observer wants to stop; says why it ended, nil when it
    /// was stopped between rounds and can go on.
    package func run(_ observer: (any SimulationObserver)? = nil) throws -> FinishReason? {
        while progress.finished == nil {
            let said = watch.warnings.count
            try playRound()
            for warning in watch.warnings.dropFirst(said) { observer?.warned(warning) }
            if let record = progress.records.last { observer?.roundEnded(record, of: plan.rules.rounds) }
            if progress.finished == nil, observer?.wantsToStop == true { return nil }
        }
        return progress.finished
    }

    /// How the newest model does on the server's hold-out; nil where the plan does not evaluate there.
    package func finalMetrics() -> EvaluationMetrics? {
        guard plan.configuration.holdout == .server else { return nil }
        return lastMetrics ?? evaluator?.evaluate(model.parameters)
    }

    /// How many clients are hostile, and how often the newest model takes the server's hold-out with the attack's pattern for what
    /// it wants; the rate is nil where there is no back door or no hold-out.
    package func attackOutcome() throws -> (hostile: Int, successRate: Double?)? {
        guard let hostile else { return nil }
        let probe = setup.holdout.flatMap { hostile.attack.trigger?.probe($0) }
        let rate = try probe.map {
            try HoldoutEvaluator(
                model: plan.model, options: plan.training, holdout: $0, workers: setup.workers
            ).evaluate(model.parameters)
        }
        return (hostile.clients.count, rate?.accuracy)
    }

    private var model: GlobalModel { release.model }

    // MARK: One round

    private func playRound() throws {
        if let buffered { return try playStep(buffered) }
        let began = ContinuousClock.now
        let round = progress.round + 1
        let invitation: Invitation
        var actions: [RoundAction]
        switch try openRound(round) {
        case .declined(let then):
            try conclude(then, RoundTally(), seconds: 0, round: round)
            return
        case .invited(let cohort, let then): (invitation, actions) = (cohort, then)
        }
        let (invited, number) = (invitation.clients, invitation.round)
        for worker in pool.states { worker.beginRound() }
        setup.canaries?.watch?.beginRound()
        let masking = try masking(invitation, &actions)
        var shared = try SharedRound(
            number: number, rotation: plan.rotation(seed: setup.seed, round: number), masking: masking,
            share: plan.privacy?.clientNoise(members: invited.count), members: invited.count,
            noise: NoiseAhead(plan: plan, origin: setup.noise, round: number))
        shared.attack = hostile.map { HostileRound($0, round: number) }
        if plan.maskingGroups > 1 {
            let groups = GroupedRound(plan).groups(of: invited, seed: setup.seed, round: number)
            if masking == nil {
                shared.groups = GroupedSums(groups, count: plan.report.count, bits: plan.codec.bits)
            }
        } else if plan.robust != nil {
            shared.kept = KeptReports(form: plan.individualForm)
        }
        let outcome = collect(invitation, actions, shared)
        try memory?.accept(outcome.results.map(\.client))
        engine = outcome.engine
        // On a schedule nothing of the round shows before, nor after.
        progress.virtualTime = invitation.publication ?? outcome.closedAt
        actions = outcome.actions
        try completeRound(&actions, outcome.results, shared)
        let seconds = began.secondsToNow
        try conclude(
            actions, RoundTally(selected: invited.count, reported: outcome.results.count),
            diagnostics: RoundDiagnostics(round: number, outcome.results, failures: outcome.failures),
            seconds: seconds, round: number)
    }

    /// A step of an asynchronous task: until the buffer is full, then as any round.
    private func playStep(_ buffered: BufferedRounds) throws {
        let began = ContinuousClock.now
        let number = progress.round + 1
        let members = buffered.engine.rules.buffer
        var shared = try SharedRound(
            number: number, rotation: nil, masking: nil,
            share: plan.privacy?.clientNoise(members: members), members: members,
            noise: NoiseAhead(plan: plan, origin: setup.noise, round: number), kept: buffered.kept)
        let outcome = try buffered.collect(at: progress.virtualTime, model: model, shared)
        progress.virtualTime = outcome.closedAt
        shared.buffered = outcome.reports
        var actions = outcome.actions
        try completeRound(&actions, outcome.results, shared)
        buffered.endStep()
        try conclude(
            actions, RoundTally(outcome),
            diagnostics: RoundDiagnostics(round: number, outcome.results, failures: outcome.failures),
            seconds: began.secondsToNow, round: number)
    }

    /// Plays the round until its collection closes. `actions` are those of its opening: they are not empty where nobody
    /// is waited for.
    private func collect(
        _ invitation: Invitation, _ actions: [RoundAction], _ shared: SharedRound
    ) -> RoundExecution.Outcome {
        if engine.phase != .collecting || (setup.masks && shared.masking == nil) {
            // Noise alone is released, or members that could not be masked did not train.
            var engine = engine
            let closing = actions + engine.tick(at: invitation.deadline)
            return RoundExecution.Outcome(
                engine: engine, closedAt: invitation.opened, actions: closing, results: [], failures: [:])
        }
        let execution = RoundExecution(invitation) { client in
            if setup.canaries?.absent.contains(client) == true { return .dropsOut }
            return setup.faults.outcome(
                seed: setup.seed, client: client, round: invitation.round,
                work: setup.partition[client].count
                    * (plan.training.epochs + (plan.personalTraining?.epochs ?? 0)),
                bytesUp: plan.reportBytes,
                bytesDown: plan.downloadBytes(published: progress.published))
        }
        return execution.play(engine) { clients in
            shared.attack?.serve(clients) { train($0, shared) } ?? train(clients, shared)
        }
    }

    private func train(_ clients: [Int], _ shared: SharedRound) -> [ClientResult] {
        let start = model.parameters.values
        return training.train(
            clients.map { FleetTraining.Order(client: $0, round: shared.number, model: start) }, shared,
            model: model)
    }

    /// The cohort: drawn from the seed in a rehearsal, under the run's secret key otherwise, because amplification
    /// by sampling holds only for a secret draw.
    private func openRound(_ round: Int) throws -> OpeningVerdict {
        let everyone = Candidates.roster(count: setup.partition.clientCount)
        switch setup.noise {
        case .seeded:
            var generator = SeededGenerator(seed: setup.seed, purpose: .cohort, round: round)
            return engine.open(everyone, at: progress.virtualTime, using: &generator)
        case .secure:
            var secret = try journal.cohortGenerator(round: round)
            let verdict = engine.open(everyone, at: progress.virtualTime, using: &secret)
            guard !secret.hasFailed else { throw CryptographyError.randomnessUnavailable }
            return verdict
        }
    }

    /// Carries the engine's steps out until it asks for none.
    private func completeRound(
        _ actions: inout [RoundAction], _ results: [(client: Int, result: ClientResult)],
        _ shared: SharedRound
    ) throws {
        release.begin(shared)
        var completion = RoundCompletion<SimulatedRelease>(plan)
        while let action = actions.first,
            let event = try completion.carryOut(action, charged: standing.charged, over: release)
        {
            if case .published = event {
                count(results)
            }
            actions = buffered.map { $0.handle(event) } ?? engine.handle(event)
        }
    }

    /// The last round that was opened, or step that was ended, and how many were published and charged.
    private var standing: (round: Int, published: Int, charged: Int) {
        guard let engine = buffered?.engine else {
            return (engine.round, engine.published, engine.charged)
        }
        return (engine.round - 1, engine.published, engine.charged)
    }

    /// Counts the reports of a published round.
    private func count(_ results: [(client: Int, result: ClientResult)]) {
        progress.clientsTrained += results.count
        progress.examplesTrained += results.reduce(0) { $0 + $1.result.examples }
        if progress.published == 0, progress.participation.isEmpty {
            progress.participation = [Int32](repeating: 0, count: setup.partition.clientCount)
        }
        guard !progress.participation.isEmpty else { return }
        for (client, _) in results { progress.participation[client] += 1 }
    }

    /// The masks of a round, where asked for. Throws where the cohort is too small for its rates; on a schedule the
    /// round is lost then, which shows at its deadline.
    private func masking(
        _ invitation: Invitation, _ actions: inout [RoundAction]
    ) throws -> MaskedRound? {
        guard setup.masks else { return nil }
        do {
            return try MaskedRound(
                invited: invitation.clients, plan: plan, seed: setup.seed, round: invitation.round,
                model: model.parameters.values, threads: setup.workers)
        } catch let error as SecureAggregationError where plan.rules.schedule != nil {
            actions += engine.handle(.failed("secure aggregation: \(error)"))
            return nil
        }
    }

    private func conclude(
        _ actions: [RoundAction], _ tally: RoundTally, diagnostics: RoundDiagnostics? = nil,
        seconds: Double, round: Int
    ) throws {
        var abandoned: String?
        for action in actions {
            if case .abandoned(_, let reason) = action {
                abandoned = reason.text
                try journal.abandon(round: round, reason: reason.text)
            }
            if case .finished(let reason) = action { progress.finished = reason }
        }
        // The model that the round started from.
        let bytesDown = plan.downloadBytes(published: progress.published)
        // Not where the engine finished instead.
        let standing = standing
        let wasOpened = standing.round > progress.round
        (progress.round, progress.published) = (standing.round, standing.published)
        progress.charged = standing.charged
        progress.parameters = model.parameters
        progress.optimizerState = model.optimizerState
        progress.clippingNorm = model.clippingNorm
        progress.participants = engine.participants
        progress.attendance = engine.attendance
        progress.buffered = buffered?.memory
        guard wasOpened else {
            watch.count(diagnostics?.failures ?? [:])
            return
        }
        // Before the record: the checkpoint that may follow it ends the round for good.
        if let diagnostics { journal.diagnose(diagnostics) }
        var record = RoundRecord(
            round: round, accuracy: nil, loss: nil, epsilon: try journal.epsilon(charged: standing.charged),
            epsilonServer: try journal.epsilonServer(charged: standing.charged),
            epsilonMembers: try journal.epsilonMembers(charged: standing.charged),
            clientsSelected: tally.selected, clientsReported: tally.reported, seconds: seconds,
            evaluationSeconds: 0, bytesUp: tally.sent * plan.reportBytes,
            bytesDown: tally.selected * bytesDown,
            virtualSeconds: progress.virtualTime.seconds, abandoned: abandoned)
        record.take(tally)
        evaluate(&record)
        progress.records.append(record)
        try journal.record(record, progress)
        if let diagnostics { watch.look(at: diagnostics, record) }
    }

    /// Evaluates where the plan says so, and always at the end; reaching the target ends the run.
    private func evaluate(_ record: inout RoundRecord) {
        let configuration = plan.configuration
        if record.abandoned == nil, let metrics = model.metrics {
            // As released with this round: what its clients said of the model that it started from.
            record.accuracy = metrics.accuracy
            record.loss = metrics.loss
        }
        lastMetrics = nil
        let isDue = record.abandoned == nil && standing.published % configuration.evaluateEvery == 0
        guard let evaluator, configuration.holdout == .server, isDue || progress.finished != nil else {
            return
        }
        let began = ContinuousClock.now
        let metrics = evaluator.evaluate(model.parameters)
        lastMetrics = metrics
        record.accuracy = metrics.accuracy
        record.loss = metrics.loss.isFinite ? metrics.loss : nil
        record.take(metrics.inUnit(scale: targetScale))
        record.evaluationSeconds = began.secondsToNow
        if let target = configuration.targetAccuracy, let accuracy = metrics.accuracy, accuracy >= target,
            progress.finished == nil
        {
            progress.finished = .targetReached
        }
    }
}

extension ContinuousClock.Instant {
    /// Seconds since this instant.
    var secondsToNow: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - self).components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
