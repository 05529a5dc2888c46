import Compute
import Configuration
import Datasets
import Federation
import Foundation
import Learning
import TestSupport
import Testing

@testable import Simulation

/// What clients keep from training, and the figures of how evenly a model serves them.
@Suite struct FairnessTests {
    private func partition(_ sizes: [Int]) -> Partition {
        var next: Int32 = 0
        return Partition(
            clients: sizes.map { size in
                defer { next += Int32(size) }
                return (0..<size).map { next + Int32($0) }
            })
    }

    @Test(arguments: [0.01, 0.2, 0.5, 0.99])
    func everyRowIsTrainedOnOrKept(_ share: Double) throws {
        let sizes = [0, 1, 2, 3, 10, 57]
        let whole = partition(sizes)
        let (training, held) = try ClientHoldout.divide(whole, share: share, seed: 7)
        for (client, size) in sizes.enumerated() {
            #expect((training[client] + held[client]).sorted() == Array(whole[client]))
            #expect(Array(training[client]) == training[client].sorted())
            let wanted = size < 2 ? 0 : min(size - 1, max(1, Int((Double(size) * share).rounded())))
            #expect(held.count(of: client) == wanted)
        }
    }

    @Test func whatIsKeptFollowsFromSeedAndClient() throws {
        let whole = partition([40, 40])
        let first = try ClientHoldout.divide(whole, share: 0.25, seed: 1).held
        #expect(try ClientHoldout.divide(whole, share: 0.25, seed: 1).held == first)
        #expect(try ClientHoldout.divide(whole, share: 0.25, seed: 2).held != first)
        let alone = try ClientHoldout.divide(partition([40]), share: 0.25, seed: 1).held
        #expect(Array(alone[0]) == Array(first[0]))
        #expect(first[0].map { $0 + 40 } != Array(first[1]))
    }

    @Test func aRowOfSeveralClientsIsRefused() {
        for clients in [[[1, 2], [2, 3]], [[1, 1]]] as [[[Int32]]] {
            #expect(throws: ConfigurationError.self) {
                try ClientHoldout.divide(Partition(clients: clients), share: 0.2, seed: 1)
            }
        }
    }

    @Test func quantilesAreLinearBetweenNeighbours() throws {
        // numpy.quantile(numpy.arange(21) / 20, q), whose mean of the three lowest is 0.05.
        let figures = try #require(ClientAccuracy((0...20).map { Double($0) / 20 }.shuffled(), examples: 99))
        #expect(figures.clients == 21 && figures.examples == 99 && figures.lowest == 0)
        for (value, expected) in [
            (figures.mean, 0.5), (figures.p10, 0.1), (figures.p25, 0.25), (figures.p50, 0.5),
            (figures.p75, 0.75), (figures.p90, 0.9), (figures.worstDecile, 0.05),
        ] { #expect(abs(value - expected) < 1e-12) }
        let pair = try #require(ClientAccuracy([1, 0.5], examples: 2))
        #expect(abs(pair.p10 - 0.55) < 1e-12 && pair.worstDecile == 0.5)
        #expect(ClientAccuracy([], examples: 0) == nil)
    }

    @Test(arguments: [1, 3]) func eachClientIsMeasuredOnItsOwn(_ workers: Int) throws {
        let setup = try SimulatorFixture.setup(workers: workers, clients: 3, cohort: 3)
        guard case .classes(let labels, _) = setup.training.targets else { return }
        // A model that always answers class 0: biases of the last layer alone.
        var constant = [Float](repeating: 0, count: setup.plan.dimension)
        let bias = try #require(setup.plan.model.layout.entries.last)
        constant[bias.range.lowerBound] = 1
        let zeros = labels.indices.filter { labels[$0] == 0 }.map(Int32.init)
        let others = labels.indices.filter { labels[$0] != 0 }.map(Int32.init)
        let held = Partition(clients: [Array(zeros.prefix(4)), [], [zeros[5]] + others.prefix(3)])
        let scores = try PersonalMeter(setup, held: held, file: nil)
            .scores(.published, of: constant, after: 0)
        #expect(scores.map { $0?.accuracy } == [1, nil, 0.25])
        let figures = try #require(ClientAccuracy(scores))
        #expect(figures.mean == 0.625 && figures.examples == 8 && figures.clients == 2)
    }

    @Test func participationIsCountedAndSurvivesAnInterruption() throws {
        let setup = try SimulatorFixture.setup()
        let whole = try SimulatorFixture.run(setup).progress
        #expect(whole.participation.count == 40)
        #expect(
            whole.participation.reduce(0, +) == Int32(whole.records.reduce(0) { $0 + $1.clientsReported }))
        let first = try Simulator(setup, journal: SilentJournal())
        _ = try first.run(Stopper(after: 2))
        var bytes: [UInt8] = []
        Checkpoint.file(first.progress, scenarioDigest: "d").forEachPiece { bytes += $0 }
        let read = try Checkpoint.decode(
            Data(bytes), layout: setup.plan.model.layout, stateNames: [], scenarioDigest: "d",
            records: first.progress.records, path: "file")
        let second = try Simulator(setup, journal: SilentJournal(), from: read)
        _ = try second.run()
        #expect(second.progress.participation == whole.participation)
        #expect(second.progress.parameters == whole.parameters)
    }

    /// The scenario that is shipped, at home in a folder of its own.
    private func run(_ assignments: [String], in folder: String) throws -> SimulationSummary {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        var document = try ConfigurationDocument(contentsOf: root + "/simulations/quickstart.json5")
        for assignment in assignments + ["simulation.baselines=[]", "task.rounds=3"] {
            try document.set(assignment)
        }
        let settings = ScenarioRun.Settings(
            out: folder, workers: 1, secureNoise: false, resumes: false, overwrites: true, command: "test")
        return try ScenarioRun(document, settings).perform(Stopper(after: .max)).summary
    }

    @Test func runsTellHowEvenlyTheyServe() throws {
        let folder = try TemporaryFolders.make("fairness")
        let without = try run([], in: folder)
        #expect(try run(["simulation.client_holdout=0"], in: folder).modelSHA256 == without.modelSHA256)
        #expect(without.clientAccuracy == nil)
        let page = try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
        #expect(page.contains("id=\"participation\"") && !page.contains("id=\"client-accuracy\""))
        let with = try run(["simulation.client_holdout=0.3"], in: folder)
        #expect(with.modelSHA256 != without.modelSHA256)
        let figures = try #require(with.clientAccuracy)
        #expect(figures.clients == 200 && figures.examples >= 400 && figures.lowest <= figures.p10)
        #expect(figures.mean > 0.3)
        let fair = try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
        #expect(fair.contains("id=\"client-accuracy\""))
        for (assignments, path) in [
            (["simulation.client_holdout=1"], "simulation.client_holdout"),
            (
                [
                    "simulation.client_holdout=0.2",
                    "simulation.partition={scheme:\"iid\",examples_per_client:9,with_replacement:true}",
                ], "simulation.client_holdout"
            ),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try run(assignments, in: folder) }
            #expect(error?.path == path)
        }
    }
}
