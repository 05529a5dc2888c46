import Compute
import Configuration
import Federation
import Learning
import Testing

@testable import Simulation

/// Robust rules and attacks in whole runs.
@Suite struct RobustSimulationTests {
    private func setup(
        robust: String? = nil, attack: String? = nil, privacy: String = "{mode: 'none'}", workers: Int = 1,
        faults: FleetModel = FleetModel(), task: String = "", cohort: Int = 12
    ) throws -> SimulationSetup {
        let extra = [robust.map { "robust: \($0)" }, "min_reports: 8", task].compactMap(\.self).filter {
            !$0.isEmpty
        }
        var setup = try SimulatorFixture.setup(
            privacy: privacy, faults: faults, workers: workers, task: extra.joined(separator: ", "),
            cohort: cohort)
        setup.attack = try attack.map {
            try AttackConfiguration(
                Section(JSONValue(json5: $0.utf8, source: "test"), path: "simulation.attack"))
        }
        return setup
    }

    static let local = "{mode: 'local', clipping_norm: 1, noise_multiplier: 0.5}"

    /// One model for any number of workers, whatever the rule, the attack and the mode; drop-outs included.
    @Test(arguments: [
        ("{rule: 'median'}", "{name: 'sign-flip'}", "{mode: 'none'}"),
        ("{rule: 'krum', hostile: 2}", "{name: 'gaussian'}", "{mode: 'none'}"),
        (
            "{rule: 'trimmed-mean', hostile: 2, mixing: true}", "{name: 'little-is-enough', z: 1}",
            "{mode: 'none'}"
        ),
        ("{rule: 'geometric-median', bucketing: 2}", "{name: 'min-max'}", "{mode: 'none'}"),
        ("{rule: 'multi-krum', hostile: 2}", "{name: 'inner-product'}", local),
        ("{rule: 'norm-bound', norm: 0.3}", "{name: 'label-flip'}", SimulatorFixture.central),
        ("{rule: 'mean'}", "{name: 'zero'}", "{mode: 'none'}"),
    ]) func workersDoNotMatter(_ robust: String, _ attack: String, _ privacy: String) throws {
        var faults = FleetModel()
        faults.dropoutRate = 0.05
        faults.speedSpread = 1
        faults.secondsPerExample = 1
        let models = try [1, 3].map { workers in
            try SimulatorFixture.run(
                setup(robust: robust, attack: attack, privacy: privacy, workers: workers, faults: faults)
            ).progress
        }
        #expect(models[0].parameters.values == models[1].parameters.values && models[0].published > 0)
        let plain = try SimulatorFixture.run(setup(robust: robust, privacy: privacy, faults: faults)).progress
        #expect(plain.parameters.values != models[0].parameters.values, "the attack changed nothing")
    }

    /// Norm bounds that nothing reaches leave a central run as it is, to the bit.
    @Test func aWideBoundChangesNothing() throws {
        let plain = try SimulatorFixture.run(setup(privacy: SimulatorFixture.central)).progress
        let bounded = try SimulatorFixture.run(
            setup(robust: "{rule: 'norm-bound', norm: 10}", privacy: SimulatorFixture.central)
        ).progress
        #expect(plain.parameters.values == bounded.parameters.values && plain.published == 6)
    }

    /// Rules that let everybody count are one run, to the bit.
    @Test func withoutHostileClientsAllMeansAreOne() throws {
        let models = try [
            "{rule: 'mean'}", "{rule: 'trimmed-mean', hostile: 0}", "{rule: 'multi-krum', hostile: 0}",
            "{rule: 'norm-bound', norm: 1000}",
        ].map { try SimulatorFixture.run(setup(robust: $0)).progress.parameters.values }
        for model in models.dropFirst() { #expect(model == models[0]) }
    }

    static let groups =
        "{mode: 'distributed', clipping_norm: 1, noise_multiplier: 0.3}, secure_aggregation: {groups: 4,"
        + " estimated_dropout_rate: 0.3, adversarial_client_rate: 0}"

    /// Real masks in groups, the same integers without, any number of workers, and drop-outs: one model.
    @Test(arguments: ["{rule: 'median'}", "{rule: 'trimmed-mean', hostile: 1}", "{rule: 'krum', hostile: 0}"])
    func groupsAreOneModelMaskedOrNot(_ robust: String) throws {
        var faults = FleetModel()
        faults.dropoutRate = 0.05
        let runs = try [(1, false), (3, false), (2, true)].map { workers, masks in
            var setup = try setup(
                robust: robust, privacy: Self.groups, workers: workers, faults: faults, cohort: 24)
            setup.masks = masks
            return try SimulatorFixture.run(setup).progress
        }
        for run in runs.dropFirst() { #expect(run.parameters.values == runs[0].parameters.values) }
        #expect(runs[0].published > 0)
        let plain = try setup(
            privacy: "{mode: 'distributed', clipping_norm: 1, noise_multiplier: 0.3}", faults: faults,
            cohort: 24)
        #expect(try SimulatorFixture.run(plain).progress.parameters.values != runs[0].parameters.values)
    }

    /// A run goes on where it was stopped.
    @Test func stoppedRunsGoOn() throws {
        let setup = try setup(robust: "{rule: 'median', bucketing: 2}", attack: "{name: 'min-max'}")
        let whole = try SimulatorFixture.run(setup).progress
        let first = try Simulator(setup, journal: SilentJournal())
        #expect(try first.run(Stopper(after: 2)) == nil)
        let second = try Simulator(setup, journal: SilentJournal(), from: first.progress)
        #expect(try second.run() == .allRounds)
        #expect(second.progress.parameters.values == whole.parameters.values)
    }

    /// The mean follows liars who turn it round, the median does not.
    @Test(arguments: ["{name: 'sign-flip', scale: 10}", "{name: 'inner-product', scale: 10}"])
    func medianLearnsWhereTheMeanDoesNot(_ attack: String) throws {
        func accuracy(_ robust: String) throws -> Double {
            let setup = try setup(robust: robust, attack: attack, cohort: 40)
            return try SimulatorFixture.run(setup).finalMetrics()?.accuracy ?? 0
        }
        let (mean, median) = (try accuracy("{rule: 'mean'}"), try accuracy("{rule: 'median'}"))
        #expect(median > 0.6 && mean < median - 0.2, "mean \(mean), median \(median)")
    }

    /// Liars about the model move the mean of what clients say, and hardly a median of it.
    @Test func claimsOfAFewDoNotMoveAMedian() throws {
        let noise = "{mode: 'local', clipping_norm: 1, noise_multiplier: 0.02}"
        func last(_ robust: String?) throws -> Double {
            let run = try SimulatorFixture.run(
                setup(
                    robust: robust, attack: "{name: 'false-metrics'}", privacy: noise,
                    task: "evaluation: { holdout: 'federated' }"))
            return run.progress.records.last?.accuracy ?? 0
        }
        let (mean, median) = (try last(nil), try last("{rule: 'median'}"))
        #expect(median > mean + 0.05, "mean \(mean), median \(median)")
    }
}
