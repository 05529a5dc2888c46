internal import Configuration

/// The server's step: `model += learningRate × velocity`, `velocity = momentum × velocity + meanUpdate`
/// (FedAvg of McMahan et al. 2017 at learning rate 1; with momentum the FedAvgM of Hsu et al. 2019).
struct ServerStep: Sendable {
    let learningRate: Float
    let momentum: Float

    init(_ section: Section) throws {
        learningRate = Float(try section.positive("server_learning_rate") ?? 1)
        momentum = Float(
            try section.number("server_momentum", expected: "a number from 0 to below 1") {
                $0 >= 0 && $0 < 1
            }
                ?? 0)
    }

    var settings: [String: JSONValue] {
        [
            "server_learning_rate": .number(Double(learningRate)),
            "server_momentum": .number(Double(momentum)),
        ]
    }

    /// Whether there is a velocity to remember.
    var remembers: Bool { momentum > 0 }

    /// Moves a piece of the model; `velocity` is empty without momentum.
    func apply(
        _ meanUpdate: UnsafeBufferPointer<Float>, _ velocity: UnsafeMutableBufferPointer<Float>,
        to model: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(
            meanUpdate.count == model.count && velocity.count == (remembers ? model.count : 0),
            "pieces of different lengths")
        guard remembers else {
            for index in model.indices { model[index] += learningRate * meanUpdate[index] }
            return
        }
        for index in model.indices {
            velocity[index] = momentum * velocity[index] + meanUpdate[index]
            model[index] += learningRate * velocity[index]
        }
    }
}
