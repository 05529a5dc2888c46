package import Configuration
package import Learning

/// How the server uses the mean update of a round: the server optimiser of Reddi et al. (2021).
///
/// A rule sees sums only, never an individual update, so every one of them works under secure aggregation and noise.
/// It is a value; what it remembers from step to step, its optimiser state, is kept by whoever runs it.
package protocol ServerRule: Sendable {
    /// Reads the rule's own keys of `task.strategy`; the caller refuses what is left over.
    init(_ section: Section) throws
    /// The rule's own keys with their values, as ``init(_:)`` reads them.
    var settings: [String: JSONValue] { get }
    /// Names of the values that it remembers of every parameter, such as `["velocity"]`. Files keep them in this order.
    var stateNames: [String] { get }
    /// Whether clients are given these values with the model.
    var publishesState: Bool { get }
    /// A number that one step has in common for all parameters, from a look at the whole mean; called once a step, before
    /// any piece is moved.
    func factor(_ means: RoundMeans) -> Double
    /// Moves a piece of the model, and its optimiser state with it.
    ///
    /// A parameter depends on its own past and its own mean update only, so that a model may be moved piece by piece.
    /// Called on every piece in every step: no allocation, and loops over buffers.
    func update(_ pass: ServerPass)
    /// Whether the rule makes the next model as a whole, by ``next(_:)``, where ``update(_:)`` cannot: a parameter then hangs on
    /// all others and on the sums of all that clients sent.
    var movesWhole: Bool { get }
    /// The parameters of the next model, as many as there are; called where the rule ``movesWhole``, in place of
    /// ``update(_:)``.
    func next(_ step: WholeStep) -> [Float]
}

extension ServerRule {
    package var stateNames: [String] { [] }
    package var publishesState: Bool { false }
    package func factor(_ means: RoundMeans) -> Double { 1 }
    package var movesWhole: Bool { false }
    package func next(_ step: WholeStep) -> [Float] { step.parameters }
}

/// One step of a server rule that makes the next model as a whole.
package struct WholeStep {
    package let model: Model
    /// The model's parameters, in the order of its layout.
    package let parameters: [Float]
    /// The sums over clients of what they report as their update, in its own units: no mean.
    package let sums: [Double]

    package init(model: Model, parameters: [Float], sums: [Double]) {
        (self.model, self.parameters, self.sums) = (model, parameters, sums)
    }
}

/// What a round's clients sent, as a whole.
package struct RoundMeans {
    /// The mean of each number that the client rule sends beside the change, in the order of its names.
    package let scalars: [Float]
    private let squareNorm: () -> Double

    /// Means of which the squared length is computed where it is asked for.
    package init(scalars: [Float], squareNorm: @escaping () -> Double) {
        (self.scalars, self.squareNorm) = (scalars, squareNorm)
    }

    /// ‖mean update‖². Every call reads the whole mean.
    package func meanSquareNorm() -> Double { squareNorm() }
}

/// One step of a server rule on a piece of the model.
package struct ServerPass {
    /// Published models, this one included: 1 in the first step of a run.
    package let step: Int
    /// The mean update of these parameters, in model units.
    package let meanUpdate: UnsafeBufferPointer<Float>
    /// The mean of what clients sent beside the change of these parameters; empty where their rule sends none.
    package let meanControlVariate: UnsafeBufferPointer<Float>
    /// What ``ServerRule/factor(_:)`` gave for this step.
    package let factor: Double
    /// Clients in the mean over clients of the federation, where all weigh the same.
    package let participation: Double
    /// The optimiser state of these parameters; zeros before the first step.
    package let state: OptimizerStatePiece
    /// As many parameters as there are mean updates.
    package let parameters: UnsafeMutableBufferPointer<Float>

    /// A pass over buffers of one length.
    package init(
        step: Int, meanUpdate: UnsafeBufferPointer<Float>,
        meanControlVariate: UnsafeBufferPointer<Float> = .init(start: nil, count: 0), factor: Double = 1,
        participation: Double = 1, state: OptimizerStatePiece,
        parameters: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(
            meanUpdate.count == parameters.count && state.count == parameters.count
                && (meanControlVariate.isEmpty || meanControlVariate.count == parameters.count),
            "pieces of different lengths")
        (self.step, self.meanUpdate, self.state, self.parameters) = (step, meanUpdate, state, parameters)
        (self.meanControlVariate, self.factor) = (meanControlVariate, factor)
        self.participation = participation
    }

    /// Moves the parameters by the mean update times ``factor``.
    func addScaledMean() {
        let factor = Float(factor)
        for index in parameters.indices { parameters[index] += factor * meanUpdate[index] }
    }
}
