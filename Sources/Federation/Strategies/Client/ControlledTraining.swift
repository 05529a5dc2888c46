package import Configuration
package import Learning

/// SCAFFOLD's clients (Karimireddy et al. 2020, algorithm 1, option II). Each keeps a control variate cᵢ, zero at first, is
/// given the server's c with the model x, and takes K steps `y = y − η (g(y) − cᵢ + c)`. It sends `y − x`, and beside it
/// `Δc = (x − y)/(Kη) − c`, by which its own cᵢ moves. Every client weighs the same.
package struct ControlledTraining: ClientRule {
    private static let memory = "control_variate"

    package init(_ section: Section) {}

    package let companion: ClientCompanion? = ClientCompanion(
        memory: [memory], sendsControlVariate: true, weighsUniformly: true)

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions {
        var options = options
        options.correctsGradient = true
        return options
    }

    package func check(_ options: TrainingOptions) throws {
        guard options.optimizer.isPlainDescent else {
            throw ConfigurationError(
                path: "task.training.optimizer",
                problem:
                    "must be \"sgd\" without momentum or weight_decay: scaffold's control variates are means of "
                    + "its gradients"
            )
        }
        guard options.proximalMu == 0 else {
            throw ConfigurationError(
                path: "task.training.proximal_mu",
                problem: "does not go with scaffold, which holds clients itself")
        }
    }

    package func correct(_ correction: UnsafeMutableBufferPointer<Float>, _ context: ClientContext) {
        let own = Self.memory(of: context)
        let all = context.serverState
        for index in correction.indices { correction[index] = (all.isEmpty ? 0 : all[index]) - own[index] }
    }

    package func complete(_ pass: ClientPass) {
        let own = Self.memory(of: pass.context)
        let all = pass.context.serverState
        let scale = Float(-1 / (Double(pass.steps) * pass.rate))
        for index in pass.change.indices {
            let step = scale * pass.change[index] - (all.isEmpty ? 0 : all[index])
            pass.controlVariate[index] = step
            own[index] += step
        }
    }

    private static func memory(of context: ClientContext) -> UnsafeMutableBufferPointer<Float> {
        guard let memory = context.memory else { preconditionFailure("a client of scaffold has a memory") }
        return memory[Self.memory]
    }
}
