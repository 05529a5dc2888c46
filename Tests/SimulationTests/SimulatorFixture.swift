import Compute
import Configuration
import Custody
import Datasets
import Encoding
import Federation
import Foundation
import Learning
import Privacy
@testable import Simulation
import Testing

/// A small federation on made-up data: three classes in the plane, 40 clients.
enum SimulatorFixture {
    static func setup(
        privacy: String = "{mode: 'none'}", strategy: String = "{name: 'fedavg'}",
        faults: FleetModel = FleetModel(),
        workers: Int = 1, seed: UInt64 = 1, task extra: String = "", clients: Int = 40,
        cohort: Int? = 12, hidden: Int = 8, model modelKeys: String = ""
    ) throws -> SimulationSetup {
        let text = """
            { name: 't', model: { preset: 'mlp', hidden: [\(hidden)], classes: 3 \(modelKeys) },
              training: { local_epochs: 1, batch_size: 5, learning_rate: 0.1 },
              strategy: \(strategy), rounds: 6, \(cohort.map { "cohort_size: \($0)," } ?? "") privacy: \(privacy), \(extra) }
            """
        let task = try TaskConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        let examples = examples(count: 600, seed: 3)
        let model = try Model(task.model, inputShape: [2])
        let plan = try TaskPlan(task, model: model, population: clients)
        let rows = (0..<clients).map { client -> [Int32] in
            let size = 5 + client % 9
            return (0..<size).map { Int32(($0 * 37 + client * 11) % 600) }
        }
        return SimulationSetup(
            plan: plan, training: examples, holdout: self.examples(count: 200, seed: 4),
            partition: Partition(clients: rows), seed: seed, faults: faults, workers: workers,
            noise: .seeded(seed))
    }

    private static func examples(count: Int, seed: UInt64) -> Examples {
        var random = SeededGenerator(seed: seed, purpose: .test)
        var features: [Float] = []
        var labels: [Int32] = []
        for _ in 0..<count {
            let label = random.index(below: 3)
            features += [
                Float(label) + random.uniform() - 0.5, Float(label % 2) * 2 + random.uniform() - 0.5,
            ]
            labels.append(Int32(label))
        }
        return Examples(
            count: count, featureShape: [2], features: .floats(features), targets: .classes(labels, count: 3))
    }

    static func run(_ setup: SimulationSetup) throws -> Simulator {
        let simulator = try Simulator(setup, journal: SilentJournal())
        _ = try simulator.run()
        return simulator
    }

    static let tree = "{mode: 'central', mechanism: 'tree', clipping_norm: 0.5, noise_multiplier: 0.5}"
    static let matrix = "{mode: 'central', mechanism: 'matrix', clipping_norm: 0.5, noise_multiplier: 0.5}"
    static let honaker =
        "{mode: 'central', mechanism: 'tree', tree_estimator: 'honaker', clipping_norm: 0.5, noise_multiplier: 0.5}"
    static let buffers =
        "{mode: 'central', mechanism: 'matrix', matrix: {strategy: 'buffers'}, clipping_norm: 0.5, noise_multiplier: 0.5}"
    static let central =
        "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 0.5, adjacency: 'add-or-remove-one'}"
}

/// Stops a run after a number of rounds.
final class Stopper: SimulationObserver {
    private var left: Int

    init(after rounds: Int) { left = rounds }

    func roundEnded(_ record: RoundRecord, of rounds: Int) { left -= 1 }
    func warned(_ warning: String) {}
    var wantsToStop: Bool { left <= 0 }
}

/// Keeps what each round's diagnostics say.
final class DiagnosticJournal: SimulationJournal {
    private(set) var diagnostics: [RoundDiagnostics] = []
    private let silent: SilentJournal

    init() throws { silent = try SilentJournal() }

    func cohortGenerator(round: Int) throws -> CohortGenerator<KeyedNoise> {
        try silent.cohortGenerator(round: round)
    }

    func treeNoiseSource(step: Int) throws -> KeyedNoise { try silent.treeNoiseSource(step: step) }

    func diagnose(_ diagnostics: RoundDiagnostics) { self.diagnostics.append(diagnostics) }

    func charge(round: Int, charge: Int, costs: RoundCosts) {}
    func storedNoisySum(round: Int, like sum: RingVector) -> RingVector? { nil }
    func storeNoisySum(round: Int, _ sum: RingVector) {}
    var keepsLedger: Bool { false }
    func settle(round: Int, charge: Int, survivors: Int, costs: RoundCosts, noisySumDigest: String) {}
    func release(round: Int, modelDigest: String) {}
    func abandon(round: Int, reason: String) {}
    func epsilon(charged: Int) -> Double? { nil }
    func epsilonServer(charged: Int) -> Double? { nil }
    func epsilonMembers(charged: Int) -> Double? { nil }
    func record(_ record: RoundRecord, _ progress: Simulator.Progress) {}
}
