internal import Compute
internal import Configuration
internal import Cryptography
internal import Datasets
package import Federation
internal import Learning
package import Messages

/// The task that a server says it runs, resolved as a round's would be: what `check` and `run` judge before any round.
package struct OfferedTask: Sendable {
    /// The task as written.
    package let configuration: TaskConfiguration
    /// SHA-256 of its text.
    package let digest: String
    /// The task, resolved against the offered shape and population.
    package let plan: TaskPlan
    private let preprocessing: Preprocessing?

    /// Reads an offer whose model may have frozen parameters of up to `frozenLimit` bytes. Throws ``UnusablePlan``,
    /// ``ConfigurationError`` or ``PrivacyRefusal``.
    package init(_ offer: TaskOffer, frozenLimit: Int = FrozenRules.defaultLimit) throws {
        let task = try AssignedTask(text: offer.task, statedDigest: offer.taskSHA256)
        (configuration, digest) = (task.configuration, task.digest)
        try ResolvedTask.checkShape(offer.inputShape)
        let model = try Model(configuration.model, inputShape: offer.inputShape)
        try FrozenRules.check(model, limit: frozenLimit)
        plan = try TaskPlan(configuration, model: model, population: offer.population)
        preprocessing = try offer.preprocessing.map {
            try Preprocessing(
                JSONValue(json5: $0.utf8, source: "the server's preprocessing"), path: "preprocessing")
        }
    }

    /// What a trainer examines: a job of no round and without a model, whose size only a server's word would bound.
    package var job: TrainingJob {
        TrainingJob(
            plan: plan, task: digest, round: 1, client: 0, seed: 0,
            model: ParameterVector(zeros: ParameterLayout([])), preprocessing: preprocessing)
    }
}
