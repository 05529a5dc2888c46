internal import Cryptography
internal import Encoding
internal import Federation
internal import Foundation
internal import Learning
internal import Messages
internal import Operations
internal import Privacy
internal import Transport

/// The model of a round whose noisy sum exists: on disk, and shown to nobody before its instant.
struct PreparedModel {
    let model: StoredModel
    let movement: ModelMovement
    /// When it is shown; nil: as soon as it can be.
    let shownAt: Instant?
    /// SHA-256 of what the strategy remembers with it.
    let memoryDigest: String
}

/// From the closing of a round to its model: sum → charge → noise → settle → publish. Each step is durable before
/// the next begins and does nothing when it was done before, so that it may be tried again, in this process or
/// the next.
extension RoundOwner {
    /// Seconds until a failed step is tried again.
    private static let retrySeconds = 5.0

    /// Whether an action has to wait for its instant; a model is made before it.
    private func waitsForSchedule(_ action: RoundAction) throws -> Bool {
        if case .requirePublication(let number) = action { _ = try prepare(number) }
        return scheduledStep.map { instant < $0 } ?? false
    }

    /// When the first step that is due may be taken, where that follows a schedule.
    var scheduledStep: Instant? {
        switch pending.first {
        case .requirePublication?: prepared?.shownAt
        // A run ends where its last round ends, also one that was abandoned early.
        case .finished?: schedule.endOfLastRound
        case .requireSum?, .requireCharge?, .requireNoise?, .requireSettlement?, .abandoned?, nil: nil
        }
    }

    /// Seconds until a round may open by the schedule; nil where none does.
    var secondsToOpening: Double? {
        guard engine.phase == .idle, !isFinished else { return nil }
        return schedule.secondsToOpening(nextAttempt: stalls.nextAttempt)
    }

    /// Carries out the steps that are due, until none is left or one fails and has to be tried again.
    func advance() {
        while isStepDue, let action = pending.first, now >= retryAt {
            do {
                guard try !waitsForMembers(action), try !waitsForSchedule(action) else { return }
                let event = try carryOut(action)
                pending.removeFirst()
                guard let event else { continue }
                let actions = engine.handle(event)
                if case .published = event { concludePublished() }
                dispatch(actions)
            } catch let error as LedgerError where !Self.isStorage(error) {
                log.error("the ledger refuses; the round is abandoned", ["error": .text("\(error)")])
                pending = []
                dispatch(engine.handle(.failed("\(error)")))
            } catch {
                storageFailed("complete round \(engine.round)", error)
                retryAt = now + Self.retrySeconds
            }
        }
    }

    /// A ledger that could not be written is opened again; one that says no is obeyed.
    private static func isStorage(_ error: LedgerError) -> Bool {
        if case .failedBefore = error { true } else { false }
    }

    private func carryOut(_ action: RoundAction) throws -> RoundEvent? {
        switch action {
        case .requireSum(let round, let survivors) where plan.masksReports:
            return try concludeMasking(round, survivors)
        case .requireSum(let round, let survivors):
            try close(round, survivors)
            return .summed
        case .requireCharge(let round):
            try ledger.charge(round: round, charge: engine.charged + 1)
            return .charged
        case .requireNoise(let round):
            try makeNoisySum(round)
            return .noised
        case .requireSettlement(let round, let survivors):
            guard let digest = self.round?.noisySumSHA256 else {
                throw Failure(.internalFault, "round \(round) has no noisy sum")
            }
            try ledger.settle(
                round: round, charge: engine.charged, survivors: survivors, noisySumDigest: digest)
            return .settled
        case .requirePublication(let round):
            try publish(round)
            return .published
        case .abandoned(let round, let reason):
            try abandon(round, reason)
            return nil
        case .finished(let reason):
            try finish(reason)
            return nil
        }
    }

    /// Fixes the survivors, durably: from here on exactly these are in the sum.
    func close(_ number: Int, _ survivors: [Int]) throws {
        guard var file = round else { return }
        // What was accepted must be found again before the file says that it is in the sum.
        if !pendingReceipts.isEmpty {
            try spool.synchronise()
            flushReceipts()
        }
        uploadMemory.trim()
        file.state = .closed
        file.survivors = survivors
        try state.write(file)
        round = file
        publishBoard()
        announce()
    }

