internal import Cryptography
internal import Encoding
internal import Federation
internal import Learning
internal import Operations
internal import Privacy

/// From the closing of a round to its model: sum → charge → noise → settle → publish. Each step is durable before
/// the next begins and does nothing when it was done before, so that it may be tried again, in this process or
/// the next. The newest model is here, and how the next comes from it.
///
/// The host calls ``mustWait(for:)`` and then ``carryOut(_:)`` with each step that the engine asks for; ``forget()`` ends
/// a round, however it ended.
final class CompletionDesk {
    /// The model of a round whose noisy sum exists: on disk, and shown to nobody before its instant.
    private struct PreparedModel {
        let model: StoredModel
        let movement: ModelMovement
        /// When it is shown; nil: as soon as it can be.
        let shownAt: Instant?
        /// SHA-256 of what the strategy remembers with it.
        let memoryDigest: String
    }

    private let context: DeskContext
    private let state: StateDirectory
    private let ledger: ServerLedger
    private let rounds: RoundDesk
    private let books: BookDesk
    private let reports: ReportDesk
    private let masked: MaskedDesk
    private let schedule: ScheduleDesk
    private var plan: TaskPlan { context.plan }
    /// How the next model comes from the newest.
    private var movement: ModelMovement
    /// The open round's noisy sum, once it is durable.
    private var noisySum: (sum: RingVector, weight: Int)?
    /// The open round's model, once it is durable, until it is shown.
    private var prepared: PreparedModel?

    /// The newest model.
    private(set) var model: StoredModel

    /// A desk without an open round.
    init(
        _ context: DeskContext, _ opening: RunOpening, state: StateDirectory, ledger: ServerLedger,
        rounds: RoundDesk, books: BookDesk, reports: ReportDesk, masked: MaskedDesk, schedule: ScheduleDesk
    ) {
        self.context = context
        model = opening.model
        movement = opening.movement
        self.state = state
        self.ledger = ledger
        self.rounds = rounds
        self.books = books
        self.reports = reports
        self.masked = masked
        self.schedule = schedule
    }

    /// L2 bound of the coming round's updates, in model units.
    var clippingNorm: Double { movement.clippingNorm }

    /// Forgets what was made of a round; what is durable stays so.
    func forget() {
        noisySum = nil
        prepared = nil
    }

    /// Lets agents download the newest model; the one before stays for those who are still at it.
    func offerModel() {
        let model = model
        context.board.change { board in
            board.shownRound = model.round
            board.models[model.round] = model
            for old in board.models.keys.sorted().dropLast(2) { board.models[old] = nil }
        }
    }

    // MARK: What a step waits for

    /// Whether a step has to wait for members of a masked round, or for its instant. What can be done before is done: the
    /// survivors are durable before any member sees them, and a model is made before it is shown. Throws where a write
    /// failed, or a `LedgerError`.
    func mustWait(for step: RoundAction) throws -> Bool {
        if case .requireSum(let number, let survivors) = step, masked.isOpen {
            if masked.takesReports {
                try close(number, survivors)
                masked.closeReports()
            }
            if masked.outcome == nil { return true }
        }
        if case .requirePublication(let number) = step { _ = try prepare(number) }
        return instant(of: step).map { context.instant < $0 } ?? false
    }

    /// When a step may be taken, where that follows a schedule; nil: at once.
    func instant(of step: RoundAction) -> Instant? {
        switch step {
        case .requirePublication: prepared?.shownAt
        // A run ends where its last round ends, also one that was abandoned early.
        case .finished: schedule.endOfLastRound
        case .requireSum, .requireCharge, .requireNoise, .requireSettlement, .abandoned: nil
        }
    }

    // MARK: The steps

    /// Carries a step out and returns the engine's news of it; nil for the ends of a round and of the run, which are the
    /// host's. Throws where a write failed, or a `LedgerError`.
    func carryOut(_ step: RoundAction) throws -> RoundEvent? {
        switch step {
        case .requireSum(let number, let survivors): return try finishSum(number, survivors)
        case .requireCharge(let number):
            try ledger.charge(round: number, charge: rounds.charged + 1)
            return .charged
        case .requireNoise(let number):
            try makeNoisySum(number)
            return .noised
        case .requireSettlement(let number, let survivors):
            guard let digest = rounds.file?.noisySumSHA256 else {
                throw Failure(.internalFault, "round \(number) has no noisy sum")
            }
            try ledger.settle(
                round: number, charge: rounds.charged, survivors: survivors, noisySumDigest: digest)
            return .settled
        case .requirePublication(let number):
            try publish(number)
            return .published
        case .abandoned, .finished: return nil
        }
    }

    /// The exact sum of the survivors' reports; of a masked round as the protocol opened it, or that there is none.
    private func finishSum(_ number: Int, _ survivors: [Int]) throws -> RoundEvent {
        guard plan.masksReports else {
            try close(number, survivors)
            return .summed
        }
        switch masked.outcome {
        case .sum(let sum)?:
            reports.adopt(sum, weight: survivors.count)
            return .summed
        case .lost(let reason)?: return .failed("secure aggregation: \(reason)")
        case nil:
            // After a restart: the noisy sum is on disk, or the round would have been abandoned.
            guard try state.hasNoisySum(number, count: plan.reportDimension, bits: plan.codec.bits) else {
                return .failed("the server was restarted")
            }
            try close(number, survivors)
            return .summed
        }
    }

    /// Fixes the survivors, durably: from here on exactly these are in the sum.
    private func close(_ number: Int, _ survivors: [Int]) throws {
        guard var file = rounds.file else { return }
        // What was accepted must be found again before the file says that it is in the sum.
        try reports.makeDurable()
        reports.trimMemory()
        file.state = .closed
        file.survivors = survivors
        try state.write(file)
        rounds.keep(file)
        context.boardChanged()
        context.statusChanged()
    }

