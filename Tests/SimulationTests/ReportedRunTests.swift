import Configuration
import Federation
import Foundation
import Privacy
import TestSupport
import Testing

@testable import Simulation

/// The reports of scenarios that are really run: of each kind one, in a few rounds.
@Suite struct ReportedRunTests {
    private static let simulations = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("simulations").path

    /// Runs a scenario and reads its report.
    private func page(_ path: String, set assignments: [String] = []) throws -> (PageReader, folder: String) {
        var document = try ConfigurationDocument(contentsOf: path)
        for assignment in assignments { try document.set(assignment) }
        let folder = try TemporaryFolders.make("sordino-report")
        let run = try ScenarioRun(
            document,
            ScenarioRun.Settings(
                out: folder, workers: 1, secureNoise: false, resumes: false, command: "sordino simulate"))
        _ = try run.perform(Stopper(after: .max))
        let page = PageReader(try String(contentsOfFile: folder + "/report.html", encoding: .utf8))
        #expect(page.problem == nil)
        return (page, folder)
    }

    private func figures(_ page: PageReader) -> [String] {
        page.elements.filter { $0.name == "figure" }.compactMap { $0.attributes["id"] }
    }

    @Test(
        arguments: [
            (
                [],
                [
                    "accuracy", "traffic", "loss", "epsilon", "clients", "norms", "clipped", "seconds",
                    "participation", "classes", "sizes",
                ],
                "the exact composition of all rounds until then"
            ),
            (
                ["task.privacy.sampling=poisson", "task.cohort_size=50", "task.min_reports=null"],
                [
                    "accuracy", "traffic", "loss", "epsilon", "clients", "norms", "clipped", "clock",
                    "virtual-time",
                    "seconds",
                    "participation", "classes", "sizes",
                ],
                "Upper bounds of what was spent so far"
            ),
            (
                [
                    "simulation.faults={ dropout_rate: 0.1, seconds_per_example: 0.1 }",
                    "task.privacy.accountant=rdp",
                ],
                [
                    "accuracy", "traffic", "loss", "epsilon", "clients", "norms", "clipped", "clock",
                    "virtual-time",
                    "seconds",
                    "participation", "classes", "sizes",
                ], "composed by Rényi accounting"
            ),
        ] as [([String], [String], String)])
    func digits(assignments: [String], expected: [String], words: String) throws {
        let (page, _) = try page(
            Self.simulations + "/quickstart.json5",
            set: ["task.rounds=4", "simulation.baselines=[]"] + assignments)
        #expect(figures(page) == expected)
        #expect(page.text.contains(words) && page.text.contains("Class by class"))
        #expect(page.tips.contains { $0.hasPrefix("round 4: ") })
    }

    /// Pictures of four digits and of what two observers, or one, make of them, and a curve of members found.
    @Test(arguments: [("{mode: 'none'}", 12), ("{mode: 'distributed', noise_multiplier: 2}", 8)])
    func attacksOnPrivacy(_ privacy: String, _ pictures: Int) throws {
        let (page, folder) = try page(
            Self.simulations + "/privacy-attack.json5",
            set: [
                "task.rounds=2", "task.privacy=\(privacy)",
                "simulation.privacy_attack.gradient_inversion.iterations=20",
                "simulation.privacy_attack.membership_inference.shadows=4",
            ])
        #expect(page.elements.count { $0.attributes["class"] == "picture" } == pictures)
        #expect(figures(page).contains("membership") && page.text.contains("Attacks on privacy"))
        #expect(page.text.contains("most that privacy leaves") == (pictures == 8))
        let summary = try JSONDecoder().decode(
            SimulationSummary.self,
            from: Data(contentsOf: URL(fileURLWithPath: folder + "/summary.json")))
        let found = try #require(summary.privacyAttack)
        #expect(!found.releasable && found.membershipInference?.runs == 5)
        #expect((found.membershipInference?.ceiling != nil) == (pictures == 8))
    }

