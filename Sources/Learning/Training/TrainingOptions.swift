package import Configuration

/// The `training` section of a task: how a client, or central training, changes the parameters.
package struct TrainingOptions: Sendable {
    /// Passes over the data in one round.
    package var localEpochs: Int
    /// Examples a step; more than there are means one step over all of them.
    package var batchSize: Int
    package var learningRate: Double
    /// Name and rule of the optimiser.
    package var optimizerName: String
    package var optimizer: any Optimizer
    /// Nil where the loss follows from the model and the data (``LossCatalog/standard(for:targets:)``).
    package var loss: (any Loss)?
    /// Adds l1 · Σ|w| and l2/2 · Σw² over weights (not biases and gains) to the objective.
    package var l1: Double
    package var l2: Double
    package var schedule: LearningRateSchedule
    /// Largest L2 norm of a batch's gradient; nil where it is not limited.
    package var gradientClipNorm: Double?
    /// µ of FedProx (Li et al. 2020): adds µ/2 · ‖w − w₀‖², w₀ the parameters before training.
    package var proximalMu: Double
    /// Whether a vector is added to the gradient of every step (``LocalTrainer/correction``): a strategy asks for it, no key
    /// does.
    package var correctsGradient = false
    /// Passes over the data in which local parameters alone are trained, before ``localEpochs`` that train the shared ones
    /// alone; 0: all are trained together. No key of the section: a strategy says it.
    package var headEpochs = 0
    /// Random changes of the images that train; nil where they train as they are.
    package var augment: AugmentationOptions?

    /// Reads the section strictly. Throws ``ConfigurationError`` with the whole path.
    package init(_ section: Section) throws {
        localEpochs = try section.integer("local_epochs", in: 1...1_000_000) ?? 1
        batchSize = try section.integer("batch_size", in: 1...(1 << 30)) ?? 10
        learningRate = try section.positive("learning_rate") ?? 0.1
        (optimizerName, optimizer) = try OptimizerCatalog.optimizer(section)
        loss = try LossCatalog.loss(section)
        l1 = try section.nonNegative("l1") ?? 0
        l2 = try section.nonNegative("l2") ?? 0
        schedule = try section.section("schedule").map { try LearningRateSchedule($0) } ?? .constant
        gradientClipNorm = try section.positive("gradient_clip_norm")
        proximalMu = try section.nonNegative("proximal_mu") ?? 0
        augment = try section.section("augment").map { try AugmentationOptions($0) }
        try section.finish()
    }

    /// Reads the options from plain data.
    package init(_ value: JSONValue, path: String) throws {
        try self.init(Section(value, path: path))
    }

    /// The section with every default filled in; reading it again gives equal options.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "local_epochs": .integer(localEpochs), "batch_size": .integer(batchSize),
            "learning_rate": .number(learningRate), "optimizer": .string(optimizerName),
            "l1": .number(l1), "l2": .number(l2), "schedule": schedule.json,
            "proximal_mu": .number(proximalMu),
        ]
        members.merge(optimizer.arguments) { $1 }
        if let loss {
            members["loss"] = .string(type(of: loss).name)
            members.merge(loss.arguments) { $1 }
        }
        if let gradientClipNorm { members["gradient_clip_norm"] = .number(gradientClipNorm) }
        if let augment { members["augment"] = augment.json }
        return .object(members)
    }

    /// Passes over the data in one round, of whatever part of the model.
    package var epochs: Int { headEpochs + localEpochs }

    /// Whether the loss reads targets: without it rows need no label.
    package var needsTargets: Bool { loss.map { !type(of: $0).readsInput } ?? true }

    /// Whether a step is w −= rate · gradient and nothing else.
    var isPlainDescent: Bool {
        optimizer.isPlainDescent && l1 == 0 && l2 == 0 && proximalMu == 0 && gradientClipNorm == nil
    }
}
