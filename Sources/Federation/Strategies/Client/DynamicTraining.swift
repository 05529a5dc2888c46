package import Configuration
package import Learning

/// FedDyn's clients (Acar et al. 2021, algorithm 1). Each keeps a vector gᵢ, zero at first, and from the model x minimises
/// `Lᵢ(θ) − ⟨gᵢ, θ⟩ + alpha/2 ‖θ − x‖²`. It sends `θ − x`, and its `gᵢ` becomes `gᵢ − alpha (θ − x)`. Every client weighs
/// the same.
package struct DynamicTraining: ClientRule {
    private static let memory = "gradient"
    private let alpha: Double

    package init(_ section: Section) throws { alpha = try Self.alpha(section) }

    /// The key that both of the strategy's rules read.
    static func alpha(_ section: Section) throws -> Double { try section.positive("alpha") ?? 0.01 }

    package var settings: [String: JSONValue] { ["alpha": .number(alpha)] }

    package let companion: ClientCompanion? = ClientCompanion(memory: [memory], weighsUniformly: true)

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions {
        var options = options
        options.proximalMu = alpha
        options.correctsGradient = true
        return options
    }

    package func check(_ options: TrainingOptions) throws {
        guard options.proximalMu == 0 else {
            throw ConfigurationError(
                path: "task.training.proximal_mu", problem: "does not go with feddyn, whose alpha is its own")
        }
    }

    package func correct(_ correction: UnsafeMutableBufferPointer<Float>, _ context: ClientContext) {
        let own = Self.memory(of: context)
        for index in correction.indices { correction[index] = -own[index] }
    }

    package func complete(_ pass: ClientPass) {
        let own = Self.memory(of: pass.context)
        for index in own.indices { own[index] -= Float(alpha) * pass.change[index] }
    }

    private static func memory(of context: ClientContext) -> UnsafeMutableBufferPointer<Float> {
        guard let memory = context.memory else { preconditionFailure("a client of feddyn has a memory") }
        return memory[Self.memory]
    }
}
