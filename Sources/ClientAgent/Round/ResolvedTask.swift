internal import Configuration
internal import Cryptography
package import Datasets
package import Federation
internal import Learning
package import Messages

/// What follows from a task and from what a published model says of itself, its parameters aside: the same in every round.
package struct ResolvedTask: Sendable {
    package let plan: TaskPlan
    /// How the published model's inputs are prepared; nil: each agent fits its own.
    package let preprocessing: Preprocessing?
    /// SHA-256 of the model's schema.
    package let schemaDigest: String

    /// Throws ``UnusablePlan``, ``ConfigurationError`` or ``PrivacyRefusal``. `frozenLimit`: see ``FrozenRules``.
    init(_ task: AssignedTask, population: Int, model file: SafeTensors, frozenLimit: Int) throws {
        let name = "the published model"
        let description = try ModelFile.description(file, path: name)
        try Self.checkShape(description.inputShape)
        let model = try Model(task.configuration.model, inputShape: description.inputShape)
        try FrozenRules.check(model, limit: frozenLimit)
        plan = try TaskPlan(task.configuration, model: model, population: population)
        preprocessing =
            description.data == .null
            ? nil : try Preprocessing(description.data, path: "\(name): sordino.data")
        schemaDigest = try SHA256.text(of: Array(description.data.text().utf8))
    }

    /// A hostile shape must not overflow a product before its model is refused.
    static func checkShape(_ shape: [Int]) throws {
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product <= 1 << 31 else {
                throw UnusablePlan("the published model's input shape is too large")
            }
            count = product
        }
    }
}

/// Tasks read and resolved once: a server assigns the same one round after round.
package struct TaskCache {
    private var read: (text: String, task: AssignedTask)?
    private var resolved: (task: String, population: Int, metadata: [String: String], value: ResolvedTask)?

    private let frozenLimit: Int

    /// Tasks whose models have frozen parameters of up to `frozenLimit` bytes.
    package init(frozenLimit: Int = FrozenRules.defaultLimit) { self.frozenLimit = frozenLimit }

    /// The task of an assignment. Throws as ``AssignedTask``.
    package mutating func task(_ offer: RoundOffer) throws -> AssignedTask {
        if let read, read.text == offer.task, read.task.digest == offer.taskSHA256 { return read.task }
        let task = try AssignedTask(offer)
        read = (offer.task, task)
        return task
    }

    /// What follows from it. Throws as ``ResolvedTask``.
    package mutating func resolve(
        _ task: AssignedTask, population: Int, model file: SafeTensors
    ) throws -> ResolvedTask {
        let metadata = file.metadata.filter { ModelFile.descriptionKeys.contains($0.key) }
        if let resolved, resolved.task == task.digest, resolved.population == population,
            resolved.metadata == metadata
        {
            return resolved.value
        }
        let value = try ResolvedTask(
            task, population: population, model: file, frozenLimit: frozenLimit)
        resolved = (task.digest, population, metadata, value)
        return value
    }
}
