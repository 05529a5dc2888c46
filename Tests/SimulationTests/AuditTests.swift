import Compute
import Configuration
import Datasets
import Federation
import Foundation
import Learning
import Privacy
import Testing

@testable import Simulation

/// Audits of small federations: sound ones in every mode, and others that do what they do not claim.
@Suite struct AuditTests {
    /// Looks on and stops nothing.
    private final class Onlooker: SimulationObserver {
        func roundEnded(_ record: RoundRecord, of rounds: Int) {}
        func warned(_ warning: String) {}
        var wantsToStop: Bool { false }
    }

    static func settings(canaries: Int = 400, releases: Int = 0, draws: Int = 0) -> AuditRun.Settings {
        var settings = AuditRun.Settings(
            run: .init(out: "", workers: nil, secureNoise: false, resumes: false, command: ""))
        (settings.canaries, settings.releases, settings.draws) = (canaries, releases, draws)
        settings.significance = 0.01
        return settings
    }

    /// A federation of clients with two examples each; 1539 parameters.
    static func setup(
        _ privacy: String, clients: Int = 400, cohort: Int? = nil, rounds: Int = 4, task extra: String = "",
        masks: Bool = false
    ) throws -> SimulationSetup {
        let text = """
            { name: 'a', model: { preset: 'mlp', hidden: [256], classes: 3 },
              training: { local_epochs: 1, batch_size: 2, learning_rate: 0.1 }, strategy: { name: 'fedavg' },
              rounds: \(rounds), cohort_size: \(cohort ?? clients), privacy: \(privacy), \(extra) }
            """
        let task = try TaskConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        var random = SeededGenerator(seed: 5, purpose: .test)
        let examples = Examples(
            count: 100, featureShape: [2], features: .floats((0..<200).map { _ in random.uniform() }),
            targets: .classes((0..<100).map { Int32($0 % 3) }, count: 3))
        let plan = try TaskPlan(
            task, model: Model(task.model, inputShape: [2]), population: clients)
        let rows = (0..<clients).map { client -> [Int32] in
            [client % 100, (client * 7 + 1) % 100].map { Int32($0) }
        }
        return SimulationSetup(
            plan: plan, training: examples, holdout: nil, partition: Partition(clients: rows), seed: 1,
            faults: FleetModel(), workers: 1, noise: .seeded(1), masks: masks)
    }

