internal import Cryptography
internal import Custody
internal import Encoding
internal import Federation
internal import Foundation
internal import Learning
internal import Messages
internal import Operations
internal import Privacy
internal import Transport

/// A model that is on disk, and shown to nobody before its instant.
struct PreparedModel {
    let model: StoredModel
    /// How the next comes from it.
    let serverUpdate: ServerUpdate
    /// When it is shown; nil: as soon as it can be.
    let shownAt: Instant?
    /// SHA-256 of the strategy's optimiser state that goes with it.
    let stateDigest: String
}

/// What the last steps of a round do on disk and in the ledger. The newest model is here, and how the next comes from it.
///
/// Each step is durable before it returns and does nothing when it was done before, so that it may be tried again, in this
/// process or the next.
final class ReleaseDesk: RoundCompletionPort {
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
    private var serverUpdate: ServerUpdate
    /// Of the noise that the present key gave.
    private var history = NoiseHistory()

    /// The newest model.
    private(set) var model: StoredModel

    /// The desk of a run that was just opened.
    init(
        _ context: DeskContext, _ opening: RunOpening, state: StateDirectory, ledger: ServerLedger,
        rounds: RoundDesk, books: BookDesk, reports: ReportDesk, masked: MaskedDesk, schedule: ScheduleDesk
    ) {
        self.context = context
        model = opening.model
        serverUpdate = opening.serverUpdate
        self.state = state
        self.ledger = ledger
        self.rounds = rounds
        self.books = books
        self.reports = reports
        self.masked = masked
        self.schedule = schedule
    }

    /// L2 bound of the coming round's updates, in model units.
    var clippingNorm: Double { serverUpdate.clippingNorm }

    /// What an agent that is invited now starts from.
    var start: PresenceDesk.Start {
        .init(
            bytes: model.buffer.count, clippingNorm: clippingNorm,
            state: model.state.map { .init(sha256: $0.digest, bytes: $0.buffer.count) })
    }

    /// Models that agents may be downloading: where steps follow each other meanwhile, all that their updates may lie behind, as
    /// far as that is not more than a system can map.
    private var modelsOffered: Int {
        plan.configuration.asynchronous.map { max(2, min($0.maximalStaleness + 1, 64)) } ?? 2
    }

    /// Lets agents download the newest model; the one before stays for those who are still at it.
    func offerModel() {
        let (model, kept) = (model, modelsOffered)
        context.board.change { board in
            board.shownRound = model.round
            board.models[model.round] = model
            for old in board.models.keys.sorted().dropLast(kept) { board.models[old] = nil }
        }
    }

    // MARK: The sum

    func fix(survivors: [Int], round number: Int) throws {
        // Of single reports it is enough that the noisy sum says who is in it: before it is durable others may still come.
        guard plan.masksReports else {
            if let problem = plan.robust?.problem(reports: survivors.count) { throw RoundLoss(problem) }
            return closeInMemory(survivors)
        }
        switch masked.outcome {
        case .sums(let sums, let counted)?: try adopt(sums, of: counted, round: number)
        case .lost(let reason)?: throw RoundLoss("secure aggregation: \(reason)")
        case nil:
            // After a restart: the noisy sum is on disk, or the round would have been abandoned.
            guard try state.hasNoisySum(number, count: plan.report.count, bits: plan.codec.bits) else {
                throw RoundLoss("the server was restarted")
            }
            try close(number, survivors)
        }
    }

    /// Takes the sum of a masked round: the only one, or what the robust rule makes of those of its groups.
    private func adopt(_ sums: [RingVector], of survivors: Int, round: Int) throws {
        guard plan.maskingGroups > 1 else { return reports.adopt(sums[0], weight: survivors) }
        let (vector, weight) = try GroupedRound(plan).robustSum(
            ofGroups: sums, reports: survivors, seed: books.run.seed, round: round,
            threads: ProcessInfo.processInfo.activeProcessorCount)
        reports.adopt(vector, weight: weight)
    }

    /// Writes who is in the sum, before any member of a masked round sees it: from here on it is exactly these.
    func close(_ number: Int, _ survivors: [Int]) throws {
        guard var file = rounds.file else { return }
        (file.state, file.survivors) = (.closed, survivors)
        try state.write(file)
        closeInMemory(survivors)
    }

    private func closeInMemory(_ survivors: [Int]) {
        guard var file = rounds.file else { return }
        reports.trimMemory()
        (file.state, file.survivors) = (.closed, survivors)
        rounds.keep(file)
        context.boardChanged()
        context.statusChanged()
    }

    func exactSum(round number: Int) throws -> ExactSum {
        guard let file = rounds.file,
            let members = plan.masksReports ? masked.memberCount : file.invited.count
        else { throw Failure(.internalFault, "round \(number) has no members") }
        if let entries = rounds.entries {
            let (vector, weight) = try reports.bufferedSum(of: entries)
            return ExactSum(
                vector: vector, weight: weight, members: entries.count, survivors: entries.count)
        }
        guard plan.robust == nil || plan.masksReports else {
            let (vector, weight) = try reports.robustSum(of: file.survivors, round: number)
            return ExactSum(
                vector: vector, weight: weight, members: members, survivors: file.survivors.count)
        }
        return ExactSum(
            vector: reports.sum, weight: reports.weight, members: members, survivors: file.survivors.count)
    }

    func noiseSources(round: Int, charge: Int) throws -> ServerNoise {
        let key = plan.privacy?.roundsPerEvent == nil ? nil : try treeNoiseKey(charge: charge)
        return ServerNoise(treeKey: key, history: history)
    }

