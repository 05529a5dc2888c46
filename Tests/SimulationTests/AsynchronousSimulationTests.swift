import Compute
import Configuration
import Datasets
import Federation
import Foundation
import Learning
import Testing

@testable import Simulation

/// Asynchronous runs as a whole: the bits of rounds where nothing is late, and steps that wait for nobody.
@Suite struct AsynchronousSimulationTests {
    private func setup(
        _ asynchronous: String, privacy: String = "{mode: 'none'}", strategy: String = "{name: 'fedavg'}",
        faults: FleetModel = FleetModel(), workers: Int = 1, seed: UInt64 = 1, task extra: String = ""
    ) throws -> SimulationSetup {
        try SimulatorFixture.setup(
            privacy: privacy, strategy: strategy, faults: faults, workers: workers, seed: seed,
            task: "asynchronous: \(asynchronous), \(extra)", cohort: nil)
    }

    private static var spread: FleetModel {
        var faults = FleetModel()
        (faults.secondsPerExample, faults.speedRange) = (1, 10)
        return faults
    }

    private static let central = "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 0.5}"
    private static let zeroOut =
        "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 0.5, adjacency: 'zero-out'}"
    private static let local = "{mode: 'local', clipping_norm: 0.5, noise_multiplier: 0.2}"

    /// A buffer as large as the cohort, filled by clients of one speed, is the run in rounds to the bit.
    @Test(
        arguments: [
            ("{mode: 'none'}", "{mode: 'none'}"), (central, zeroOut), (local, local),
            (
                "{mode: 'central', mechanism: 'skellam', noise_multiplier: 1}",
                "{mode: 'central', mechanism: 'skellam', noise_multiplier: 1, adjacency: 'zero-out'}"
            ),
        ], ["{name: 'fedavg'}", "{name: 'fedadam'}", "{name: 'fedprox', mu: 0.1}"])
    func aBufferAsLargeAsTheCohortIsRounds(_ modes: (String, String), strategy: String) throws {
        let rounds = try SimulatorFixture.run(
            SimulatorFixture.setup(privacy: modes.1, strategy: strategy, cohort: 12)
        ).progress
        for workers in [1, 3] {
            let steps = try SimulatorFixture.run(
                setup(
                    "{buffer: 12, concurrency: 12, max_participations: 6}", privacy: modes.0,
                    strategy: strategy, workers: workers)
            ).progress
            #expect(steps.published == 6 && steps.finished == .allRounds)
            #expect(steps.parameters == rounds.parameters)
            #expect(steps.optimizerState == rounds.optimizerState)
            #expect(steps.participation == rounds.participation)
            #expect(steps.records.allSatisfy { $0.stalenessMean == 0 && $0.stalenessMax == 0 })
            #expect(steps.records.map(\.accuracy) == rounds.records.map(\.accuracy))
        }
    }

    @Test func nobodyIsWaitedFor() throws {
        let faults = Self.spread
        let rounds = try SimulatorFixture.run(SimulatorFixture.setup(faults: faults, cohort: 12)).progress
        let steps = try SimulatorFixture.run(
            setup("{buffer: 4, concurrency: 12}", faults: faults, task: "evaluation: {every: 1}")
        ).progress
        #expect(steps.published == 6 && steps.clientsTrained == 24)
        #expect(steps.virtualTime.seconds < rounds.virtualTime.seconds / 3)
        #expect(steps.records.contains { ($0.stalenessMax ?? 0) > 0 })
        #expect(steps.records.allSatisfy { $0.clientsReported == 4 && $0.reportsStale == 0 })
        #expect(rounds.records.allSatisfy { $0.stalenessMean == nil && $0.reportsStale == nil })
        // Who begins has the newest model; twelve begin at the start, and four after them in each step.
        let begun: Int = steps.records.reduce(0) { $0 + $1.clientsSelected }
        #expect(begun >= 31)
        #expect((steps.records.last?.accuracy ?? 0) > 0.5)
    }

    /// Workers do not matter, the seed does; drop-outs and what is too stale included.
    @Test(arguments: ["{mode: 'none'}", central, local])
    func workersDoNotMatter(privacy: String) throws {
        var faults = Self.spread
        faults.dropoutRate = 0.1
        let section = "{buffer: 3, concurrency: 14, max_staleness: 2, max_participations: 5}"
        func run(_ workers: Int, _ seed: UInt64) throws -> Simulator.Progress {
            try SimulatorFixture.run(
                setup(
                    section, privacy: privacy, faults: faults, workers: workers, seed: seed,
                    task: "report_deadline: '60s'")
            ).progress
        }
        let (one, three, other) = (try run(1, 1), try run(3, 1), try run(1, 2))
        #expect(one.parameters == three.parameters && one.virtualTime == three.virtualTime)
        #expect(one.parameters != other.parameters && one.published == 6)
        #expect(one.records.contains { ($0.reportsStale ?? 0) > 0 })
        #expect(one.records.allSatisfy { ($0.stalenessMax ?? 9) <= 2 })
        #expect(one.records.map(\.clientsReported) == [3, 3, 3, 3, 3, 3])
    }