    /// Where no sum's noise is its own, scores would measure nothing and call it safe.
    @Test(arguments: [
        "{mode: 'central', mechanism: 'matrix', matrix: {min_separation: 2}, clipping_norm: 1, noise_multiplier: 1}",
        "{mode: 'central', mechanism: 'tree', tree_estimator: 'honaker', clipping_norm: 1, noise_multiplier: 1}",
    ])
    func correlatedNoiseIsRefused(privacy: String) throws {
        let setup = try Self.setup(privacy, clients: 40, cohort: 10)
        let error = #expect(throws: ConfigurationError.self) {
            try AuditRun(setup, claimed: setup.plan, Self.settings(canaries: 10))
        }
        #expect(error?.description.contains("cannot be audited") == true)
    }

    static func audit(
        _ running: SimulationSetup, claimed: SimulationSetup? = nil,
        _ settings: AuditRun.Settings = settings(), places: [Int]? = nil
    ) throws -> AuditOutcome {
        let audit = try AuditRun(running, claimed: (claimed ?? running).plan, settings, places: places)
        return try #require(try audit.perform(Onlooker()))
    }

    static func central(_ multiplier: Double, clip: Double = 1, _ more: String = "") -> String {
        "{mode: 'central', clipping_norm: \(clip), noise_multiplier: \(multiplier)\(more)}"
    }

    /// What a form found; its name must be among the outcome's.
    static func form(_ name: String, _ outcome: AuditOutcome) throws -> AuditOutcome.Form {
        try #require(outcome.forms.first { $0.name == name })
    }

    // MARK: Sound pipelines

    /// Every kind of pipeline and how much of its claim the normal form must see at least, so that a test in which nothing is
    /// seen fails too.
    static let sound: [(privacy: String, task: String, seen: Double)] = [
        (central(1.3), "", 0.5),
        (central(1.3, ", adjacency: 'replace-one'"), "", 0.5),
        (central(1.3, ", mechanism: 'discrete_gaussian'"), "", 0.5),
        (central(1.3, ", mechanism: 'skellam'"), "", 0.5),
        (central(1.3, ", per_layer_clipping: true"), "", 0.1),
        (central(1.3, ", adaptive_clipping: {target_quantile: 0.5}"), "", 0.4),
        ("{mode: 'local', clipping_norm: 1, noise_multiplier: 1.3}", "", 0.5),
        ("{mode: 'distributed', clipping_norm: 1, noise_multiplier: 1.3, mechanism: 'skellam'}", "", 0.3),
        ("{mode: 'central', mechanism: 'tree', clipping_norm: 1, noise_multiplier: 1.3}", "tree", 0.3),
        (central(0.8, ", sampling: 'poisson'"), "poisson", 0),
        (
            central(0.8, ", sampling: 'fixed-size', adjacency: 'replace-one'"), "fixed", 0
        ),
    ]

    @Test(arguments: sound) func aSoundPipelineStaysBelowItsClaim(
        _ known: (privacy: String, task: String, seen: Double)
    ) throws {
        // Trees want rounds in which nobody is twice; sampling wants cohorts.
        let cohort = known.task.isEmpty ? 400 : 100
        let setup = try Self.setup(known.privacy, cohort: cohort)
        let outcome = try Self.audit(setup, Self.settings(releases: 40, draws: 20_000))
        #expect(outcome.claimed.isFinite && outcome.claimed > 0)
        #expect(outcome.violated.isEmpty, "\(outcome.json.text(indented: true))")
        #expect(try Self.form("normal", outcome).lowerBound >= known.seen * outcome.claimed)
        #expect(outcome.rounds == 4 && outcome.canaries == 400)
    }

    /// Real masks change nothing: the very scores come out.
    @Test func masksChangeNothing() throws {
        let privacy = "{mode: 'distributed', clipping_norm: 1, noise_multiplier: 1.3, mechanism: 'skellam'}"
        let masked = try Self.audit(
            Self.setup(privacy, clients: 30, masks: true), Self.settings(canaries: 30))
        var plain = try Self.audit(Self.setup(privacy, clients: 30), Self.settings(canaries: 30))
        #expect(masked.isMasked && !plain.isMasked)
        plain.isMasked = true
        #expect(plain.json == masked.json)
    }

    /// The same audit for any number of workers.
    @Test(arguments: ["central", "local"]) func workersDoNotMatter(mode: String) throws {
        var setup = try Self.setup("{mode: '\(mode)', clipping_norm: 1, noise_multiplier: 2}", clients: 60)
        let one = try Self.audit(setup, Self.settings(canaries: 60, releases: 50, draws: 100))
        setup.workers = 3
        #expect(try Self.audit(setup, Self.settings(canaries: 60, releases: 50, draws: 100)).json == one.json)
    }

    // MARK: Planted bugs

    /// Half of the noise that is claimed, at a claim of about 8: the normal form sees it.
    @Test func halvedNoiseIsFound() throws {
        let claimed = try Self.setup(Self.central(1.2))
        let outcome = try Self.audit(Self.setup(Self.central(0.6)), claimed: claimed)
        #expect(outcome.claimed > 7)
        #expect(try Self.form("normal", outcome).isViolated)
        // And counting guesses cannot, at this claim.
        #expect(try !Self.form("one-run", outcome).isViolated)
    }

    /// The same by the mechanism alone, with no federation around it.
    @Test func halvedNoiseIsFoundInTheMechanismAlone() throws {
        let claimed = try Self.setup(Self.central(1.2))
        let outcome = try Self.audit(
            Self.setup(Self.central(0.6)), claimed: claimed, Self.settings(draws: 200_000))
        for name in ["mechanism", "mechanism-normal"] {
            #expect(try Self.form(name, outcome).isViolated, "\(name)")
        }
    }

    @Test func missingNoiseIsFound() throws {
        let claimed = try Self.setup(Self.central(4))
        let outcome = try Self.audit(Self.setup(Self.central(1e-6)), claimed: claimed)
        // Where the claim is small, counting is enough.
        for name in ["one-run", "one-run-gaussian", "normal"] {
            #expect(try Self.form(name, outcome).isViolated, "\(name)")
        }
    }

    /// A bound of the norm eight times what noise was made for: canaries are longer than the bound.
    @Test func missingClippingIsFound() throws {
        let claimed = try Self.setup(Self.central(1.6))
        let outcome = try Self.audit(Self.setup(Self.central(0.2, clip: 8)), claimed: claimed)
        #expect(try Self.form("normal", outcome).isViolated)
    }

    /// Each canary's report is in the sum twice.
    @Test func aClientCountedTwiceIsFound() throws {
        let setup = try Self.setup(Self.central(1.6))
        let outcome = try Self.audit(setup, places: (0..<400).map { $0 / 2 })
        #expect(try Self.form("normal", outcome).isViolated)
        // In places of their own the same canaries are below the claim.
        #expect(try Self.audit(setup).violated.isEmpty)
    }

    /// Sums that are divided by the number of reports: one client moves what all others sent.
    @Test func aDivisorByReportsIsFound() throws {
        var setup = try Self.setup(Self.central(2), clients: 20, rounds: 4)
        let settings = Self.settings(canaries: 20, releases: 600)
        let sound = try Self.audit(setup, settings)
        #expect(sound.violated.isEmpty, "\(sound.json.text(indented: true))")
        setup.plan = AuditFaults.dividingByReports(setup.plan)
        let outcome = try Self.audit(setup, settings)
        #expect(try Self.form("releases-normal", outcome).isViolated)
        #expect(try !Self.form("normal", outcome).isViolated)
    }

    /// Cohorts of a fixed size, of which the ledger says that each client tossed its own coin.
    @Test func fixedCohortsAccountedAsPoissonAreFound() throws {
        let poisson = try Self.setup(Self.central(1, ", sampling: 'poisson'"), clients: 40, cohort: 20)
        let settings = Self.settings(canaries: 40, releases: 2000)
        let sound = try Self.audit(poisson, settings)
        #expect(sound.violated.isEmpty, "\(sound.json.text(indented: true))")
        let fixed = try Self.setup(Self.central(1), clients: 40, cohort: 20)
        let outcome = try Self.audit(fixed, claimed: poisson, settings)
        #expect(try Self.form("releases", outcome).isViolated)
    }

    // MARK: Pages

    /// The page says what was found, and is whole, whatever the task is called.
    @Test(arguments: [1.2, 0.3]) func thePageTellsTheVerdict(running: Double) throws {
        var outcome = try Self.audit(
            Self.setup(Self.central(running), clients: 40),
            claimed: Self.setup(Self.central(1.2), clients: 40),
            Self.settings(canaries: 40, draws: 2000))
        (outcome.task, outcome.notes) = ("<b>&", ["a note"])
        outcome.claimed = .infinity
        let page = PageReader(AuditReport(outcome, command: "sordino audit 'a & b'").html)
        #expect(page.problem == nil, "\(page.problem ?? "")")
        #expect(page.text.contains("<b>&") && page.text.contains("a note"))
        #expect(page.text.contains("does not keep its claim") == !outcome.violated.isEmpty)
        #expect(outcome.violated.isEmpty == (running == 1.2))
        #expect(page.elements.count { $0.name == "tr" } == outcome.forms.count + 1)
        #expect(outcome.json.text().contains(#""epsilon_claimed":"inf""#))
    }

    // MARK: Refusals

    static let refused: [(privacy: String, task: String, path: String)] = [
        ("{mode: 'none'}", "", "task.privacy.mode"),
        ("{mode: 'local', clipping_norm: 1, noise_multiplier: 1}", "robust: {rule: 'median'}", "task.robust"),
    ]

    @Test(arguments: refused) func whatCannotBeAuditedIsRefused(
        _ known: (privacy: String, task: String, path: String)
    ) throws {
        let setup = try Self.setup(known.privacy, clients: 20, task: known.task)
        let error = #expect(throws: ConfigurationError.self) {
            try AuditRun(setup, claimed: setup.plan, Self.settings(canaries: 10))
        }
        #expect(error?.path == known.path)
    }

    @Test(arguments: [1, 21, 1000]) func canariesMustFitTheClients(count: Int) throws {
        let setup = try Self.setup(Self.central(1), clients: 20)
        let error = #expect(throws: ConfigurationError.self) {
            try AuditRun(setup, claimed: setup.plan, Self.settings(canaries: count))
        }
        #expect(error?.path == "--canaries")
    }

    @Test func directionsAreOfUnitLengthAndNearlyOrthogonal() throws {
        for privacy in [Self.central(1), Self.central(1, ", per_layer_clipping: true")] {
            let plan = try Self.setup(privacy, clients: 10).plan
            let directions = CanaryDirections(plan, seed: 3)
            func vector(_ canary: Int, _ round: Int) -> [Float] {
                var values = [Float](repeating: 0, count: plan.dimension)
                values.withUnsafeMutableBufferPointer {
                    directions.write(canary, round: round, scale: 1, into: $0)
                }
                return values
            }
            func product(_ left: [Float], _ right: [Float]) -> Float {
                zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
            }
            let first = vector(0, 1)
            #expect(abs(product(first, first) - 1) < 1e-4)
            let own = first.withUnsafeBufferPointer { directions.projection(of: $0, on: 0, round: 1) }
            #expect(abs(own - 1) < 1e-4)
            // Of a tensor of three values two directions are often the same.
            guard plan.layerClipping == nil else { continue }
            for other in [vector(1, 1), vector(0, 2), vector(1, 2)] {
                #expect(abs(product(first, other)) < 6 / Float(plan.dimension).squareRoot())
            }
        }
    }
}

