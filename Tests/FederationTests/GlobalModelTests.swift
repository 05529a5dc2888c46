import Compute
import Configuration
import Encoding
import Federation
import Learning
import Privacy
import Testing

/// A model that is moved piece by piece is, bit for bit, the one that is moved at once.
@Suite struct GlobalModelTests {
    private func plan(_ strategy: String, privacy: String = "{ mode: 'none' }") throws -> TaskPlan {
        let text = """
            { model: { layers: [{ dense: 7 }] }, training: { learning_rate: 0.1 }, rounds: 2, cohort_size: 4,
              strategy: \(strategy), privacy: \(privacy) }
            """
        let task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [30]), population: 4)
    }

    private func sum(_ plan: TaskPlan, _ seed: UInt64) -> RingVector {
        var random = SeededGenerator(seed: seed, purpose: .test)
        var sum = RingVector(zeros: plan.report.count, bits: plan.codec.bits)
        let values = (0..<plan.report.count).map { _ in Int64((random.uniform() - 0.5) * 1e6) }
        values.withUnsafeBufferPointer { sum.add(integers: $0) }
        return sum
    }

    @Test(
        arguments: [
            "{ name: 'fedavg' }", "{ name: 'fedavg', server_learning_rate: 0.3 }",
            "{ name: 'fedavg', server_momentum: 0.9 }", "{ name: 'fedprox', server_momentum: 0.5 }",
            "{ name: 'fedsgd', server_momentum: 0.99, server_learning_rate: 2 }",
        ], [1, 7, 64, 217, 1000])
    func piecesMakeTheWhole(strategy: String, window: Int) throws {
        for privacy in [
            "{ mode: 'none' }", "{ mode: 'central', clipping_norm: 1, noise_multiplier: 1 }",
            "{ mode: 'central', clipping_norm: 1, noise_multiplier: 0.2, adaptive_clipping: {} }",
            "{ mode: 'distributed', clipping_norm: 1, noise_multiplier: 1, target_delta: 1e-5 }",
        ] {
            let plan = try plan(strategy, privacy: privacy)
            let start = plan.model.initialParameters(seed: 1)
            var whole = try GlobalModel(parameters: start, plan: plan)
            var movement = try ModelMovement(plan: plan)
            var (values, memory) = (start.values, [Float](repeating: 0, count: start.values.count))
            var scratch = [Float](repeating: .nan, count: window)
            for round in 1...2 {
                let sum = sum(plan, UInt64(round))
                let rotation = try plan.rotation(seed: 1, round: round)
                whole.apply(noisySum: sum, weight: 4, rotation: rotation)
                let mean = movement.advance(noisySum: sum, weight: 4, rotation: rotation)
                for start in stride(from: 0, to: values.count, by: window) {
                    let piece = start..<min(start + window, values.count)
                    values.withUnsafeMutableBufferPointer { values in
                        memory.withUnsafeMutableBufferPointer { memory in
                            scratch.withUnsafeMutableBufferPointer {
                                movement.apply(
                                    mean, from: start,
                                    memory: .init(rebasing: memory[movement.remembers ? piece : 0..<0]),
                                    to: .init(rebasing: values[piece]), scratch: $0)
                            }
                        }
                    }
                }
            }
            #expect(values == whole.parameters.values)
            #expect(values != start.values)
            #expect(movement.remembers ? memory == whole.strategyState : whole.strategyState.isEmpty)
            #expect(movement.clippingNorm == whole.clippingNorm)
        }
    }

    /// FedAvgM by hand: v = 0.5 v + u, w = w + 2 v.
    @Test func momentumIsWhatItsFormulaSays() throws {
        let plan = try plan("{ name: 'fedavg', server_momentum: 0.5, server_learning_rate: 2 }")
        var model = try GlobalModel(parameters: plan.model.initialParameters(seed: 1), plan: plan)
        var (expected, velocity) = (model.parameters.values, [Float](repeating: 0, count: plan.dimension))
        for round in 1...3 {
            let sum = sum(plan, UInt64(round))
            model.apply(noisySum: sum, weight: 3)
            let mean = plan.codec.decode(sum, count: plan.dimension, dividedBy: 3)
            for index in expected.indices {
                velocity[index] = 0.5 * velocity[index] + mean[index]
                expected[index] += 2 * velocity[index]
            }
        }
        #expect(model.parameters.values == expected && model.strategyState == velocity)
    }

    @Test(arguments: [24, 64]) func sumsHoldNothingUntilTheyMust(bits: Int) {
        var sum = Aggregation(count: 5, bits: bits)
        #expect(sum.sum == RingVector(zeros: 5, bits: bits))
        var other = sum
        other.merge(sum)
        #expect(other.sum == sum.sum && other.reports == 0)
        var update = RingVector(zeros: 5, bits: bits)
        [1, -2, 3, -4, 5].withUnsafeBufferPointer { (integers: UnsafeBufferPointer<Int64>) in
            update.add(integers: integers)
        }
        sum.add(update, weight: 3)
        #expect(!update.packed().dropLast().withUnsafeBytes { sum.add(packed: $0, weight: 1) })
        other.merge(sum)
        #expect(other.sum == update && other.weight == 3 && other.reports == 1)
        other.release()
        #expect(other.sum == RingVector(zeros: 5, bits: bits) && other.weight == 0 && other.reports == 0)
        other.adopt(update, weight: 7)
        sum.clear()
        sum.merge(other)
        #expect(sum.sum == update && sum.weight == 7 && sum.reports == 1)
    }
}
