import Compute
import Configuration
import Datasets
import Encoding
import Federation
import Foundation
import Learning
import Privacy
@testable import Simulation
import Testing

@Suite struct SimulatorTests {
    /// With an expected cohort of one, about a third of the draws are empty. Such a round once never ended.
    @Test func anEmptyPoissonCohortReleasesNoiseAlone() throws {
        let privacy = "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 1, sampling: 'poisson'}"
        let progress = try SimulatorFixture.run(SimulatorFixture.setup(privacy: privacy, cohort: 1)).progress
        #expect(progress.records.contains { $0.clientsSelected == 0 && $0.abandoned == nil })
        #expect(progress.published == 6 && progress.finished == .allRounds)
    }

    /// How a fleet may misbehave in time.
    private static let fleets: [FleetModel] = {
        var (slow, dropping, late) = (FleetModel(), FleetModel(), FleetModel())
        (slow.secondsPerExample, slow.speedSpread) = (0.5, 1)
        dropping.dropoutRate = 0.2
        (late.secondsPerExample, late.stragglerFraction, late.stragglerSlowdown) = (1, 0.5, 1e6)
        return [FleetModel(), slow, dropping, late]
    }()

    /// Where amplification by sampling is claimed, a round takes the same time whoever is in it, slow, late, gone, or
    /// drawn at all; also one that is abandoned.
    @Test(arguments: [
        ("central", "poisson", 12, 1.25), ("central", "poisson", 1, 1.25),
        ("central", "fixed-size", 12, 1.25),
        ("distributed", "poisson", 50, 1.75), ("distributed", "fixed-size", 30, 1.75),
    ])
    func timeTellsNothingOfACohort(
        plan: (mode: String, sampling: String, cohort: Int, slots: Double)
    ) throws {
        let privacy =
            "{mode: '\(plan.mode)', clipping_norm: 0.5, noise_multiplier: 1, sampling: '\(plan.sampling)'}"
        let task =
            "report_deadline: '40s', secure_aggregation: {estimated_dropout_rate: 0.1, adversarial_client_rate: 0.1}, abandon_limit: 100"
        var outcomes: Set<String> = []
        for fleet in Self.fleets {
            // Real masks once: they change no times.
            for masks in [false, true] where !masks || plan.mode == "distributed" && fleet == FleetModel() {
                var setup = try SimulatorFixture.setup(
                    privacy: privacy, faults: fleet, task: task, clients: 2 * plan.cohort + 28,
                    cohort: plan.cohort)
                setup.masks = masks
                let simulator = try Simulator(setup, journal: SilentJournal())
                let stopper = Stopper(after: 6)
                _ = try simulator.run(stopper)
                let records = simulator.progress.records
                #expect(records.count == 6)
                for (place, record) in records.enumerated() {
                    let expected = Double(place + 1) * 40 * plan.slots
                    #expect(abs(record.virtualSeconds - expected) < 1e-6)
                    outcomes.insert("\(record.clientsSelected == 0) \(record.abandoned == nil)")
                }
            }
        }
        if plan.cohort == 1 { #expect(outcomes.contains("true true"), "some cohort is empty") }
        if plan.mode == "distributed" { #expect(outcomes.contains("false false"), "some round is abandoned") }
    }

    /// A draw that nobody could mask is found out at its deadline like any other round without a sum.
    @Test(arguments: [false, true]) func aCohortTooSmallToMaskWaitsLikeOthers(masks: Bool) throws {
        let privacy =
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 1, sampling: 'fixed-size'}"
        let task =
            "report_deadline: '40s', min_reports: 3, secure_aggregation: {estimated_dropout_rate: 0.3, adversarial_client_rate: 0.3}"
        var setup = try SimulatorFixture.setup(privacy: privacy, task: task, cohort: 4)
        setup.masks = masks
        let simulator = try Simulator(setup, journal: SilentJournal())
        _ = try simulator.run(Stopper(after: 4))
        let records = simulator.progress.records
        #expect(records.map(\.virtualSeconds) == [70, 140, 210, 280])
        if masks { #expect(records.contains { $0.abandoned?.contains("secure aggregation") == true }) }
    }

    @Test(
        arguments: [
            "{mode: 'none'}", SimulatorFixture.central,
            "{mode: 'local', clipping_norm: 0.5, noise_multiplier: 0.2}",
            "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 0.5, adaptive_clipping: {}}",
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 0.5, adaptive_clipping: {}}",
            SimulatorFixture.tree, SimulatorFixture.matrix,
            SimulatorFixture.buffers,
            SimulatorFixture.honaker,
        ], ["{name: 'fedavg'}", "{name: 'fedprox', mu: 0.1}", "{name: 'fedsgd', server_momentum: 0.5}"])
    func theModelDoesNotDependOnTheNumberOfWorkers(privacy: String, strategy: String) throws {
        var faults = FleetModel()
        faults.dropoutRate = 0.2
        faults.speedSpread = 1
        faults.secondsPerExample = 0.001
        let models = try [1, 2, 4].map { workers in
            try SimulatorFixture.run(
                SimulatorFixture.setup(privacy: privacy, strategy: strategy, faults: faults, workers: workers)
            ).progress.parameters
        }
        #expect(models[0] == models[1] && models[0] == models[2])
        let other = try SimulatorFixture.run(
            SimulatorFixture.setup(privacy: privacy, strategy: strategy, faults: faults, seed: 2))
        #expect(other.progress.parameters != models[0])
    }

    @Test func trainingHelps() throws {
        let records = try SimulatorFixture.run(SimulatorFixture.setup(task: "evaluation: {every: 1}"))
            .progress.records
        let accuracies = records.compactMap(\.accuracy)
        #expect(accuracies.count == 6)
        #expect((accuracies.last ?? 0) > 0.85)
    }

    /// Stopping after any round and going on from the checkpointed progress gives the undisturbed run's bits.
    @Test(
        arguments: 1..<6,
        [
            "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 0.5, adaptive_clipping: {}}",
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 0.5, adaptive_clipping: {}}",
            SimulatorFixture.tree, SimulatorFixture.matrix,
            SimulatorFixture.buffers,
            SimulatorFixture.honaker,
        ])
    func aResumedRunEndsAtTheSameBits(stopAfter: Int, privacy: String) throws {
        for strategy in ["{name: 'fedavg', server_momentum: 0.9}", "{name: 'fedadam'}"] {
            let setup = try SimulatorFixture.setup(privacy: privacy, strategy: strategy)
            let whole = try SimulatorFixture.run(setup)
            let first = try Simulator(setup, journal: SilentJournal())
            #expect(try first.run(Stopper(after: stopAfter)) == nil)
            let second = try Simulator(setup, journal: SilentJournal(), from: first.progress)
            #expect(try second.run() == .allRounds)
            #expect(second.progress.parameters == whole.progress.parameters)
            #expect(second.progress.optimizerState == whole.progress.optimizerState)
            #expect(second.progress.clippingNorm == whole.progress.clippingNorm)
            #expect(second.progress.clientsTrained == whole.progress.clientsTrained)
        }
    }