    /// Draws the noise once; a noisy sum that exists is used byte for byte.
    private func makeNoisySum(_ number: Int) throws {
        if noisySum == nil {
            noisySum = try state.noisySum(number, count: plan.reportDimension, bits: plan.codec.bits)
        }
        if noisySum == nil {
            let sum = try drawNoisySum(number)
            try state.writeNoisySum(number, sum, weight: reports.weight)
            noisySum = (sum, reports.weight)
        }
        // The sum is durable: the individual reports are not needed any more, nor the exact sum, and nobody shall
        // have them.
        reports.release()
        try reports.removeReports(of: number)
        guard var file = rounds.file else { return }
        file.noisySumSHA256 = try noisySum.map { try Hash.text(packed: $0.sum) }
        rounds.keep(file)
    }

    /// The exact sum and the server's noise, where it adds any. The exact sum stays as it is until the noisy one is
    /// durable: whatever fails before is done again.
    private func drawNoisySum(_ number: Int) throws -> RingVector {
        var sum = reports.sum
        if let privacy = plan.privacy, privacy.tree != nil {
            let key = try treeNoiseKey()
            try privacy.addTreeNoise(to: &sum, step: rounds.charged) { step in
                try TreeNoiseSource(key: key.bytes, step: step)
            }
        } else if let privacy = plan.privacy, privacy.configuration.mode == .central {
            var source = try SecureNoiseSource()
            try privacy.addCentralNoise(to: &sum, from: &source)
        } else if let privacy = plan.privacy, privacy.noiseFollowsMembers {
            guard let members = masked.memberCount, let survivors = rounds.file?.survivors.count else {
                throw Failure(.internalFault, "round \(number) has no members")
            }
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
        guard books.run.treeNoiseSHA256 == nil, rounds.charged <= 1 || (rounds.charged - 1) % leaves == 0
        else {
            throw Failure(
                .storage,
                "\(state.treeNoisePath): missing, and the noise of earlier rounds with it; "
                    + "restore it from a backup")
        }
        let key = try SecretBytes.random(count: TreeNoiseSource.keyByteCount)
        let digest = try key.withUnsafeBytes { bytes in
            try state.writeTreeNoiseKey(Array(bytes))
            return try Hash.text(Array(bytes))
        }
        books.note { $0.treeNoiseSHA256 = digest }
        return SharedSecret(key)
    }

    /// The round's model, made once: on disk, and shown to nobody yet.
    private func prepare(_ number: Int) throws -> PreparedModel {
        if let prepared, prepared.model.round == number { return prepared }
        guard let noisySum, let file = rounds.file else {
            throw Failure(.internalFault, "a round without its sum")
        }
        var next = movement
        let mean = next.advance(
            noisySum: noisySum.sum, weight: noisySum.weight,
            rotation: try plan.rotation(seed: books.run.seed, round: number))
        let memoryHash = try RunningHash()
        let digest = try writeNextModel(number, mean, next, memoryHash)
        let made = PreparedModel(
            model: try StoredModel(number, digest: digest, in: state, layout: plan.model.layout),
            movement: next, shownAt: schedule.showing(file), memoryDigest: try memoryHash.text())
        prepared = made
        return made
    }

    /// Writes the model of a round from the one before, piece by piece, and returns its digest.
    private func writeNextModel(
        _ number: Int, _ mean: MeanUpdate, _ movement: ModelMovement, _ memoryHash: RunningHash
    ) throws -> String {
        let memory = movement.remembers ? try state.memory(model.round, count: plan.dimension) : nil
        var scratch: [Float] = []
        return try state.writeModel(
            number, head: context.setup.modelHead(round: number), count: plan.dimension,
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

    private func publish(_ number: Int) throws {
        let next = try prepare(number)
        guard var file = rounds.file else { throw Failure(.internalFault, "a round without its file") }
        let (digest, metrics) = (next.model.digest, next.movement.metrics)
        try ledger.release(round: number, modelDigest: digest)
        file.state = .published
        file.modelSHA256 = digest
        file.publication = next.shownAt?.seconds
        file.seconds = schedule.seconds(of: file, until: next.shownAt?.seconds)
        file.accuracy = Self.finite(metrics?.accuracy)
        file.loss = Self.finite(metrics?.loss)
        file.examplesPerClient = Self.finite(metrics?.examples)
        file.epsilon = Self.finite(try? ledger.spent(rounds: rounds.charged))
        file.epsilonServer = Self.finite(try? ledger.spentAgainstServer(rounds: rounds.charged))
        file.epsilonMembers = Self.finite(try? ledger.spentAgainstMembers(rounds: rounds.charged))
        file.epsilonExample = Self.finite(try? ledger.spentByExample(rounds: rounds.charged))
        try state.write(file)
        try state.writeLatest(number)
        (model, movement) = (next.model, next.movement)
        books.note { run in
            run.modelRound = number
            run.modelSHA256 = digest
            run.memorySHA256 = next.memoryDigest
        }
        rounds.keep(file)
        offerModel()
    }

    private static func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }

    // MARK: The other end of a round

    /// Ends a round that releases nothing, durably, and returns its file as it is then. Its charge, if it has one, stays,
    /// and its number is never used again. Throws where a write failed, or a `LedgerError`.
    func abandon(_ open: RoundFile, because reason: String) throws -> RoundFile {
        var file = open
        try ledger.abandon(round: file.round, reason: reason)
        file.state = .abandoned
        file.abandoned = reason
        file.isCharged = ledger.isCharged(file.round)
        file.seconds = schedule.seconds(of: file, until: file.publication)
        try state.write(file)
        return file
    }
}