    /// Nobody is in more steps than the plan allows, and where too few are left the run ends.
    @Test func participationsAreBounded() throws {
        var faults = Self.spread
        faults.dropoutRate = 0.2
        let section = "{buffer: 20, concurrency: 20, max_participations: 4}"
        let progress = try SimulatorFixture.run(
            setup(section, privacy: Self.central, faults: faults, task: "report_deadline: '1h'")
        ).progress
        #expect(progress.participation.allSatisfy { $0 <= 4 } && progress.published == 6)
        let reports: Int32 = progress.participation.reduce(0, +)
        #expect(reports == 120)
        var setup = try setup("{buffer: 40, concurrency: 40, max_participations: 6}")
        // Half of the clients have nothing to train on.
        let rows: [[Int32]] = (0..<40).map { client -> [Int32] in client % 2 == 0 ? [] : [Int32(client)] }
        setup.partition = Partition(clients: rows)
        let none = try SimulatorFixture.run(setup).progress
        #expect(none.published == 0 && none.finished == .tooFewClients && none.records.isEmpty)
    }

    /// Stopping after any step and going on from the checkpoint's file gives the undisturbed run's bits.
    @Test(arguments: 1..<6, ["{mode: 'none'}", central])
    func aResumedRunEndsAtTheSameBits(stopAfter: Int, privacy: String) throws {
        var faults = Self.spread
        faults.dropoutRate = 0.1
        let setup = try setup(
            "{buffer: 3, concurrency: 10, max_staleness: 4, max_participations: 4}", privacy: privacy,
            strategy: "{name: 'fedadam'}", faults: faults, task: "report_deadline: '80s'")
        let whole = try SimulatorFixture.run(setup).progress
        let first = try Simulator(setup, journal: SilentJournal())
        #expect(try first.run(Stopper(after: stopAfter)) == nil)
        let read = try Self.read(Self.bytes(first.progress), setup, first.progress)
        #expect(read.buffered == first.progress.buffered)
        let second = try Simulator(setup, journal: SilentJournal(), from: read)
        #expect(try second.run() == .allRounds)
        #expect(second.progress.parameters == whole.parameters)
        #expect(second.progress.optimizerState == whole.optimizerState)
        #expect(second.progress.virtualTime == whole.virtualTime)
        #expect(second.progress.participation == whole.participation)
    }

    private static func bytes(_ progress: Simulator.Progress) -> [UInt8] {
        var bytes: [UInt8] = []
        Checkpoint.file(progress, scenarioDigest: "d").forEachPiece { bytes += $0 }
        return bytes
    }

    private static func read(
        _ bytes: [UInt8], _ setup: SimulationSetup, _ progress: Simulator.Progress
    ) throws -> Simulator.Progress {
        var read = try Checkpoint.decode(
            Data(bytes), layout: setup.plan.model.layout,
            stateNames: setup.plan.configuration.strategy.server.stateNames, scenarioDigest: "d",
            records: progress.records, path: "file")
        read.buffered = try BufferedCheckpoint.decode(
            Data(bytes), plan: setup.plan, progress: read, path: "file")
        return read
    }

    /// A checkpoint's account of who trains is believed only where it could be so.
    @Test(arguments: [
        ("\"wave\":", "\"wave\":-"), ("\"wave\":", "\"weve\":"), ("\"inFlight\":[[", "\"inFlight\":[[99"),
        ("\"inFlight\":[[", "\"inFlight\":[[-1,"), ("\"round\":4", "\"round\":5"),
        ("\"served\":[", "\"served\":[-7,"), ("\"participations\":[", "\"participations\":[[3,99],"),
        ("asynchronous.model.", "asynchronous.mudel."), ("\"abandonedInARow\":0", "\"abandonedInARow\":9"),
    ]) func damagedCheckpointsAreRefused(_ whole: String, _ damaged: String) throws {
        let setup = try setup(
            "{buffer: 3, concurrency: 10, max_participations: 4}", faults: Self.spread)
        let simulator = try Simulator(setup, journal: SilentJournal())
        _ = try simulator.run(Stopper(after: 3))
        let memory = try #require(simulator.progress.buffered)
        let text = try #require(BufferedCheckpoint.metadata(memory)[BufferedCheckpoint.key])
        var progress = simulator.progress
        let file = TensorFileText(
            Self.bytes(progress), replacing: whole, by: damaged, isMetadata: text.contains(whole))
        progress.buffered = nil
        #expect(file.isChanged)
        #expect(throws: ConfigurationError.self) {
            try BufferedCheckpoint.decode(
                Data(file.bytes), plan: setup.plan, progress: progress, path: "file")
        }
    }
}

/// A safetensors file in which a text of the head is another.
private struct TensorFileText {
    private(set) var bytes: [UInt8]
    private(set) var isChanged = false

    init(_ file: [UInt8], replacing old: String, by new: String, isMetadata: Bool) {
        let length = file[..<8].enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
        let head = String(decoding: file[8..<8 + length], as: UTF8.self)
        func escaped(_ text: String) -> String {
            isMetadata ? text.replacingOccurrences(of: "\"", with: "\\\"") : text
        }
        let changed = Array(head.replacingOccurrences(of: escaped(old), with: escaped(new)).utf8)
        isChanged = Array(head.utf8) != changed
        let size = (0..<8).map { UInt8(truncatingIfNeeded: changed.count >> (8 * $0)) }
        bytes = size + changed + file[(8 + length)...]
    }
}