    /// Rounding while adding gives the integers that rounding first does, and nothing of an update that is too long.
    @Test(arguments: [
        "", ", adaptive_clipping: {}", ", per_layer_clipping: true", ", noise_multiplier: 0.001",
    ]) func whatIsOnlyAddedIsTheSame(keys: String) throws {
        let multiplier = keys.contains("multiplier") ? "" : ", noise_multiplier: 1"
        let privacy = "{mode: 'central', clipping_norm: 0.5\(multiplier)\(keys)}"
        let plan = try SimulatorFixture.setup(privacy: privacy).plan
        var random = SeededGenerator(seed: 5, purpose: .test)
        let (reporting, adding) = (UpdatePipeline(plan: plan), UpdatePipeline(plan: plan, onlyAdds: true))
        var sums = [Aggregation](
            repeating: Aggregation(count: plan.report.count, bits: plan.codec.bits), count: 2)
        for scale in [0, 1e-4, 1, 1e10] as [Float] {
            let delta = (0..<plan.dimension).map { _ in (random.uniform() - 0.5) * scale }
            try delta.withUnsafeBufferPointer { delta in
                var rounding = SeededGenerator(seed: 1, purpose: .stochasticRounding)
                var noise = SeededNoiseSource(seed: 1, client: 0, round: 1)
                let first = try reporting.encode(
                    delta, examples: 9, clippingNorm: 0.5, rounding: &rounding, noise: &noise)
                rounding = SeededGenerator(seed: 1, purpose: .stochasticRounding)
                let second = try adding.encode(
                    delta, examples: 9, clippingNorm: 0.5, rounding: &rounding, noise: &noise)
                #expect(first == second)
                try reporting.add(delta, to: &sums[0])
                try adding.add(delta, to: &sums[1])
            }
        }
        #expect(sums[0].sum == sums[1].sum && sums[0].weight == sums[1].weight)
    }

    @Test func whatIsTooLongLeavesTheSumAsItWas() {
        var sum = Aggregation(count: 3, bits: 20)
        let values: [Float] = [3, -4, 12]
        values.withUnsafeBufferPointer { values in
            let fits = sum.add(nearest: values, factor: 10, squaredNormBound: 16_900, weight: 1)
            let before = sum.sum
            let isTooLong = !sum.add(nearest: values, factor: 10, squaredNormBound: 16_899, weight: 1)
            #expect(fits && isTooLong)
            #expect(sum.sum == before && sum.weight == 1 && sum.reports == 1)
        }
    }

    @Test func dropOutsBelowTheMinimumAbandonTheRound() throws {
        var faults = FleetModel()
        faults.dropoutRate = 1
        let progress = try SimulatorFixture.run(
            SimulatorFixture.setup(faults: faults, task: "min_reports: 3")
        ).progress
        #expect(progress.published == 0 && progress.finished == .abandonedTooOften)
        #expect(progress.records.allSatisfy { $0.abandoned == "0 reports, 3 required" })
    }

