import Compute
import Configuration
import Federation
import Foundation
import Learning
import Testing

/// Masked rounds over Poisson cohorts that may be too small for them.
@Suite struct SmallCohortTests {
    private func plan(cohort: Int, population: Int, sampling: String = "poisson") throws -> TaskPlan {
        let text = """
            { name: "t", model: { preset: "linear", outputs: 1 }, training: { learning_rate: 0.1 },
              rounds: 3, cohort_size: \(cohort),
              privacy: { mode: "distributed", clipping_norm: 1, noise_multiplier: 1, sampling: "\(sampling)" } }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [4]), population: population)
    }

    /// What is advised works, one client less does not, and no key is named that would be refused.
    @Test(arguments: [1, 4, 20]) func theAdviceWorks(cohort: Int) throws {
        let failure = #expect(throws: ConfigurationError.self) { try plan(cohort: cohort, population: 1000) }
        let text = failure?.problem ?? ""
        #expect(failure?.path == "task.cohort_size" && !text.contains("min_reports"))
        let advised = try #require(
            text.firstMatch(of: /from a cohort_size of (\d+) on/).flatMap { Int($0.1) })
        #expect(throws: Never.self) { try plan(cohort: advised, population: 1000) }
        #expect(throws: ConfigurationError.self) { try plan(cohort: advised - 1, population: 1000) }
        #expect(throws: Never.self) { try plan(cohort: max(4, cohort), population: 1000, sampling: "none") }
    }

    @Test func tooFewClientsAreSaidToBe() throws {
        let failure = #expect(throws: ConfigurationError.self) { try plan(cohort: 4, population: 20) }
        #expect(failure?.problem.contains("all 20 clients are too few") == true)
        #expect(throws: Never.self) { try plan(cohort: 4, population: 20, sampling: "none") }
    }
}