/// Audits of single records.
@Suite struct RecordAuditTests {
    private final class Onlooker: SimulationObserver {
        func roundEnded(_ record: RoundRecord, of rounds: Int) {}
        func warned(_ warning: String) {}
        var wantsToStop: Bool { false }
    }

    /// One client of two; batches of a tenth of its records.
    private static func setup(_ multiplier: Double) throws -> SimulationSetup {
        var setup = try AuditTests.setup(
            "{mode: 'none', example: {clipping_norm: 1, noise_multiplier: \(multiplier), records: 20}}",
            clients: 2, rounds: 3)
        setup.partition = Partition(clients: [(0..<40).map { Int32($0) }, [1]])
        return setup
    }

    private static func audit(_ running: Double, claimed: Double) throws -> AuditOutcome {
        let audit = try RecordAudit(
            setup(running), claimed: setup(claimed).plan, AuditTests.settings(canaries: 200))
        return try #require(try audit.perform(Onlooker()))
    }

    @Test func recordsStayBelowTheirClaim() throws {
        let outcome = try Self.audit(1, claimed: 1)
        #expect(outcome.unit == "record" && outcome.violated.isEmpty)
        #expect(try AuditTests.form("normal", outcome).lowerBound > 0.1 * outcome.claimed)
    }

    @Test(arguments: [0.2, 1e-3]) func tooLittleNoiseIsFound(multiplier: Double) throws {
        let outcome = try Self.audit(multiplier, claimed: 2)
        #expect(try AuditTests.form("normal", outcome).isViolated, "\(outcome.json.text(indented: true))")
    }

    @Test func withoutAPromiseThereIsNothingToAudit() throws {
        let setup = try AuditTests.setup(AuditTests.central(1), clients: 10)
        let error = #expect(throws: ConfigurationError.self) {
            try RecordAudit(setup, claimed: setup.plan, AuditTests.settings())
        }
        #expect(error?.path == "task.privacy.example")
    }
}
