package import Configuration
package import Learning

/// SCAFFOLD's clients (Karimireddy et al. 2020, algorithm 1, option II). Each keeps a control variate cᵢ, zero at first, is
/// given the server's c with the model x, and takes K steps `y = y − η (g(y) − cᵢ + c)`. It sends `y − x`, and beside it
/// `Δc = (x − y)/(Kη) − c`, by which its own cᵢ moves. Every client weighs the same.
///
/// One addition to the paper: at rates that local training alone still bears, a correction may carry a client to where its
/// gradients explode. A client whose mean gradient comes out more than `guard` times as long as c and cᵢ, or whose training
/// diverges, takes the steps of that round without correction, as federated averaging does; its cᵢ becomes their mean gradient
/// all the same.
package struct ControlledTraining: ClientRule {
    private static let memory = "control_variate"
    private let limit: Double

    package init(_ section: Section) throws {
        limit = try section.number("guard", expected: "a number above 1") { $0 > 1 } ?? 2
    }

    package var settings: [String: JSONValue] { ["guard": .number(limit)] }

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
        let scale = Self.scale(pass)
        for index in pass.change.indices {
            // What is not the gradients' of the steps, and what the client kept.
            let other = pass.isCorrected ? (all.isEmpty ? 0 : all[index]) : own[index]
            let step = scale * pass.change[index] - other
            pass.controlVariate[index] = step
            own[index] += step
        }
    }

    package func holds(_ pass: ClientPass) -> Bool {
        let own = Self.memory(of: pass.context)
        let all = pass.context.serverState
        let scale = Self.scale(pass)
        var (found, kept, common) = (0.0, 0.0, 0.0)
        for index in own.indices {
            let server = all.isEmpty ? 0 : all[index]
            let mean = scale * pass.change[index] - server + own[index]
            found += Double(mean * mean)
            kept += Double(own[index] * own[index])
            common += Double(server * server)
        }
        // Before its first round a client knows nothing of its gradients' length.
        return kept == 0 || found <= limit * limit * max(kept, common)
    }

    /// From a change to the mean of the steps that made it, against their direction.
    private static func scale(_ pass: ClientPass) -> Float {
        Float(-1 / (Double(pass.steps) * pass.rate))
    }

    private static func memory(of context: ClientContext) -> UnsafeMutableBufferPointer<Float> {
        guard let memory = context.memory else { preconditionFailure("a client of scaffold has a memory") }
        return memory[Self.memory]
    }
}
