package import Configuration

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
    /// Moves a piece of the model, and its optimiser state with it.
    ///
    /// A parameter depends on its own past and its own mean update only, so that a model may be moved piece by piece.
    /// Called on every piece in every step: no allocation, and loops over buffers.
    func update(_ pass: ServerPass)
}

extension ServerRule {
    package var stateNames: [String] { [] }
}

/// One step of a server rule on a piece of the model.
package struct ServerPass {
    /// Published models, this one included: 1 in the first step of a run.
    package let step: Int
    /// The mean update of these parameters, in model units.
    package let meanUpdate: UnsafeBufferPointer<Float>
    /// The optimiser state of these parameters; zeros before the first step.
    package let state: OptimizerStatePiece
    /// As many parameters as there are mean updates.
    package let parameters: UnsafeMutableBufferPointer<Float>

    /// A pass over buffers of one length.
    package init(
        step: Int, meanUpdate: UnsafeBufferPointer<Float>, state: OptimizerStatePiece,
        parameters: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(
            meanUpdate.count == parameters.count && state.count == parameters.count,
            "pieces of different lengths")
        (self.step, self.meanUpdate, self.state, self.parameters) = (step, meanUpdate, state, parameters)
    }
}
