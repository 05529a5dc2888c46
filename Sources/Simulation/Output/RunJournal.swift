internal import Configuration
internal import Cryptography
package import Custody
internal import Datasets
package import Encoding
package import Federation
internal import Foundation
internal import Learning
internal import Ledger
package import Operations
package import Privacy

/// The output folder of a run: `rounds.jsonl`, `diagnostics.jsonl`, `ledger.jsonl`, a checkpoint, and at the end
/// model, summary and report.
///
/// After SIGKILL at any instant `--resume` goes on: records after the last checkpoint are dropped and their
/// rounds played again. A rehearsal plays them to the same bits. With secure noise the same cohort is drawn again,
/// and a noisy sum that was stored is used again byte for byte, so that noise is never drawn twice for a round that
/// may have been seen.
package final class RunJournal: SimulationJournal {
    /// Diagnostics of the rounds so far.
    package private(set) var diagnostics: [RoundDiagnostics] = []
    /// The scenario with every override and the settings that fix the result, as JSON text.
    package let resolvedScenario: String

    private let folder: OutputDirectory
    private let plan: TaskPlan
    private let isSecure: Bool
    private let scenarioDigest: String
    private let ledger: RunLedger?
    private let spending: Spending
    private var rounds: LineFile
    private var diagnosticLines: LineFile
    private var records: [RoundRecord] = []
    private var lastCheckpoint = ContinuousClock.now
    private var checkpointSeconds = 0.0
    /// What the last checkpoint of this process holds.
    private var checkpointed: (records: Int, finished: FinishReason?)?
    private var runKey: SharedSecret?
    /// What clients keep between rounds; nil where they keep nothing.
    private let memory: ClientMemoryFile?

    private static let memoryFile = "clients.memory"
    private static let files = [
        "rounds.jsonl", "diagnostics.jsonl", "ledger.jsonl", "ledger.jsonl.key",
        "checkpoint.safetensors", memoryFile, "noisy-sum.bin", "cohort.key",
        DataBinding.fileName, "summary.json", "model.safetensors", FrozenModelFile.name, "report.html",
        "scenario.resolved.json",
    ]
    /// Seconds between checkpoints of a rehearsal; a run with secure noise keeps one a round.
    private static let checkpointInterval = 2.0
    /// Most of a rehearsal's time that goes into checkpoints, which are large where the model is.
    private static let checkpointShare = 0.1

    /// Prepares the folder: takes the run that it holds up again where `resumes`, else empties it of an earlier run's files.
    /// Throws ``ConfigurationError`` where that run is another one: of another scenario, seed or setting where `resumes`,
    /// and not `overwrites`.
    package init(
        folder: OutputDirectory, scenario: Scenario, setup: SimulationSetup, resumes: Bool,
        overwrites: Bool = false
    ) throws {
        self.folder = folder
        plan = setup.plan
        isSecure = setup.noise == .secure
        resolvedScenario = ResolvedScenario.text(scenario, setup)
        let digest = try SHA256.text(of: Array(resolvedScenario.utf8))
        // What a checkpoint belongs to. A matrix of noise is searched for, and not by the scenario's text alone.
        scenarioDigest =
            try setup.plan.privacy?.matrix.map {
                try SHA256.text(of: Array("\(digest) \($0.fingerprint)".utf8))
            }
            ?? digest
        let data = try DataBinding(setup, source: Self.source(scenario))
        let previous = FileManager.default.contents(atPath: folder.file("scenario.resolved.json"))
        if resumes, let previous {
            guard previous == Data(resolvedScenario.utf8) else {
                throw ConfigurationError(
                    path: folder.path,
                    problem:
                        "holds a run of another scenario, seed or setting; give --overwrite in place of --resume to replace it"
                )
            }
            try data.check(folder)
        } else {
            if !overwrites, previous != Data(resolvedScenario.utf8) { try Self.refuseOtherRun(in: folder) }
            // What a run with secure noise spent must not be forgotten by a slip of the keyboard.
            let key = folder.file("ledger.jsonl.key")
            guard !FileManager.default.fileExists(atPath: key) else {
                throw ConfigurationError(
                    path: folder.path,
                    problem:
                        "holds the privacy ledger of a run with secure noise; resume it, or choose another folder"
                )
            }
            for name in Self.files { try AtomicFile.remove(folder.file(name)) }
            // First of all what says whose files these are.
            try AtomicFile.write(resolvedScenario, to: folder.file("scenario.resolved.json"))
            try data.write(folder)
        }
        rounds = try LineFile(folder.file("rounds.jsonl"))
        diagnosticLines = try LineFile(folder.file("diagnostics.jsonl"))
        memory =
            setup.plan.clientMemory.isEmpty
            ? nil
            : try ClientMemoryFile(
                path: folder.file(Self.memoryFile), vectors: setup.plan.clientMemory,
                clients: setup.plan.population)
        let spending = Spending(setup.plan)
        self.spending = spending
        guard setup.plan.privacy != nil || setup.plan.example != nil else {
            ledger = nil
            return
        }
        ledger = try RunLedger(
            path: folder.file("ledger.jsonl"), plan: setup.plan,
            scenarioDigest: digest, isDurable: setup.noise == .secure, spending: spending)
    }

    /// What no other command writes: where one of them is, a run was. Files of other names are nobody's concern.
    private static let signs = [
        "scenario.resolved.json", "rounds.jsonl", "ledger.jsonl", "checkpoint.safetensors",
    ]

    private static func refuseOtherRun(in folder: OutputDirectory) throws {
        guard let sign = signs.first(where: { FileManager.default.fileExists(atPath: folder.file($0)) })
        else { return }
        throw ConfigurationError(
            path: folder.path,
            problem: "holds another run (\(sign)); give --overwrite to replace it, or choose another folder")
    }

    /// The files that the scenario names, for a message.
    private static func source(_ scenario: Scenario) -> String {
        guard case .object(let section) = scenario.data else { return "simulation.data" }
        let paths = ["path", "test_path"].compactMap { key -> String? in
            if case .string(let path)? = section[key] { path } else { nil }
        }
        return paths.isEmpty ? "simulation.data" : paths.joined(separator: " or ")
    }

    /// Where an interrupted run stood at its last checkpoint; nil when there is none.
    package func resumedProgress(plan: TaskPlan) throws -> Simulator.Progress? {
        let path = folder.file("checkpoint.safetensors")
        guard let data = FileManager.default.contents(atPath: path) else {
            try ledger?.check(.nothing, round: 0, path: folder.file("ledger.jsonl"))
            try rounds.keep(0)
            try diagnosticLines.keep(0)
            return nil
        }
        records = try rounds.decode(RoundRecord.self)
        var progress = try Checkpoint.decode(
            data, layout: plan.model.layout, stateNames: plan.stateNames,
            scenarioDigest: scenarioDigest, records: records, path: path)
        progress.buffered = try BufferedCheckpoint.decode(data, plan: plan, progress: progress, path: path)
        if let binding = try Checkpoint.ledger(data, path: path) {
            try ledger?.check(binding, round: progress.round, path: folder.file("ledger.jsonl"))
        }
        // A run that is over needs it only to measure what clients have of their own.
        if let memory, progress.finished == nil || plan.ownContent != nil {
            try memory.restore(try Checkpoint.clientMemory(data, path: path))
        }
        guard progress.participation.isEmpty || progress.participation.count == plan.population else {
            throw ConfigurationError(
                path: path, problem: "damaged checkpoint (participation); run without --resume")
        }
        let attended = progress.attendance.records
        guard plan.rules.pattern == nil || progress.charged == 0 || !attended.isEmpty,
            attended.keys.allSatisfy({ $0 < plan.population })
        else {
            throw ConfigurationError(
                path: path, problem: "damaged checkpoint (attendance); run without --resume")
        }
        records = progress.records
        try rounds.keep(records.count)
        let published = Set(records.map(\.round))
        diagnostics = try diagnosticLines.decode(RoundDiagnostics.self).filter {
            published.contains($0.round)
        }
        try diagnosticLines.rewrite(diagnostics)
        return progress
    }

    // MARK: The steps of a release

    package func clientMemory(_ plan: TaskPlan) -> ClientMemoryFile? { memory }

    package func cohortGenerator(round: Int) throws -> CohortGenerator<KeyedNoise> {
        try CohortGenerator<KeyedNoise>(key: secret().bytes, round: round)
    }

    package func treeNoiseSource(step: Int) throws -> KeyedNoise {
        try KeyedNoise(key: secret().bytes, .simulationTree, number: step)
    }

    private func secret() throws -> SharedSecret {
        let key = try runKey ?? storedKey()
        runKey = key
        return key
    }

    /// The key that this run's cohorts and tree noise are drawn under, made when first needed.
    private func storedKey() throws -> SharedSecret {
        let file = RunKeyFile(folder.file("cohort.key"))
        if let key = try file.read() { return key }
        // Another key would draw other cohorts, and could not take back the noise of trees that this one drew.
        guard records.isEmpty else {
            throw Failure(
                .storage, "\(file.path): missing, though rounds were played; restore it from a backup")
        }
        return try file.make()
    }

    package func charge(round: Int, charge: Int, costs: RoundCosts) throws {
        try ledger?.charge(round: round, costs: costs)
    }

    package func storedNoisySum(round: Int, like sum: RingVector) throws -> RingVector? {
        guard isSecure, let data = FileManager.default.contents(atPath: folder.file("noisy-sum.bin")) else {
            return nil
        }
        return try NoisySumFile.decode(data, round: round, like: sum)
    }

    package func storeNoisySum(round: Int, _ sum: RingVector) throws {
        guard isSecure else { return }
        try AtomicFile.write(
            NoisySumFile.encode(sum, round: round), to: folder.file("noisy-sum.bin"), mode: 0o600)
    }

    package var keepsLedger: Bool { ledger != nil }

    /// Numbers of the rounds that were charged, ascending; empty where there is no ledger.
    var chargedRounds: [Int] { ledger?.chargedRounds ?? [] }

    package func settle(
        round: Int, charge: Int, survivors: Int, costs: RoundCosts, noisySumDigest: String
    ) throws {
        try ledger?.settle(round: round, survivors: survivors, costs: costs, noisySumDigest: noisySumDigest)
    }

    package func release(round: Int, modelDigest: String) throws {
        try ledger?.release(round: round, modelDigest: modelDigest)
    }

    package func abandon(round: Int, reason: String) throws {
        try ledger?.abandon(round: round, reason: reason)
    }

    // MARK: What is spent

    package func epsilon(charged: Int) throws -> Double? {
        guard plan.privacy != nil else { return nil }
        let spent = try spending.epsilon(rounds: charged)
        return spent.isFinite ? spent : nil
    }

    package func epsilonServer(charged: Int) throws -> Double? {
        let spent = try spending.epsilonAgainstServer(rounds: charged)
        return spent.isFinite ? spent : nil
    }

    package func epsilonMembers(charged: Int) throws -> Double? {
        let spent = try spending.epsilonAgainstMembers(rounds: charged)
        return spent.isFinite ? spent : nil
    }

    // MARK: Records

    package func record(_ record: RoundRecord, _ progress: Simulator.Progress) throws {
        records.append(record)
        try rounds.append(record)
        let interval = max(Self.checkpointInterval, checkpointSeconds / Self.checkpointShare)
        if isSecure || lastCheckpoint.secondsToNow > interval { try checkpoint(progress) }
    }

    package func diagnose(_ diagnostics: RoundDiagnostics) {
        self.diagnostics.append(diagnostics)
        // Diagnostics are a convenience: a full disk shows in the next record, which does throw.
        try? diagnosticLines.append(diagnostics)
    }

    /// Makes everything so far durable: lines first, then the state that refers to them.
    package func checkpoint(_ progress: Simulator.Progress) throws {
        if let checkpointed, checkpointed == (progress.records.count, progress.finished) { return }
        let began = ContinuousClock.now
        try rounds.synchronise()
        try diagnosticLines.synchronise()
        try ledger?.synchronise()
        try Checkpoint.file(
            progress, scenarioDigest: scenarioDigest, ledger: ledger?.binding, memory: try memory?.bind()
        ).write(to: folder.file("checkpoint.safetensors"))
        memory?.checkpointed()
        checkpointed = (progress.records.count, progress.finished)
        lastCheckpoint = ContinuousClock.now
        checkpointSeconds = began.secondsToNow
    }

    /// Writes the summary and the model, with the parameters beside it that nobody trained; where there is no model, none
    /// of an earlier part of the run is left either.
    func writeResults(model: TensorFile?, frozen: FrozenParameters?, summary: SimulationSummary) throws {
        let beside = folder.file(FrozenModelFile.name)
        if model != nil, let frozen {
            try AtomicFile.write(to: beside) { file in
                try FrozenModelFile.forEachPiece(frozen) { try file.append($0) }
            }
        } else {
            try AtomicFile.remove(beside)
        }
        let path = folder.file("model.safetensors")
        if let model { try model.write(to: path) } else { try AtomicFile.remove(path) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(Array(try encoder.encode(summary)) + [0x0A], to: folder.file("summary.json"))
    }

    /// Writes the report.
    package func writeReport(_ html: String) throws {
        try AtomicFile.write(html, to: folder.file("report.html"))
    }
}