    /// Draws the noise once; a noisy sum that exists is used byte for byte.
    private func makeNoisySum(_ number: Int) throws {
        if noisySum == nil {
            noisySum = try state.noisySum(number, count: plan.reportDimension, bits: plan.codec.bits)
        }
        if noisySum == nil {
            let sum = try drawNoisySum(number)
            try state.writeNoisySum(number, sum, weight: aggregation.weight)
            noisySum = (sum, aggregation.weight)
        }
        // The sum is durable: the individual reports are not needed any more, nor the exact sum, and nobody shall
        // have them.
        aggregation.release()
        try spool.removeReports(round: number)
        round?.noisySumSHA256 = try noisySum.map { try Hash.text(packed: $0.sum) }
    }

    /// The exact sum and the server's noise, where it adds any. The exact sum stays as it is until the noisy one is
    /// durable: whatever fails before is done again.
    private func drawNoisySum(_ number: Int) throws -> RingVector {
        var sum = aggregation.sum
        if let privacy = plan.privacy, privacy.tree != nil {
            let key = try treeNoiseKey()
            try privacy.addTreeNoise(to: &sum, step: engine.charged) { step in
                try TreeNoiseSource(key: key.bytes, step: step)
            }
        } else if let privacy = plan.privacy, privacy.configuration.mode == .central {
            var source = try SecureNoiseSource()
            try privacy.addCentralNoise(to: &sum, from: &source)
        } else if let privacy = plan.privacy, privacy.noiseFollowsMembers {
            guard let members = masking?.collection.memberCount,
                let survivors = self.round?.survivors.count
            else { throw Failure(.internalFault, "round \(number) has no members") }
            var source = try SecureNoiseSource()
            try privacy.topUp(&sum, members: members, survivors: survivors, from: &source)
        }
        return sum
    }

    /// The key of the noise in trees over rounds, read back or made. The folder is the run's: a key of another run
    /// cannot lie there.
    private func treeNoiseKey() throws -> SharedSecret {
        if let stored = try state.treeNoiseKey() { return SharedSecret(SecretBytes(copying: stored)) }
        let leaves = plan.privacy?.tree?.leaves ?? 1
        guard run.treeNoiseSHA256 == nil, engine.charged <= 1 || (engine.charged - 1) % leaves == 0 else {
            throw Failure(
                .storage,
                "\(state.treeNoisePath): missing, and the noise of earlier rounds with it; "
                    + "restore it from a backup")
        }
        let key = try SecretBytes.random(count: TreeNoiseSource.keyByteCount)
        run.treeNoiseSHA256 = try key.withUnsafeBytes { bytes in
            try state.writeTreeNoiseKey(Array(bytes))
            return try Hash.text(Array(bytes))
        }
        return SharedSecret(key)
    }

    /// The round's model, made once: on disk, and shown to nobody yet.
    func prepare(_ number: Int) throws -> PreparedModel {
        if let prepared, prepared.model.round == number { return prepared }
        guard let noisySum, let file = round else { throw Failure(.internalFault, "a round without its sum") }
        var next = movement
        let mean = next.advance(
            noisySum: noisySum.sum, weight: noisySum.weight,
            rotation: try plan.rotation(seed: run.seed, round: number))
        let memoryHash = try RunningHash()
        let digest = try writeNextModel(number, mean, next, memoryHash)
        let made = PreparedModel(
            model: try StoredModel(number, digest: digest, in: state, layout: plan.model.layout),
            movement: next, shownAt: schedule.showing(file), memoryDigest: try memoryHash.text())
        prepared = made
        return made
    }

    private func publish(_ number: Int) throws {
        let next = try prepare(number)
        guard var file = round else { throw Failure(.internalFault, "a round without its file") }
        let (digest, metrics) = (next.model.digest, next.movement.metrics)
        try ledger.release(round: number, modelDigest: digest)
        file.state = .published
        file.modelSHA256 = digest
        file.publication = next.shownAt?.seconds
        file.seconds = schedule.seconds(of: file, until: next.shownAt?.seconds)
        file.accuracy = finite(metrics?.accuracy)
        file.loss = finite(metrics?.loss)
        file.examplesPerClient = finite(metrics?.examples)
        file.epsilon = finite(try? ledger.spent(rounds: engine.charged))
        file.epsilonServer = finite(try? ledger.spentAgainstServer(rounds: engine.charged))
        file.epsilonMembers = finite(try? ledger.spentAgainstMembers(rounds: engine.charged))
        file.epsilonExample = finite(try? ledger.spentByExample(rounds: engine.charged))
        try state.write(file)
        try state.writeLatest(number)
        (model, movement) = (next.model, next.movement)
        run.modelRound = number
        run.modelSHA256 = digest
        run.memorySHA256 = next.memoryDigest
        round = file
        offer(model)
    }

