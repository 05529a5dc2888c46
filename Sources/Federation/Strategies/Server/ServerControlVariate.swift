package import Configuration

/// SCAFFOLD's server (Karimireddy et al. 2020, algorithm 1): `model += learningRate × meanUpdate` and
/// `c += |S|/N × meanΔc`, where S are the clients of the round and N those of the federation. Clients are given c, which is
/// zero at first, with the model.
package struct ServerControlVariate: ServerRule {
    private let learningRate: Float

    package init(_ section: Section) throws {
        learningRate = Float(try section.positive("server_learning_rate") ?? 1)
    }

    package var settings: [String: JSONValue] { ["server_learning_rate": .number(Double(learningRate))] }
    package let stateNames = ["control_variate"]
    package let publishesState = true

    package func update(_ pass: ServerPass) {
        let (model, control) = (pass.parameters, pass.state[0])
        let participation = Float(pass.participation)
        for index in model.indices {
            model[index] += learningRate * pass.meanUpdate[index]
            control[index] += participation * pass.meanControlVariate[index]
        }
    }
}
