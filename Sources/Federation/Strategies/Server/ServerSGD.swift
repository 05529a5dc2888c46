package import Configuration

/// `model += learningRate × velocity`, `velocity = momentum × velocity + meanUpdate`: federated averaging (McMahan et
/// al. 2017) at learning rate 1 without momentum, FedAvgM (Hsu et al. 2019) with it.
package struct ServerSGD: ServerRule {
    private let learningRate: Float
    private let momentum: Float

    package init(_ section: Section) throws { try self.init(section, momentum: 0) }

    /// Reads the keys, with this momentum where none is given.
    init(_ section: Section, momentum standard: Double) throws {
        learningRate = Float(try section.positive("server_learning_rate") ?? 1)
        momentum = Float(
            try section.number("server_momentum", expected: "a number from 0 to below 1") {
                $0 >= 0 && $0 < 1
            } ?? standard)
    }

    package var settings: [String: JSONValue] {
        [
            "server_learning_rate": .number(Double(learningRate)),
            "server_momentum": .number(Double(momentum)),
        ]
    }

    package var stateNames: [String] { momentum > 0 ? ["velocity"] : [] }

    package func update(_ pass: ServerPass) {
        let (model, meanUpdate) = (pass.parameters, pass.meanUpdate)
        guard momentum > 0 else {
            for index in model.indices { model[index] += learningRate * meanUpdate[index] }
            return
        }
        let velocity = pass.state[0]
        for index in model.indices {
            velocity[index] = momentum * velocity[index] + meanUpdate[index]
            model[index] += learningRate * velocity[index]
        }
    }
}
