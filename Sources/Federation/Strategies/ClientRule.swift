package import Configuration
package import Learning

/// What a client does with its data in one round.
package enum LocalWork: Equatable, Sendable {
    /// Epochs of optimiser steps.
    case training
    /// One gradient of the mean loss over all its examples, at the learning rate.
    case gradient
}

/// What a client does locally in a round.
///
/// A client carries nothing of a rule from round to round: each starts from the published model alone.
package protocol ClientRule: Sendable {
    /// Reads the rule's own keys of `task.strategy`; the caller refuses what is left over.
    init(_ section: Section) throws
    /// The rule's own keys with their values, as ``init(_:)`` reads them.
    var settings: [String: JSONValue] { get }
    /// Whether clients train or send one gradient.
    var localWork: LocalWork { get }
    /// The local training that the rule wants, given what the task configures.
    func localTraining(_ options: TrainingOptions) -> TrainingOptions
}

extension ClientRule {
    package var settings: [String: JSONValue] { [:] }
    package var localWork: LocalWork { .training }
}
