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

@Suite("What a simulated run spends") struct SimulatorPrivacyTests {
    /// 40 clients fill three rounds of 12: trees of three rounds, two of them in six rounds.
    @Test(arguments: ["zero-out", "replace-one"]) func treeNoiseIsChargedByTheTree(adjacency: String) throws {
        let setup = try SimulatorFixture.setup(
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

    /// 40 clients fill three rounds of 12, so that of six rounds a client is in two: the run is one event, charged first.
    @Test(arguments: ["zero-out", "replace-one"]) func matrixNoiseIsChargedOnceARun(adjacency: String) throws
    {
        let keys = "mode: 'central', mechanism: 'matrix', clipping_norm: 0.5, adjacency: '\(adjacency)'"
        let setup = try SimulatorFixture.setup(privacy: "{\(keys), noise_multiplier: 3}")
        let privacy = try #require(setup.plan.privacy)
        #expect((1...7).map { privacy.events(charge: $0).count } == [1, 0, 0, 0, 0, 0, 1])
        let event = try #require(privacy.events(charge: 1).first)
        guard case .matrix(let parameters) = event.mechanism else {
            Issue.record("another event: \(event)")
            return
        }
        #expect(abs(parameters.noiseMultiplier - 3) < 1e-9 && event.adjacency.rawValue == adjacency)
        #expect((parameters.rounds, parameters.separation, parameters.participations) == (6, 3, 2))
        let single = PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 3), adjacency: event.adjacency)
        let expected = try PrivacyGuarantee.of([single], delta: 1e-5).epsilon
        for rounds in 1...6 {
            #expect(abs(try privacy.spent(rounds: rounds).epsilon / expected - 1) < 1e-9)
            #expect(abs(try #require(try privacy.epsilonByFormula(rounds: rounds)) / expected - 1) < 1e-9)
            #expect(try privacy.epsilonQuickly(rounds: rounds) >= expected)
        }
        // The noise is for six rounds and no more, whatever the budget.
        #expect(setup.plan.rules.affordableRounds == 6 && setup.plan.rules.pattern?.separation == 3)
        let calibrated = try SimulatorFixture.setup(
            privacy: "{\(keys), calibrate: true, target_epsilon: 4}"
        ).plan.privacy
        let spent = try #require(calibrated).spent(rounds: 6).epsilon
        #expect(spent <= 4 && spent > 3.99)
    }

    /// Every client stays away as long as the noise asks, over a restart and with rounds that are abandoned.
    @Test(arguments: ["", "max_participations: 3, min_separation: 2"])
    func nobodyIsInMoreSumsThanTheNoiseCovers(
        keys: String
    ) throws {
        let privacy =
            "{mode: 'central', mechanism: 'matrix', matrix: {\(keys)}, clipping_norm: 0.5, noise_multiplier: 3}"
        var faults = FleetModel()
        faults.dropoutRate = 0.3
        let setup = try SimulatorFixture.setup(privacy: privacy, faults: faults)
        let pattern = try #require(setup.plan.rules.pattern)
        let first = try Simulator(setup, journal: SilentJournal())
        #expect(try first.run(Stopper(after: 2)) == nil)
        let simulator = try Simulator(setup, journal: SilentJournal(), from: first.progress)
        _ = try simulator.run()
        let records = simulator.progress.attendance.records
        #expect(records.count > 12)
        #expect(records.values.allSatisfy { $0.count <= pattern.participations && $0.last <= 6 })
        #expect(records.values.map(\.count).reduce(0, +) == simulator.progress.clientsTrained)
    }

    /// The same cohorts and ε: bands err least, and the square root is between them and the tree.
    @Test func theLeastErrorIsNamed() throws {
        func figures(_ mechanism: String) throws -> [String: JSONValue] {
            try SimulatorFixture.setup(
                privacy:
                    "{mode: 'central', mechanism: '\(mechanism)', clipping_norm: 0.5, noise_multiplier: 3, "
                    + "adjacency: 'zero-out'}", clients: 1000, cohort: 250
            ).plan.description()
        }
        let matrix = try figures("matrix")
        #expect(matrix["least_total_squared_error"] == .string("matrix, bands"))
        let names = ["matrix, bands", "matrix, square-root", "tree", "gaussian"]
        let errors = names.compactMap { name -> Double? in
            guard case .number(let error)? = matrix["total_squared_error (\(name))"] else { return nil }
            return error
        }
        #expect(errors.count == 4 && errors == errors.sorted(), "\(errors)")
        #expect(try figures("tree")["total_squared_error (tree)"] != nil)
        #expect(try figures("gaussian")["total_squared_error (gaussian)"] != nil)
    }