    func storedSum(round: Int) throws -> (vector: RingVector, weight: Int)? {
        try state.noisySum(round, count: plan.report.count, bits: plan.codec.bits).map { ($0.sum, $0.weight) }
    }

    func store(_ sum: NoisedSum, round: Int) throws {
        try state.writeNoisySum(round, sum.vector, weight: sum.weight, closing: rounds.file)
    }

    func forgetReports(round: Int) throws {
        reports.release()
        try reports.removeReports(of: round)
    }

    func identify(_ sum: NoisedSum, round: Int) throws -> String {
        let digest = try SHA256.text(packed: sum.vector)
        if var file = rounds.file {
            file.noisySumSHA256 = digest
            rounds.keep(file)
        }
        return digest
    }

    /// The key of the noise over rounds, read back or made. The folder is the run's: a key of another run
    /// cannot lie there.
    private func treeNoiseKey(charge: Int) throws -> SharedSecret {
        if let stored = try state.treeNoiseKey.read() { return stored }
        let leaves = plan.privacy?.roundsPerEvent ?? 1
        guard books.run.treeNoiseSHA256 == nil, charge <= 1 || (charge - 1) % leaves == 0
        else {
            throw Failure(
                .storage,
                "\(state.treeNoisePath): missing, and the noise of earlier rounds with it; "
                    + "restore it from a backup")
        }
        let key = try state.treeNoiseKey.make()
        let digest = try RunKeyFile.digest(of: key, design: plan.privacy?.matrix?.fingerprint)
        history = NoiseHistory()
        books.note { $0.treeNoiseSHA256 = digest }
        return key
    }

    // MARK: The ledger

    func charge(round: Int, charge: Int, costs: RoundCosts) throws {
        try ledger.charge(round: round, costs: costs)
    }

    func settle(round: Int, charge: Int, survivors: Int, costs: RoundCosts, digest: String) throws {
        try ledger.settle(round: round, survivors: survivors, costs: costs, noisySumDigest: digest)
    }

    // MARK: The model

    func makeModel(of sum: NoisedSum, round number: Int) throws -> PreparedModel {
        guard let file = rounds.file else { throw Failure(.internalFault, "a round without its file") }
        var next = serverUpdate
        let mean = next.advance(
            noisySum: sum.vector, weight: sum.weight,
            rotation: try plan.rotation(seed: books.run.seed, round: number),
            from: { model.parameters() })
        let stateHash = try RunningHash()
        let digest = try writeNextModel(number, mean, next, stateHash)
        let stateDigest = try stateHash.text()
        var stored = try StoredModel(number, digest: digest, in: state, layout: plan.model.layout)
            .packing(on: plan.configuration.download)
        if next.publishesState { stored = try stored.publishing(stateDigest: stateDigest, from: state) }
        return PreparedModel(
            model: stored, serverUpdate: next, shownAt: schedule.showing(file), stateDigest: stateDigest)
    }

    /// Writes the model of a round from the one before, piece by piece, and returns its digest.
    private func writeNextModel(
        _ number: Int, _ mean: MeanUpdate, _ serverUpdate: ServerUpdate, _ stateHash: RunningHash
    ) throws -> String {
        let names = serverUpdate.stateNames
        let before =
            names.isEmpty
            ? nil : try state.optimizerState(model.round, names: names, count: plan.dimension)
        var scratch: [Float] = []
        return try state.writeModel(
            number, head: context.setup.modelHead(round: number), count: plan.dimension,
            clippingNorm: serverUpdate.clippingNorm, stateNames: names,
            sameAs: serverUpdate.clippingNorm == self.serverUpdate.clippingNorm ? model.round : nil,
            stateHash: stateHash
        ) { start, parameters, piece in
            model.copy(from: start, into: parameters)
            before?.copy(from: start, into: piece)
            // The first window is the longest.
            if scratch.isEmpty {
                scratch = [Float](repeating: 0, count: serverUpdate.scratchWidth * parameters.count)
            }
            scratch.withUnsafeMutableBufferPointer { scratch in
                serverUpdate.apply(mean, from: start, state: piece, to: parameters, scratch: scratch)
            }
        }
    }

    func publish(_ next: PreparedModel, round number: Int) throws {
        guard var file = rounds.file else { throw Failure(.internalFault, "a round without its file") }
        let (digest, metrics) = (next.model.digest, next.serverUpdate.metrics)
        try ledger.release(round: number, modelDigest: digest)
        file.state = .published
        file.modelSHA256 = digest
        file.publication = next.shownAt?.seconds
        file.seconds = schedule.seconds(of: file, until: next.shownAt?.seconds)
        file.accuracy = Self.finite(metrics?.accuracy)
        file.loss = Self.finite(metrics?.loss)
        file.examplesPerClient = Self.finite(metrics?.examples)
        file.epsilon = Self.finite(try? ledger.spent())
        file.epsilonServer = Self.finite(try? ledger.spentAgainstServer())
        file.epsilonMembers = Self.finite(try? ledger.spentAgainstMembers())
        file.epsilonExample = Self.finite(try? ledger.spentByExample())
        // The file is written with the books: until then a restart comes to the same model from the noisy sum, and the
        // ledger names it.
        try state.writeLatest(number)
        (model, serverUpdate) = (next.model, next.serverUpdate)
        books.note { run in
            run.modelRound = number
            run.modelSHA256 = digest
            run.optimizerStateSHA256 = next.stateDigest
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
