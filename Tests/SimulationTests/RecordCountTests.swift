import Compute
import Configuration
import Federation
import Foundation
import Learning
import Privacy
import Testing

@testable import Simulation

/// What a release of `privacy.example` depends on besides noised sums is a function of the plan, not of how many records a
/// client has.
@Suite struct RecordCountTests {
    private func plan(batch: Int, records: Int?) throws -> TaskPlan {
        let text = """
            { model: { preset: 'logistic', classes: 10 }, training: { batch_size: \(batch), learning_rate: 0.1 },
              rounds: 3, cohort_size: 1, min_reports: 1,
              privacy: { mode: 'none', example: { clipping_norm: 1, noise_multiplier: 2
                \(records.map { ", records: \($0)" } ?? "") } } }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [784]), population: 1)
    }

    /// Records without features: their gradients move the biases only, so that every weight's change is noise alone.
    private func noise(_ plan: TaskPlan, records: Int, seeds: Range<UInt64>) throws -> [Double] {
        let examples = Examples(
            count: records, featureShape: [784],
            features: .floats([Float](repeating: 0, count: 784 * records)),
            targets: .classes((0..<records).map { Int32($0 % 10) }, count: 10))
        let training = ClientTraining(plan: plan)
        let start = plan.model.initialParameters(seed: 1).values
        let indices = (0..<Int32(records)).map { $0 }
        return try seeds.flatMap { seed in
            try start.withUnsafeBufferPointer { start in
                try indices.withUnsafeBufferPointer { indices in
                    let (delta, _) = try training.update(
                        of: start, on: examples, indices: indices,
                        stream: TrainingStream(seed: 1, client: 0, round: 1)
                    ) { SeededNoiseSource(seed: seed, client: records, round: 1) }
                    return delta.prefix(7840).map(Double.init)
                }
            }
        }
    }

    /// The variance of a normal sample of 94,080 is known to 0.46 %; six deviations fail by chance with probability 2e-9.
    /// Steps by a client's own records would differ by 25 % between 100 and 101 at batch 25.
    @Test(arguments: [10, 25, 100]) func theNoiseDoesNotTellTheNumberOfRecords(batch: Int) throws {
        let plan = try plan(batch: batch, records: 100)
        let steps = (100 + batch - 1) / batch
        let example = try #require(plan.example)
        #expect(example.steps == steps && example.probability == Double(batch) / 100)
        let expected = Double(steps) * pow(0.1 * 2 / Double(batch), 2)
        for records in [0, 99, 100, 101, 199, 200, 201] {
            let noise = try noise(plan, records: records, seeds: 0..<12)
            let variance = noise.reduce(0) { $0 + $1 * $1 } / Double(noise.count)
            // The grid adds less than 1/4000 to the sensitivity.
            #expect(
                abs(variance / expected - 1) < 6 * 0.0046 + 0.001,
                "\(records) records: \(variance / expected)")
        }
    }

    @Test(arguments: [(10, 100), (25, 100), (64, 640)]) func theEventIsThePlans(batch: Int, records: Int)
        throws
    {
        let example = try #require(try plan(batch: batch, records: records).example)
        let event = example.event(rounds: 3)
        #expect(event.sampling == .poisson(probability: Double(batch) / Double(records)))
        #expect(event.steps == 3 * ((records + batch - 1) / batch) && event.adjacency == .addOrRemoveOne)
    }

    /// Without a number the plan takes one from the task alone, and says so.
    @Test func theDefaultIsAFunctionOfTheTask() throws {
        let plan = try plan(batch: 25, records: nil)
        #expect(plan.example?.records == 2500 && plan.example?.steps == 100)
        #expect(plan.warnings.contains { $0.contains("privacy.example.records") })
        #expect(plan.weighsUniformly)
    }
}