    /// Writes the model of a round from the one before, piece by piece, and returns its digest.
    private func writeNextModel(
        _ number: Int, _ mean: MeanUpdate, _ movement: ModelMovement, _ memoryHash: RunningHash
    ) throws -> String {
        let memory = movement.remembers ? try state.memory(model.round, count: plan.dimension) : nil
        var scratch: [Float] = []
        return try state.writeModel(
            number, head: setup.modelHead(round: number), count: plan.dimension,
            clippingNorm: movement.clippingNorm, remembers: movement.remembers, memoryHash: memoryHash
        ) { start, parameters, remembered in
            model.copy(from: start, into: parameters)
            memory?.copy(from: start, into: remembered)
            // The first window is the longest.
            if scratch.isEmpty { scratch = [Float](repeating: 0, count: parameters.count) }
            scratch.withUnsafeMutableBufferPointer { scratch in
                movement.apply(mean, from: start, memory: remembered, to: parameters, scratch: scratch)
            }
        }
    }

    /// Keeps the books after a published round and has its model evaluated.
    private func concludePublished() {
        guard let file = round else { return }
        log.info(
            "round published",
            [
                "round": .integer(file.round), "reports": .integer(file.reports.count),
                "epsilon": .number(file.epsilon ?? .infinity),
            ])
        metrics.published(file)
        conclude(file)
        considerEvaluation()
    }

    private func abandon(_ number: Int, _ reason: AbandonReason) throws {
        try ledger.abandon(round: number, reason: reason.text)
        var file =
            round
            ?? RoundFile(
                run: run.run, round: number, state: .abandoned, opened: now, deadline: now, invited: [])
        file.state = .abandoned
        file.abandoned = reason.text
        file.isCharged = ledger.isCharged(number)
        file.seconds = schedule.seconds(of: file, until: file.publication)
        try state.write(file)
        try spool.removeReports(round: number)
        log.warning("round abandoned", ["round": .integer(number), "reason": .text(reason.text)])
        metrics.rounds.increment(labels: ["abandoned"])
        conclude(file)
    }

    /// Puts a concluded round into the books.
    private func conclude(_ file: RoundFile) {
        endMasking()
        aggregation.release()
        noisySum = nil
        prepared = nil
        uploadMemory.trim()
        round = nil
        schedule.follow(file.publication)
        history.append(file)
        if history.count > 1000 { history.removeFirst() }
        run.round = file.round
        run.published = engine.published
        run.charged = engine.charged
        if file.state == .published { run.restoredThrough = nil }
        unbooked = file
        retryAt = 0
        stalls.conclude(file, isStalled: engine.isStalled, history: history)
        publishBoard()
        keepBooks()
        announce()
    }

    /// Writes `run.json` after a concluded round, and only then drops the noisy sum that a replay would need.
    func keepBooks() {
        guard let file = unbooked, now >= retryAt else { return }
        do {
            try state.write(file)
            try keep(run)
            try state.removeNoisySum(file.round)
            try state.keepModels(setup.configuration.modelsKept)
            unbooked = nil
            board.change { $0.isHealthy = true }
        } catch {
            storageFailed("keep the books of round \(file.round)", error)
            retryAt = now + Self.retrySeconds
        }
    }

    /// Books an abandoned round that a crash kept out of them.
    func concludeAgain(_ file: RoundFile) { conclude(file) }

    private func finish(_ reason: FinishReason) throws {
        var ended = run
        ended.finished = reason.rawValue
        ended.isStopping = false
        try keep(ended)
        run = ended
        log.info("run finished", ["reason": .text(reason.rawValue), "published": .integer(run.published)])
        if run.published == 0 {
            log.error("the run published nothing", ["why": .text(stalls.trouble(history) ?? reason.rawValue)])
        }
        publishBoard()
        announce()
    }

    /// Lets agents download a model; the one before stays for those who are still at it.
    func offer(_ model: StoredModel) {
        board.change { board in
            board.shownRound = model.round
            board.models[model.round] = model
            for old in board.models.keys.sorted().dropLast(2) { board.models[old] = nil }
        }
    }

    private func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
}