    @Test func overSelectionClosesAtTheTarget() throws {
        var faults = FleetModel()
        faults.speedSpread = 1
        faults.secondsPerExample = 0.001
        let records = try SimulatorFixture.run(
            SimulatorFixture.setup(faults: faults, task: "over_selection: 1.5")
        ).progress.records
        #expect(records.allSatisfy { $0.clientsSelected == 18 && $0.clientsReported == 12 })
    }

    /// A client whose training fails gives up, and the next to arrive takes its place.
    @Test func aFailingClientIsReplacedByTheNextArrival() throws {
        var setup = try SimulatorFixture.setup(task: "over_selection: 1.5")
        let rows = (0..<40).map { client -> [Int32] in
            if client % 4 == 0 { return [] }
            return [Int32(client), Int32(client) + 1]
        }
        setup.partition = Partition(clients: rows)
        let progress = try SimulatorFixture.run(setup).progress
        #expect(progress.published == 6)
        #expect(progress.records.allSatisfy { $0.clientsReported <= 12 && $0.clientsReported > 8 })
    }

    /// In a private mode a client whose local work fails reports noise alone, and only the diagnostics tell; masked or
    /// not, the sums are the same.
    @Test(
        arguments: [
            SimulatorFixture.central, "{mode: 'local', clipping_norm: 0.5, noise_multiplier: 0.2}",
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 1}",
        ])
    func aFailureDoesNotShowWhereAnythingIsPrivate(privacy: String) throws {
        var setup = try SimulatorFixture.setup(privacy: privacy)
        let clients: [[Int32]] = (0..<40).map { (client: Int32) in
            client % 4 == 0 ? [] : [client, client + 1]
        }
        setup.partition = Partition(clients: clients)
        let journal = try DiagnosticJournal()
        let simulator = try Simulator(setup, journal: journal)
        _ = try simulator.run()
        #expect(simulator.progress.records.allSatisfy { $0.clientsReported == 12 && $0.abandoned == nil })
        #expect(journal.diagnostics.contains { $0.clientsFailed > 0 })
        #expect(journal.diagnostics.allSatisfy { !$0.releasable && $0.updateNorms.allSatisfy { $0 > 0 } })
        #expect(simulator.progress.parameters.values.allSatisfy { $0.isFinite })
        guard privacy.contains("distributed") else { return }
        setup.masks = true
        #expect(try SimulatorFixture.run(setup).progress.parameters == simulator.progress.parameters)
    }

    /// Real keys, shares and masks give the bits of the plain integer sum, drop-outs or not.
    @Test(arguments: [0, 0.2], ["skellam", "discrete_gaussian"])
    func masksChangeNothing(dropoutRate: Double, mechanism: String) throws {
        var faults = FleetModel()
        faults.dropoutRate = dropoutRate
        let privacy =
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 1, mechanism: '\(mechanism)'}"
        let task = "min_reports: 14, secure_aggregation: {estimated_dropout_rate: 0.3}"
        var setup = try SimulatorFixture.setup(
            privacy: privacy, faults: faults, workers: 2, task: task, cohort: 30, hidden: 32)
        let plain = try SimulatorFixture.run(setup).progress
        setup.masks = true
        let masked = try SimulatorFixture.run(setup).progress
        #expect(plain.published == 6)
        #expect(masked.parameters == plain.parameters)
        #expect(masked.records.map(\.clientsReported) == plain.records.map(\.clientsReported))
        // On a lattice too, whether encrypted or not.
        for masks in [false, true] {
            var encrypted = try SimulatorFixture.setup(
                privacy: privacy, faults: faults, workers: 2,
                task: task.replacing("rate: 0.3", with: "rate: 0.3, scheme: 'lattice'"), cohort: 30,
                hidden: 32)
            encrypted.masks = masks
            let found = try SimulatorFixture.run(encrypted).progress
            #expect(found.parameters == plain.parameters)
            #expect(found.records.map(\.abandoned) == plain.records.map(\.abandoned))
        }
    }

    /// Where a wrong key could go unnoticed there is no lattice.
    @Test func aShortVectorIsNotEncrypted() {
        #expect {
            _ = try SimulatorFixture.setup(
                privacy: "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 1}",
                task: "min_reports: 14, secure_aggregation: {estimated_dropout_rate: 0.3, scheme: 'lattice'}",
                cohort: 30)
        } throws: { "\($0)".contains("too short") }
    }

    /// A round that lost more members than its shares are sized for releases nothing.
    @Test func aPoissonRoundWithTooManyDropOutsIsAbandoned() throws {
        let privacy =
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 2, sampling: 'poisson'}"
        let task = "secure_aggregation: {estimated_dropout_rate: 0.1, adversarial_client_rate: 0}"
        var faults = FleetModel()
        faults.dropoutRate = 0.3
        let progress = try SimulatorFixture.run(
            SimulatorFixture.setup(privacy: privacy, faults: faults, task: task, clients: 400, cohort: 200)
        ).progress
        #expect(progress.published == 0 && progress.finished == .abandonedTooOften)
    }
}
