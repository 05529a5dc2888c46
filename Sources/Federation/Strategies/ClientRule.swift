package import Configuration
package import Learning

/// What a client does with its data in one round.
package enum LocalWork: Equatable, Sendable {
    /// Epochs of optimiser steps.
    case training
    /// One gradient of the mean loss over all its examples, at the learning rate.
    case gradient
    /// Sums of derivatives over all its examples, for the level that a forest grows next.
    case histograms
    /// Sums over all its examples that answer the questions of a task of statistics.
    case statistics

    /// Whether all clients weigh the same, for what they send grows with their examples by itself, or is bounded.
    var weighsUniformly: Bool { self == .histograms || self == .statistics }
}

/// What a client does locally in a round.
///
/// Most rules start from the published model alone and send the change that training made. One may also have clients
/// keep vectors from round to round, add a vector to the gradient of every step, and send more beside the change.
package protocol ClientRule: Sendable {
    /// Reads the rule's own keys of `task.strategy`; the caller refuses what is left over.
    init(_ section: Section) throws
    /// The rule's own keys with their values, as ``init(_:)`` reads them.
    var settings: [String: JSONValue] { get }
    /// Whether clients train, send one gradient, or sums for a forest.
    var localWork: LocalWork { get }
    /// The local training that the rule wants, given what the task configures.
    func localTraining(_ options: TrainingOptions) -> TrainingOptions
    /// Throws ``ConfigurationError`` at a key of `task.training` that the rule's formula does not hold for.
    func check(_ options: TrainingOptions) throws
    /// What goes with the training beyond that; nil where clients start from the model alone and send its change.
    var companion: ClientCompanion? { get }
    /// Fills the vector that is added to the gradient of every step of the round; called before training, where
    /// the local training ``TrainingOptions/correctsGradient``.
    func correct(_ correction: UnsafeMutableBufferPointer<Float>, _ context: ClientContext)
    /// Whether training with the correction came to something that the rule can use; where it did not, the client trains once
    /// more without one.
    func holds(_ pass: ClientPass) -> Bool
    /// Completes the report of a round whose training has ended, and leaves in the memory what the next round finds.
    /// Called where there is a ``companion``. It depends on nothing but the pass.
    func complete(_ pass: ClientPass)
    /// The training of a whole model of the client's own, beside what it reports of; nil where the rule has none. The
    /// options' proximal term holds that model near the published one.
    func personalTraining(_ options: TrainingOptions) -> TrainingOptions?
    /// Whether the rule is of no use for a model without local parameters.
    var needsLocalParameters: Bool { get }
}

extension ClientRule {
    package var settings: [String: JSONValue] { [:] }
    package var localWork: LocalWork { .training }
    package var companion: ClientCompanion? { nil }
    package func check(_ options: TrainingOptions) throws {}
    package func correct(_ correction: UnsafeMutableBufferPointer<Float>, _ context: ClientContext) {}
    package func holds(_ pass: ClientPass) -> Bool { true }
    package func complete(_ pass: ClientPass) {}
    package func personalTraining(_ options: TrainingOptions) -> TrainingOptions? { nil }
    package var needsLocalParameters: Bool { false }
}

/// What a client rule has go with a client's training. None of it is clipped or noised, so such a rule is refused where
/// anything is private.
package struct ClientCompanion: Equatable, Sendable {
    /// Names of the vectors, each as long as the model, that a client keeps from round to round.
    package var memory: [String] = []
    /// Whether a vector as long as the model goes beside the change, averaged like it.
    package var sendsControlVariate = false
    /// Names of the numbers that go beside the change, averaged like it.
    package var scalars: [String] = []
    /// Whether every client weighs the same, whatever its examples.
    package var weighsUniformly = false

    package init(
        memory: [String] = [], sendsControlVariate: Bool = false, scalars: [String] = [],
        weighsUniformly: Bool = false
    ) {
        (self.memory, self.sendsControlVariate) = (memory, sendsControlVariate)
        (self.scalars, self.weighsUniformly) = (scalars, weighsUniformly)
    }
}

/// The end of a client's local work, for the rule to complete its report.
package struct ClientPass {
    /// What the client has beside the model; its memory is the rule's to change.
    package let context: ClientContext
    /// The change that training made, in the order of the model's layout: the report's update.
    package let change: UnsafeMutableBufferPointer<Float>
    /// The vector beside it; empty where the rule sends none.
    package let controlVariate: UnsafeMutableBufferPointer<Float>
    /// The numbers beside it, one a name.
    package let scalars: UnsafeMutableBufferPointer<Float>
    /// Steps of the optimiser that were taken, at least one.
    package let steps: Int
    /// The learning rate of these steps.
    package let rate: Double
    /// Local training as the rule wanted it.
    package let options: TrainingOptions
    /// Whether the rule's correction was added to each step's gradient.
    package let isCorrected: Bool

    package init(
        context: ClientContext, change: UnsafeMutableBufferPointer<Float>,
        controlVariate: UnsafeMutableBufferPointer<Float>, scalars: UnsafeMutableBufferPointer<Float>,
        steps: Int, rate: Double, options: TrainingOptions, isCorrected: Bool
    ) {
        (self.context, self.change, self.controlVariate) = (context, change, controlVariate)
        (self.scalars, self.steps, self.rate) = (scalars, steps, rate)
        (self.options, self.isCorrected) = (options, isCorrected)
    }
}
