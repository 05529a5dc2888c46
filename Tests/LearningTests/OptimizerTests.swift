import Compute
import Configuration
import Foundation
import TestSupport
import Testing

@testable import Learning

/// Optimisers against sequences that PyTorch recorded (the recipe is in the vector file's comment).
@Suite struct OptimizerTests {
    struct Recorded: Decodable {
        /// A key's value: a number, or true or false.
        struct Argument: Decodable, Sendable {
            let value: JSONValue

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let flag = try? container.decode(Bool.self) {
                    value = .bool(flag)
                } else {
                    value = .number(try container.decode(Double.self))
                }
            }
        }

        struct Case: Decodable, Sendable {
            let optimizer: String
            let keys: [String: Argument]
            let parametersAfterStep: [[Float]]

            enum CodingKeys: String, CodingKey {
                case optimizer, keys
                case parametersAfterStep = "after_step"
            }
        }
        let learningRate: Double
        let start: [Float]
        let gradients: [[Float]]
        let cases: [Case]

        enum CodingKeys: String, CodingKey {
            case start, gradients, cases
            case learningRate = "learning_rate"
        }
    }

    static let recorded = Result {
        try JSONDecoder().decode(Recorded.self, from: Vectors.data("optimizers.json"))
    }

    @Test func everyOptimizerIsRecorded() throws {
        let names = Set(try Self.recorded.get().cases.map(\.optimizer))
        #expect(names == Set(OptimizerCatalog.all.flatMap { $0.names }))
    }

    @Test(arguments: 0..<13)
    func updatesEqualPyTorch(index: Int) throws {
        let recorded = try Self.recorded.get()
        let example = try #require(recorded.cases.indices.contains(index) ? recorded.cases[index] : nil)
        var keys = example.keys.mapValues(\.value)
        keys["optimizer"] = .string(example.optimizer)
        let options = try TrainingOptions(.object(keys), path: "training")
        let count = recorded.start.count
        var parameters = recorded.start
        var state = [Float](repeating: 0, count: count * options.optimizer.statePerParameter + 1)
        for (step, gradient) in recorded.gradients.enumerated() {
            parameters.withUnsafeMutableBufferPointer { parameters in
                state.withUnsafeMutableBufferPointer { state in
                    gradient.withUnsafeBufferPointer { gradient in
                        guard let weights = parameters.baseAddress, let slope = gradient.baseAddress,
                            let memory = state.baseAddress
                        else { return }
                        options.optimizer.update(
                            OptimizerPass(
                                count: count, parameters: weights, gradient: slope, state: memory,
                                rate: recorded.learningRate, step: step + 1))
                    }
                }
            }
            for (ours, theirs) in zip(parameters, example.parametersAfterStep[step]) {
                #expect(
                    abs(ours - theirs) <= 2e-6 * max(1, abs(theirs)), "\(example.optimizer), step \(step + 1)"
                )
            }
        }
    }

    @Test(
        arguments: [
            ("{}", [1, 1, 1, 1, 1, 1]),
            ("{name: 'step', every: 2, factor: 0.5}", [1, 1, 0.5, 0.5, 0.25, 0.25]),
            ("{name: 'cosine', minimum: 0.2}", [1, 0.92360680, 0.72360680, 0.47639320, 0.27639320, 0.2]),
            ("{name: 'constant', warmup: 4}", [0.25, 0.5, 0.75, 1, 1, 1]),
            ("{name: 'cosine', warmup: 1}", [1, 1, 0.85355339, 0.5, 0.14644661, 0]),
        ] as [(String, [Double])])
    func schedulesFollowTheirFormula(text: String, expected: [Double]) throws {
        let schedule = try LearningRateSchedule(Section(json5(text), path: "schedule"))
        for (time, value) in expected.enumerated() {
            #expect(abs(schedule.multiplier(at: time, of: expected.count) - value) < 1e-8)
        }
        #expect(try LearningRateSchedule(Section(schedule.json, path: "schedule")) == schedule)
    }
}