    @Test func withoutPrivacyNothingIsSpentOrClipped() throws {
        let (page, _) = try page(Self.simulations + "/xor.json5", set: ["task.rounds=4"])
        #expect(!figures(page).contains("epsilon") && !figures(page).contains("clipped"))
        #expect(!figures(page).contains("virtual-time") && figures(page).contains("accuracy"))
    }

    @Test func valuesHaveErrorsInTheirUnitAndClassesTheirNames() throws {
        let folder = try TemporaryFolders.make("sordino-report-data")
        let rows = (0..<60).map { "\($0 % 10),\(100 + 7 * ($0 % 10)),\($0 % 10 < 5 ? "healthy" : "sick")" }
        try ("a,y,state\n" + rows.joined(separator: "\n") + "\n")
            .write(toFile: folder + "/t.csv", atomically: true, encoding: .utf8)
        func scenario(_ data: String) throws -> String {
            let path = folder + "/s.json5"
            try """
            { task: { name: "t", model: { preset: "mlp", hidden: [4] }, training: { batch_size: 4, learning_rate: 0.1 }, rounds: 2,
                cohort_size: 5, privacy: { mode: "none" } },
              simulation: { data: { format: "csv", path: "t.csv", split: { test: 0.5 }, \(data) }, clients: 5 } }
            """.write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }
        let (values, _) = try page(
            scenario(
                "features: [\"a\"], label: \"y\", task: \"regression\", normalize_label: \"standardize\""))
        #expect(Array(figures(values).prefix(4)) == ["rmse", "traffic", "loss", "r2"])
        #expect(values.text.contains("Final RMSE") && !values.text.contains("Class by class"))
        #expect(values.tips.contains { $0.hasPrefix("round 2: RMSE ") })
        let (classes, _) = try page(scenario("features: [\"a\"], label: \"state\""))
        #expect(classes.text.contains("healthy") && classes.text.contains("Class by class"))
        #expect(classes.tips.contains { $0.hasPrefix("client 0: ") && $0.contains("healthy") })
    }

    /// The curve of ε, and what the file keeps: a bound that is exact at the end.
    @Test func theExactCompositionIsNeverAboveTheBound() throws {
        let document = try ConfigurationDocument(contentsOf: Self.simulations + "/quickstart.json5")
        let settings = ScenarioRun.Settings(
            out: "", workers: 1, secureNoise: false, resumes: false, command: "")
        let privacy = try #require(try ScenarioLoader.load(document, settings).setup.plan.privacy)
        #expect(SpendingStatement(of: privacy) == .exact)
        let (_, folder) = try page(Self.simulations + "/quickstart.json5", set: ["simulation.baselines=[]"])
        let lines = try LineFile(folder + "/rounds.jsonl").decode(RoundRecord.self)
        let summary = try JSONDecoder().decode(
            SimulationSummary.self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/summary.json")))
        let course = try PrivacyCourse(plan: privacy, summary: summary, charged: Array(1...40))
        let stated = course.stated(lines)
        for (record, said) in zip(stated, lines) {
            let exact = try privacy.spent(rounds: record.round).epsilon
            #expect(abs(try #require(record.epsilon) - exact) <= 1e-12 * exact)
            #expect(try #require(record.epsilon) <= #require(said.epsilon))
            #expect(record.epsilonMembers == record.epsilon && record.epsilonServer == nil)
        }
        #expect(stated.last?.epsilon == summary.epsilon)
        // A round that was abandoned before it was charged cost nothing, nor one before the first charge.
        let gaps = try PrivacyCourse(plan: privacy, summary: summary, charged: [2, 4]).stated(lines)
        #expect(gaps[0].epsilon == 0 && gaps[1].epsilon == gaps[2].epsilon)
        #expect(gaps[1].epsilon == stated[0].epsilon && gaps[3].epsilon == summary.epsilon)
    }
}