    @Test(arguments: [
        "mechanism: 'matrix', sampling: 'poisson'", "mechanism: 'matrix', adjacency: 'add-or-remove-one'",
        "mechanism: 'matrix', matrix: {min_separation: 4}", "mechanism: 'matrix', matrix: {bands: 4}",
        "mechanism: 'matrix', matrix: {max_participations: 1}",
        "mechanism: 'matrix', matrix: {strategy: 'best'}",
        "mechanism: 'matrix', matrix: {strategy: 'buffers', bands: 2}",
        "mechanism: 'matrix', matrix: {buffers: 2}",
        "matrix: {}", "mechanism: 'tree', matrix: {}", "mechanism: 'matrix', rounds_per_tree: 2",
        "mechanism: 'matrix', adaptive_clipping: {}",
    ])
    func plansThatMatricesDoNotCoverAreRefused(keys: String) {
        #expect(throws: ConfigurationError.self) {
            try SimulatorFixture.setup(privacy: "{mode: 'central', noise_multiplier: 3, \(keys)}")
        }
        #expect(throws: ConfigurationError.self) {
            try SimulatorFixture.setup(privacy: "{mode: 'local', noise_multiplier: 3, mechanism: 'matrix'}")
        }
    }

    /// Clipped by the tensor, no tensor of an update is longer than its part, and the whole keeps the norm.
    @Test func tensorsAreClippedOnTheirOwn() throws {
        let privacy = "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 1, per_layer_clipping: true}"
        let plan = try SimulatorFixture.setup(privacy: privacy).plan
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

    @Test(arguments: [
        "mechanism: 'tree', sampling: 'poisson'", "mechanism: 'tree', adjacency: 'add-or-remove-one'",
        "mechanism: 'tree', rounds_per_tree: 4", "rounds_per_tree: 2",
        "mechanism: 'tree', adaptive_clipping: {}", "tree_estimator: 'honaker'",
        "mechanism: 'tree', tree_estimator: 'best'",
    ])
    func plansThatTreesDoNotCoverAreRefused(keys: String) {
        #expect(throws: ConfigurationError.self) {
            try SimulatorFixture.setup(privacy: "{mode: 'central', noise_multiplier: 3, \(keys)}")
        }
        #expect(throws: ConfigurationError.self) {
            try SimulatorFixture.setup(privacy: "{mode: 'local', noise_multiplier: 3, mechanism: 'tree'}")
        }
    }

    /// Shares are sized for the honest among the fewest survivors: that noise, and no more, is what is accounted.
    @Test func sharesOfNoiseAreAccountedForTheFewestHonestSurvivors() throws {
        let privacy = "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 2}"
        let task = "min_reports: 10, secure_aggregation: {adversarial_client_rate: 0.1}"
        let plan = try #require(SimulatorFixture.setup(privacy: privacy, task: task, cohort: 20).plan.privacy)
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
        let plan = try SimulatorFixture.setup(privacy: privacy, task: task, clients: 4000, cohort: 400).plan
        let noise = try #require(plan.privacy)
        guard case .skellam(let accounted, _)? = noise.serverEvent?.mechanism else {
            Issue.record("distributed noise is Skellam by default")
            return
        }
        guard case .skellam(let released, _)? = noise.events(charge: 1).first?.mechanism else {
            Issue.record("the event of the models is of the same noise")
            return
        }
        // Of the models the server's part counts, which makes up for drop-outs: it is as if nobody did.
        #expect(rates.dropout > 0 ? released > accounted * (1 + rates.dropout) : released == accounted)
        var leastReleased = Double.infinity
        var variances: Set<Double> = []
        for members in stride(from: plan.rules.minimumReports, through: plan.greatestCohort, by: 37) {
            let share = try #require(try noise.clientNoise(members: members)).variance
            let kept = Int(((1 - rates.dropout) * Double(members) - 1e-9).rounded(.up))
            let fewest = max(plan.rules.minimumReports, kept)
            let corrupt = Int((rates.adversarial * Double(members)).rounded(.up))
            #expect(Double(fewest - corrupt) * share >= accounted * (1 - 1e-9))
            for survivors in fewest...members {
                let topUp = try noise.topUpNoise(members: members, survivors: survivors)?.variance ?? 0
                let total = Double(survivors) * share + topUp
                variances.insert((total / accounted * 1e9).rounded())
                leastReleased = min(leastReleased, total - Double(corrupt) * share)
            }
        }
        let (least, most) = (try #require(variances.min()), try #require(variances.max()))
        #expect(most - least <= 2)
        #expect(leastReleased >= released * (1 - 1e-9))
    }

    /// The published bound for sampled Skellam noise may ask for four times what is needed.
    @Test(arguments: [0.5, 2, 8], ["central", "distributed"])
    func calibrationEndsJustBelowItsTarget(target: Double, mode: String) throws {
        let privacy =
            "{mode: '\(mode)', clipping_norm: 0.5, calibrate: true, target_epsilon: \(target), sampling: 'poisson'}"
        let task = "secure_aggregation: {estimated_dropout_rate: 0, adversarial_client_rate: 0}"
        let plan = try SimulatorFixture.setup(privacy: privacy, task: task, clients: 4000, cohort: 400).plan
        let spent = try #require(try plan.privacy?.spent(rounds: 6).epsilon)
        #expect(spent <= target && spent > 0.999 * target)
    }

    /// The server knows whom it sampled: what it learns is never stated with amplification.
    @Test func theServersEpsilonIsNotAmplified() throws {
        let privacy = "{mode: 'distributed', clipping_norm: 0.5, noise_multiplier: 3, sampling: 'poisson'}"
        let task = "secure_aggregation: {estimated_dropout_rate: 0, adversarial_client_rate: 0}"
        let plan = try SimulatorFixture.setup(privacy: privacy, task: task, clients: 4000, cohort: 400).plan
        let spending = Spending(plan)
        for rounds in [1, 3, 6] {
            let server = try spending.epsilonAgainstServer(rounds: rounds)
            #expect(try server > 3 * spending.epsilon(rounds: rounds))
            let exact = try #require(try plan.privacy?.spentAgainstServer(rounds: rounds))
            // In between by Rényi divergences, at the end by the loss distribution.
            let renyi = try #require(
                try plan.privacy?.spentAgainstServer(rounds: rounds, accountant: .rdp))
            #expect(server >= exact.epsilon * (1 - 1e-9) && server <= renyi.epsilon)
            #expect(rounds < 6 || server == exact.epsilon)
        }
    }

    @Test func thePrivacyBudgetStopsTheRun() throws {
        let setup = try SimulatorFixture.setup(
            privacy: "{mode: 'central', clipping_norm: 0.5, noise_multiplier: 1, target_epsilon: 9}")
        let affordable = try #require(setup.plan.rules.affordableRounds)
        #expect(affordable > 0 && affordable < 6)
        let progress = try SimulatorFixture.run(setup).progress
        #expect(progress.published == affordable && progress.finished == .budget)
        #expect(try #require(setup.plan.privacy).spent(rounds: affordable).epsilon <= 9)
        #expect(try #require(setup.plan.privacy).spent(rounds: affordable + 1).epsilon > 9)
    }

    @Test func calibrationMeetsItsTarget() throws {
        for mechanism in ["gaussian", "discrete_gaussian", "skellam"] {
            let plan = try SimulatorFixture.setup(
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
        #expect(throws: ConfigurationError.self) { try SimulatorFixture.setup(privacy: privacy) }
    }

    @Test func aBudgetBelowOneRoundIsRefused() {
        #expect(throws: PrivacyRefusal.self) {
            try SimulatorFixture.setup(
                privacy: "{mode: 'central', noise_multiplier: 0.1, target_epsilon: 0.5}")
        }
    }

    @Test func aPrivateTaskIsTheDefault() throws {
        let text = "{model: {preset: 'logistic', classes: 2}, training: {}, rounds: 5, cohort_size: 4}"
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        #expect(task.privacy.mode == .central && task.privacy.targetEpsilon == 8)
    }
}
