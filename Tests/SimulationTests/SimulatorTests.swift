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
private enum Fixture {
    static func setup(
        privacy: String = "{mode: 'none'}", strategy: String = "{name: 'fedavg'}",
        faults: FleetModel = FleetModel(),
        workers: Int = 1, seed: UInt64 = 1, task extra: String = "", clients: Int = 40,
        cohort: Int = 12
    ) throws -> SimulationSetup {
        let text = """
            { name: 't', model: { preset: 'mlp', hidden: [8], classes: 3 },
              training: { local_epochs: 1, batch_size: 5, learning_rate: 0.1 },
              strategy: \(strategy), rounds: 6, cohort_size: \(cohort), privacy: \(privacy), \(extra) }
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
    static let central =
        "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 0.5, adjacency: 'add-or-remove-one'}"
}

@Suite struct SimulatorTests {
    /// With an expected cohort of one, about a third of the draws are empty. Such a round once never ended.
    @Test func anEmptyPoissonCohortReleasesNoiseAlone() throws {
        let privacy = "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 1, sampling: 'poisson'}"
        let progress = try Fixture.run(Fixture.setup(privacy: privacy, cohort: 1)).progress
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
                var setup = try Fixture.setup(
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
        var setup = try Fixture.setup(privacy: privacy, task: task, cohort: 4)
        setup.masks = masks
        let simulator = try Simulator(setup, journal: SilentJournal())
        _ = try simulator.run(Stopper(after: 4))
        let records = simulator.progress.records
        #expect(records.map(\.virtualSeconds) == [70, 140, 210, 280])
        if masks { #expect(records.contains { $0.abandoned?.contains("secure aggregation") == true }) }
    }

    @Test(
        arguments: [
            "{mode: 'none'}", Fixture.central, "{mode: 'local', clipping_norm: 0.5, noise_multiplier: 0.2}",
            "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 0.5, adaptive_clipping: {}}",
            Fixture.tree,
        ], ["{name: 'fedavg'}", "{name: 'fedprox', mu: 0.1}", "{name: 'fedsgd', server_momentum: 0.5}"])
    func theModelDoesNotDependOnTheNumberOfWorkers(privacy: String, strategy: String) throws {
        var faults = FleetModel()
        faults.dropoutRate = 0.2
        faults.speedSpread = 1
        faults.secondsPerExample = 0.001
        let models = try [1, 2, 4].map { workers in
            try Fixture.run(
                Fixture.setup(privacy: privacy, strategy: strategy, faults: faults, workers: workers)
            ).progress.parameters
        }
        #expect(models[0] == models[1] && models[0] == models[2])
        let other = try Fixture.run(
            Fixture.setup(privacy: privacy, strategy: strategy, faults: faults, seed: 2))
        #expect(other.progress.parameters != models[0])
    }

    @Test func trainingHelps() throws {
        let records = try Fixture.run(Fixture.setup(task: "evaluation: {every: 1}")).progress.records
        let accuracies = records.compactMap(\.accuracy)
        #expect(accuracies.count == 6)
        #expect((accuracies.last ?? 0) > 0.85)
    }

    /// Stopping after any round and going on from the checkpointed progress gives the undisturbed run's bits.
    @Test(
        arguments: 1..<6,
        [
            "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 0.5, adaptive_clipping: {}}",
            Fixture.tree,
        ])
    func aResumedRunEndsAtTheSameBits(stopAfter: Int, privacy: String) throws {
        for strategy in ["{name: 'fedavg', server_momentum: 0.9}", "{name: 'fedadam'}"] {
            let setup = try Fixture.setup(privacy: privacy, strategy: strategy)
            let whole = try Fixture.run(setup)
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

    /// 40 clients fill three rounds of 12: trees of three rounds, two of them in six rounds.
    @Test(arguments: ["zero-out", "replace-one"]) func treeNoiseIsChargedByTheTree(adjacency: String) throws {
        let setup = try Fixture.setup(
            privacy:
                "{mode: 'central', mechanism: 'tree', clipping_norm: 0.5, noise_multiplier: 3, adjacency: '\(adjacency)'}"
        )
        let privacy = try #require(setup.plan.privacy)
        let charges = (1...7).map { privacy.events(charge: $0).count }
        #expect(charges == [1, 0, 0, 1, 0, 0, 1])
        let event = try #require(privacy.events(charge: 1).first)
        #expect(event.mechanism == .tree(noiseMultiplier: 3, participations: 1) && event.steps == 3)
        #expect(event.adjacency.rawValue == adjacency)
        // Two trees of height two: zCDP of 2 × 2 / (2 × 3²), as one Gaussian of multiplier 3/2 has.
        let single = PrivacyEvent(
            mechanism: .gaussian(noiseMultiplier: 1.5), adjacency: event.adjacency)
        let expected = try PrivacyGuarantee.of([single], delta: 1e-5, accountant: .rdp).epsilon
        for rounds in 4...6 {
            let spent = try privacy.spent(rounds: rounds, accountant: .rdp).epsilon
            #expect(abs(spent / expected - 1) < 1e-9)
            let spending = Spending(setup.plan)
            #expect(
                try spending.epsilon(rounds: privacy.rounds(events: 2)) == spending.epsilon(rounds: rounds))
        }
        #expect(try privacy.spent(rounds: 3).epsilon < expected)
    }

    /// Clipped by the tensor, no tensor of an update is longer than its part, and the whole keeps the norm.
    @Test func tensorsAreClippedOnTheirOwn() throws {
        let privacy = "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 1, per_layer_clipping: true}"
        let plan = try Fixture.setup(privacy: privacy).plan
        let layout = plan.model.layout
        let bound = 0.5 / Double(layout.entries.count).squareRoot()
        // One large tensor, the others small.
        var delta = [Float](repeating: 0.001, count: plan.dimension)
        for index in layout.entries[0].range { delta[index] = 3 }
        let pipeline = UpdatePipeline(plan: plan)
        var rounding = SeededGenerator(seed: 1, purpose: .stochasticRounding)
        var noise = SeededNoiseSource(seed: 1, client: 0, round: 1)
        var sum = Aggregation(count: plan.report.count, bits: plan.codec.bits)
        let wasClipped = try delta.withUnsafeBufferPointer {
            let encoded = try pipeline.encode(
                $0, examples: 1, clippingNorm: 0.5, rounding: &rounding, noise: &noise)
            try pipeline.add($0, to: &sum)
            return encoded.diagnostics.wasClipped
        }
        #expect(wasClipped)
        let values = plan.codec.decode(sum.sum, count: plan.dimension, dividedBy: 1)
        for entry in layout.entries {
            let norm = values[entry.range].reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            let own = delta[entry.range].reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(abs(norm - min(own, bound)) < 1e-4)
        }
    }

    /// Rounding while adding gives the integers that rounding first does, and nothing of an update that is too long.
    @Test(arguments: [
        "", ", adaptive_clipping: {}", ", per_layer_clipping: true", ", noise_multiplier: 0.001",
    ]) func whatIsOnlyAddedIsTheSame(keys: String) throws {
        let multiplier = keys.contains("multiplier") ? "" : ", noise_multiplier: 1"
        let privacy = "{mode: 'central', clipping_norm: 0.5\(multiplier)\(keys)}"
        let plan = try Fixture.setup(privacy: privacy).plan
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

    @Test(arguments: [
        "mechanism: 'tree', sampling: 'poisson'", "mechanism: 'tree', adjacency: 'add-or-remove-one'",
        "mechanism: 'tree', rounds_per_tree: 4", "rounds_per_tree: 2",
        "mechanism: 'tree', adaptive_clipping: {}",
    ])
    func plansThatTreesDoNotCoverAreRefused(keys: String) {
        #expect(throws: ConfigurationError.self) {
            try Fixture.setup(privacy: "{mode: 'central', noise_multiplier: 3, \(keys)}")
        }
        #expect(throws: ConfigurationError.self) {
            try Fixture.setup(privacy: "{mode: 'local', noise_multiplier: 3, mechanism: 'tree'}")
        }
    }

    @Test func dropOutsBelowTheMinimumAbandonTheRound() throws {
        var faults = FleetModel()
        faults.dropoutRate = 1
        let progress = try Fixture.run(Fixture.setup(faults: faults, task: "min_reports: 3")).progress
        #expect(progress.published == 0 && progress.finished == .abandonedTooOften)
        #expect(progress.records.allSatisfy { $0.abandoned == "0 reports, 3 required" })
    }

    @Test func overSelectionClosesAtTheTarget() throws {
        var faults = FleetModel()
        faults.speedSpread = 1
        faults.secondsPerExample = 0.001
        let records = try Fixture.run(
            Fixture.setup(faults: faults, task: "over_selection: 1.5")
        ).progress.records
        #expect(records.allSatisfy { $0.clientsSelected == 18 && $0.clientsReported == 12 })
    }

    /// A client whose training fails gives up, and the next to arrive takes its place.
    @Test func aFailingClientIsReplacedByTheNextArrival() throws {
        var setup = try Fixture.setup(task: "over_selection: 1.5")
        let rows = (0..<40).map { client -> [Int32] in
            if client % 4 == 0 { return [] }
            return [Int32(client), Int32(client) + 1]
        }
        setup.partition = Partition(clients: rows)
        let progress = try Fixture.run(setup).progress
        #expect(progress.published == 6)
        #expect(progress.records.allSatisfy { $0.clientsReported <= 12 && $0.clientsReported > 8 })
    }

    /// In a private mode a client whose local work fails reports noise alone, and only the diagnostics tell; masked or
    /// not, the sums are the same.
    @Test(
        arguments: [
            Fixture.central, "{mode: 'local', clipping_norm: 0.5, noise_multiplier: 0.2}",
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 1}",
        ])
    func aFailureDoesNotShowWhereAnythingIsPrivate(privacy: String) throws {
        var setup = try Fixture.setup(privacy: privacy)
        setup.partition = Partition(
            clients: (0..<40).map { $0 % 4 == 0 ? [] : [Int32($0), Int32($0) + 1] })
        let journal = try DiagnosticJournal()
        let simulator = try Simulator(setup, journal: journal)
        _ = try simulator.run()
        #expect(simulator.progress.records.allSatisfy { $0.clientsReported == 12 && $0.abandoned == nil })
        #expect(journal.diagnostics.contains { $0.clientsFailed > 0 })
        #expect(journal.diagnostics.allSatisfy { !$0.releasable && $0.updateNorms.allSatisfy { $0 > 0 } })
        #expect(simulator.progress.parameters.values.allSatisfy { $0.isFinite })
        guard privacy.contains("distributed") else { return }
        setup.masks = true
        #expect(try Fixture.run(setup).progress.parameters == simulator.progress.parameters)
    }

    /// Real keys, shares and masks give the bits of the plain integer sum, drop-outs or not.
    @Test(arguments: [0, 0.2], ["skellam", "discrete_gaussian"])
    func masksChangeNothing(dropoutRate: Double, mechanism: String) throws {
        var faults = FleetModel()
        faults.dropoutRate = dropoutRate
        let privacy =
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 1, mechanism: '\(mechanism)'}"
        let task = "min_reports: 14, secure_aggregation: {estimated_dropout_rate: 0.3}"
        var setup = try Fixture.setup(
            privacy: privacy, faults: faults, workers: 2, task: task, cohort: 30)
        let plain = try Fixture.run(setup).progress
        setup.masks = true
        let masked = try Fixture.run(setup).progress
        #expect(plain.published == 6)
        #expect(masked.parameters == plain.parameters)
        #expect(masked.records.map(\.clientsReported) == plain.records.map(\.clientsReported))
    }

    /// Shares are sized for the honest among the fewest survivors: that noise, and no more, is what is accounted.
    @Test func sharesOfNoiseAreAccountedForTheFewestHonestSurvivors() throws {
        let privacy = "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 2}"
        let task = "min_reports: 10, secure_aggregation: {adversarial_client_rate: 0.1}"
        let plan = try #require(Fixture.setup(privacy: privacy, task: task, cohort: 20).plan.privacy)
        let honest = 10 - 2
        guard case .skellam(let variance, let sensitivity) = plan.events(charge: 1).first?.mechanism else {
            Issue.record("distributed noise is Skellam by default")
            return
        }
        #expect(abs(variance - Double(honest) * plan.mechanism.variance) <= 1e-9 * variance)
        #expect(abs(variance.squareRoot() / sensitivity.l2 - 2) < 1e-9)
        #expect(plan.serverEvent?.sampling == PrivacyEvent.Sampling.none)
    }

    /// Under Poisson sampling the noise in a released sum must not tell how many were drawn, nor how many dropped
    /// out; and the honest survivors' part of it must be all that is accounted.
    @Test(arguments: [(0.0, 0.0), (0.1, 0.1), (0.2, 0.05)])
    func noiseDoesNotTellTheSizeOfACohort(rates: (dropout: Double, adversarial: Double)) throws {
        let privacy =
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 2, sampling: 'poisson'}"
        let task =
            "secure_aggregation: {estimated_dropout_rate: \(rates.dropout), adversarial_client_rate: \(rates.adversarial)}"
        let plan = try Fixture.setup(privacy: privacy, task: task, clients: 4000, cohort: 400).plan
        let noise = try #require(plan.privacy)
        guard case .skellam(let accounted, _)? = noise.serverEvent?.mechanism else {
            Issue.record("distributed noise is Skellam by default")
            return
        }
        var variances: Set<Double> = []
        for members in stride(from: plan.rules.minimumReports, through: plan.greatestCohort, by: 37) {
            let share = try #require(try noise.clientNoise(members: members)).variance
            let kept = Int(((1 - rates.dropout) * Double(members) - 1e-9).rounded(.up))
            let fewest = max(plan.rules.minimumReports, kept)
            let corrupt = Int((rates.adversarial * Double(members)).rounded(.up))
            #expect(Double(fewest - corrupt) * share >= accounted * (1 - 1e-9))
            for survivors in fewest...members {
                let topUp = try noise.topUpNoise(members: members, survivors: survivors)?.variance ?? 0
                variances.insert(((Double(survivors) * share + topUp) / accounted * 1e9).rounded())
            }
        }
        let (least, most) = (try #require(variances.min()), try #require(variances.max()))
        #expect(most - least <= 2)
    }

    /// The published bound for sampled Skellam noise may ask for four times what is needed.
    @Test(arguments: [0.5, 2, 8], ["central", "distributed"])
    func calibrationEndsJustBelowItsTarget(target: Double, mode: String) throws {
        let privacy =
            "{mode: '\(mode)', clipping_norm: 0.5, calibrate: true, target_epsilon: \(target), sampling: 'poisson'}"
        let task = "secure_aggregation: {estimated_dropout_rate: 0, adversarial_client_rate: 0}"
        let plan = try Fixture.setup(privacy: privacy, task: task, clients: 4000, cohort: 400).plan
        let spent = try #require(try plan.privacy?.spent(rounds: 6).epsilon)
        #expect(spent <= target && spent > 0.999 * target)
    }

    /// A round that lost more members than its shares are sized for releases nothing.
    @Test func aPoissonRoundWithTooManyDropOutsIsAbandoned() throws {
        let privacy =
            "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 2, sampling: 'poisson'}"
        let task = "secure_aggregation: {estimated_dropout_rate: 0.1, adversarial_client_rate: 0}"
        var faults = FleetModel()
        faults.dropoutRate = 0.3
        let progress = try Fixture.run(
            Fixture.setup(privacy: privacy, faults: faults, task: task, clients: 400, cohort: 200)
        ).progress
        #expect(progress.published == 0 && progress.finished == .abandonedTooOften)
    }

    /// The server knows whom it sampled: what it learns is never stated with amplification.
    @Test func theServersEpsilonIsNotAmplified() throws {
        let privacy = "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 3, sampling: 'poisson'}"
        let task = "secure_aggregation: {estimated_dropout_rate: 0, adversarial_client_rate: 0}"
        let plan = try Fixture.setup(privacy: privacy, task: task, clients: 4000, cohort: 400).plan
        let spending = Spending(plan)
        for rounds in [1, 3, 6] {
            let server = try spending.epsilonAgainstServer(rounds: rounds)
            #expect(try server > 3 * spending.epsilon(rounds: rounds))
            let exact = try #require(try plan.privacy?.spentAgainstServer(rounds: rounds))
            #expect(server >= exact.epsilon * (1 - 1e-9) && server <= exact.epsilon * 1.1)
        }
    }

    @Test func thePrivacyBudgetStopsTheRun() throws {
        let setup = try Fixture.setup(
            privacy: "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 1, target_epsilon: 9}")
        let affordable = try #require(setup.plan.rules.affordableRounds)
        #expect(affordable > 0 && affordable < 6)
        let progress = try Fixture.run(setup).progress
        #expect(progress.published == affordable && progress.finished == .budget)
        #expect(try #require(setup.plan.privacy).spent(rounds: affordable).epsilon <= 9)
        #expect(try #require(setup.plan.privacy).spent(rounds: affordable + 1).epsilon > 9)
    }

    @Test func calibrationMeetsItsTarget() throws {
        for mechanism in ["gaussian", "discrete_gaussian", "skellam"] {
            let plan = try Fixture.setup(
                privacy: "{mode: 'central', calibrate: true, target_epsilon: 3, mechanism: '\(mechanism)'}"
            ).plan
            let privacy = try #require(plan.privacy)
            let epsilon = try privacy.spent(rounds: 6).epsilon
            #expect(epsilon <= 3 && epsilon > 2.99)
        }
    }

    @Test(arguments: [
        "{mode: 'central', clipping_norm: 1}",
        "{mode: 'central', noise_multiplier: 1, calibrate: true, target_epsilon: 1}",
        "{mode: 'none', noise_multiplier: 1}", "{clipping_norm: 1}",
        "{mode: 'central', noise_multiplier: -1}",
        "{mode: 'central', noise_multiplier: 0}", "{mode: 'central', calibrate: true}",
        "{mode: 'central', noise_multiplier: 1, sampling: 'fixed-size', adjacency: 'add-or-remove-one'}",
        "{mode: 'central', noise_multiplier: 1, sampling: 'poisson', adjacency: 'replace-one'}",
        "{mode: 'local', noise_multiplier: 1, sampling: 'poisson'}",
        "{mode: 'central', noise_multiplier: 1, mechanism: 'lap'}",
        "{mode: 'local', noise_multiplier: 1, adaptive_clipping: {}}",
        "{mode: 'distributed', noise_multiplier: 1, mechanism: 'gaussian'}",
    ])
    func unsoundPrivacySectionsAreRefused(privacy: String) {
        #expect(throws: ConfigurationError.self) { try Fixture.setup(privacy: privacy) }
    }

    @Test func aBudgetBelowOneRoundIsRefused() {
        #expect(throws: PrivacyRefusal.self) {
            try Fixture.setup(privacy: "{mode: 'central', noise_multiplier: 0.1, target_epsilon: 0.5}")
        }
    }

    @Test func aPrivateTaskIsTheDefault() throws {
        let text = "{model: {preset: 'logistic', classes: 2}, training: {}, rounds: 5, cohort_size: 4}"
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        #expect(task.privacy.mode == .central && task.privacy.targetEpsilon == 8)
    }
}

/// Stops a run after a number of rounds.
private final class Stopper: SimulationObserver {
    private var left: Int

    init(after rounds: Int) { left = rounds }

    func roundEnded(_ record: RoundRecord, of rounds: Int) { left -= 1 }
    func warned(_ warning: String) {}
    var wantsToStop: Bool { left <= 0 }
}

/// Keeps what each round's diagnostics say.
private final class DiagnosticJournal: SimulationJournal {
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
