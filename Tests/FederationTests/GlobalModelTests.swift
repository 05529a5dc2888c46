import Compute
import Configuration
import Encoding
import Federation
import Learning
import Messages
import Privacy
import Testing

/// A server rule that uses all there is: three values a parameter, and the number of the step.
private struct ThreeValues: ServerRule {
    static let text = "three values"
    let stateNames = ["sum", "square", "steps"]
    let settings: [String: JSONValue] = [:]

    init(_ section: Section) {}

    func update(_ pass: ServerPass) {
        let (sum, square, steps) = (pass.state[0], pass.state[1], pass.state[2])
        for index in pass.parameters.indices {
            sum[index] += pass.meanUpdate[index]
            square[index] = 0.5 * square[index] + pass.meanUpdate[index] * pass.meanUpdate[index]
            steps[index] += Float(pass.step * pass.step)
            pass.parameters[index] += sum[index] / (1 + square[index]) + 0.01 * steps[index]
        }
    }
}

/// A model that is moved piece by piece is, bit for bit, the one that is moved at once.
@Suite struct GlobalModelTests {
    private func plan(_ strategy: String, privacy: String = "{ mode: 'none' }") throws -> TaskPlan {
        let isOwn = strategy == ThreeValues.text
        let text = """
            { model: { layers: [{ dense: 7 }] }, training: { learning_rate: 0.1 }, rounds: 2, cohort_size: 4,
              strategy: \(isOwn ? "{}" : strategy), privacy: \(privacy) }
            """
        var task = try TaskConfiguration(Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        if isOwn {
            let rule = ThreeValues(try Section(.object([:]), path: "task.strategy"))
            task.strategy = Strategy(name: strategy, server: rule, client: task.strategy.client)
        }
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
            ThreeValues.text, "{ name: 'scaffold' }", "{ name: 'feddyn' }", "{ name: 'fedexp' }",
            "{ name: 'fednova' }",
        ], [1, 7, 64, 217, 1000])
    func piecesMakeTheWhole(strategy: String, window: Int) throws {
        let isOpenOnly = ["scaffold", "feddyn", "fedexp", "fednova"].contains { strategy.contains($0) }
        for privacy in isOpenOnly
            ? ["{ mode: 'none' }"]
            : [
                "{ mode: 'none' }", "{ mode: 'central', clipping_norm: 1, noise_multiplier: 1 }",
                "{ mode: 'central', clipping_norm: 1, noise_multiplier: 0.2, adaptive_clipping: {} }",
                "{ mode: 'distributed', clipping_norm: 1, noise_multiplier: 1, target_delta: 1e-5 }",
            ]
        {
            let plan = try plan(strategy, privacy: privacy)
            let start = plan.model.initialParameters(seed: 1)
            var whole = try GlobalModel(parameters: start, plan: plan)
            var serverUpdate = try ServerUpdate(plan: plan)
            let width = serverUpdate.stateNames.count
            var (values, state) = (start.values, [Float](repeating: 0, count: width * start.values.count))
            var scratch = [Float](repeating: .nan, count: serverUpdate.scratchWidth * window)
            for round in 1...2 {
                let sum = sum(plan, UInt64(round))
                let rotation = try plan.rotation(seed: 1, round: round)
                whole.apply(noisySum: sum, weight: 4, rotation: rotation)
                let mean = serverUpdate.advance(
                    noisySum: sum, weight: 4, rotation: rotation, from: { values })
                let count = values.count
                for start in stride(from: 0, to: count, by: window) {
                    let piece = start..<min(start + window, count)
                    values.withUnsafeMutableBufferPointer { values in
                        state.withUnsafeMutableBufferPointer { state in
                            scratch.withUnsafeMutableBufferPointer {
                                serverUpdate.apply(
                                    mean, from: start,
                                    state: OptimizerStatePiece(state, width: width, count: count)[piece],
                                    to: .init(rebasing: values[piece]), scratch: $0)
                            }
                        }
                    }
                }
            }
            #expect(values == whole.parameters.values)
            #expect(values != start.values)
            #expect(state == whole.optimizerState.values)
            #expect(serverUpdate.clippingNorm == whole.clippingNorm)
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
        #expect(model.parameters.values == expected && model.optimizerState.values == velocity)
    }

    /// A model that goes on from what was kept of it is the one that went on: steps are numbered over the whole run.
    @Test(arguments: ["{ name: 'fedavg', server_momentum: 0.9 }", ThreeValues.text], [0, 1, 2])
    func aModelGoesOnFromItsState(strategy: String, after: Int) throws {
        let plan = try plan(strategy)
        var whole = try GlobalModel(parameters: plan.model.initialParameters(seed: 1), plan: plan)
        var kept = whole
        for round in 1...3 {
            whole.apply(noisySum: sum(plan, UInt64(round)), weight: 4)
            if round <= after { kept = whole }
        }
        let names = plan.configuration.strategy.server.stateNames
        let nothing = SafeTensors.Tensor(name: OptimizerState.fileKey, shape: [0], values: [])
        let state = try #require(
            OptimizerState(
                kept.optimizerState.tensor ?? nothing, metadata: OptimizerState.metadata(names: names),
                names: names, count: plan.dimension))
        #expect(state == kept.optimizerState && state.values.isEmpty == (after == 0))
        var second = try GlobalModel(
            parameters: kept.parameters, optimizerState: state, published: after, plan: plan)
        for round in (after + 1)...3 { second.apply(noisySum: sum(plan, UInt64(round)), weight: 4) }
        #expect(second.parameters == whole.parameters && second.optimizerState == whole.optimizerState)
    }

    /// Files keep one value a parameter as a plain vector, several as a matrix with a row a parameter.
    @Test func theStateInAFileIsOfOneModelAndRule() throws {
        let names = ["first", "second"]
        let tensor = SafeTensors.Tensor(name: "strategy.state", shape: [3, 2], values: [1, 2, 3, 4, 5, 6])
        let metadata = ["strategy.state": "first,second"]
        #expect(OptimizerState.metadata(names: names) == metadata)
        func read(
            _ shape: [Int], _ values: [Float], _ metadata: [String: String], _ names: [String],
            _ count: Int = 3
        ) -> OptimizerState? {
            OptimizerState(
                .init(name: "strategy.state", shape: shape, values: values), metadata: metadata, names: names,
                count: count)
        }
        let state = try #require(read([3, 2], tensor.values, metadata, names))
        #expect(state.values == [1, 3, 5, 2, 4, 6] && state.tensor == tensor)
        let single = try #require(read([3], [7, 8, 9], [:], ["velocity"]))
        #expect(single.values == [7, 8, 9] && single.tensor?.values == single.values)
        #expect(single.tensor?.shape == [3] && OptimizerState.metadata(names: ["velocity"]).isEmpty)
        #expect(read([0], [], [:], names)?.values == [] && read([0], [], [:], [])?.tensor == nil)
        #expect(read([3, 2], tensor.values, [:], names) == nil)
        #expect(read([3, 2], tensor.values, metadata, ["second", "first"]) == nil)
        #expect(read([2, 3], tensor.values, metadata, names) == nil)
        #expect(read([6], tensor.values, metadata, names) == nil)
        #expect(read([3, 2], tensor.values, metadata, names, 2) == nil)
        #expect(read([3], [7, 8, 9], [:], names) == nil && read([3], [7, 8, 9], [:], []) == nil)
        #expect(read([3, 2], tensor.values, metadata, ["velocity"]) == nil)
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
