internal import Compute
package import Configuration
internal import Glibc
package import Learning

/// FedNova's clients (Wang et al. 2020, section 4): each sends its change divided by ‖a‖₁, and ‖a‖₁ beside it, where a are
/// the weights of its steps' gradients in the change.
///
/// Of τ steps ‖a‖₁ is τ for plain descent, `(τ − ρ(1 − ρ^τ)/(1 − ρ))/(1 − ρ)` with momentum ρ, and
/// `(1 − (1 − ηµ)^τ)/(ηµ)` with a proximal term. Clients that take other numbers of steps then pull towards the same
/// objective.
package struct NormalizedTraining: ClientRule {
    package init(_ section: Section) {}

    package let companion: ClientCompanion? = ClientCompanion(scalars: ["steps"])

    package func localTraining(_ options: TrainingOptions) -> TrainingOptions { options }

    package func check(_ options: TrainingOptions) throws {
        guard ["sgd", "momentum"].contains(options.optimizerName) else {
            throw ConfigurationError(
                path: "task.training.optimizer",
                problem:
                    "is \"\(options.optimizerName)\": fednova knows the weights of the steps of \"sgd\" and "
                    + "\"momentum\" only"
            )
        }
        if Self.momentum(options) > 0, options.proximalMu > 0 {
            throw ConfigurationError(
                path: "task.training.proximal_mu", problem: "goes with fednova only without momentum")
        }
        guard options.learningRate * options.proximalMu < 1 else {
            throw ConfigurationError(
                path: "task.training.proximal_mu",
                problem: "times the learning_rate must be below 1 with fednova")
        }
    }

    package func complete(_ pass: ClientPass) {
        let length = Self.weight(of: pass.steps, rate: pass.rate, pass.options)
        pass.scalars[0] = Float(length)
        if let start = pass.change.baseAddress {
            Kernels.scale(start, by: Float(1 / length), count: pass.change.count)
        }
    }

    /// ‖a‖₁ of so many steps at this rate.
    static func weight(of steps: Int, rate: Double, _ options: TrainingOptions) -> Double {
        let (count, momentum) = (Double(steps), momentum(options))
        if momentum > 0 {
            return (count - momentum * (1 - pow(momentum, count)) / (1 - momentum)) / (1 - momentum)
        }
        let decay = rate * options.proximalMu
        return decay > 0 ? (1 - pow(1 - decay, count)) / decay : count
    }

    private static func momentum(_ options: TrainingOptions) -> Double {
        guard case .number(let momentum)? = options.optimizer.arguments["momentum"] else { return 0 }
        return momentum
    }
}
