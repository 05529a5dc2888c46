internal import Compute
internal import Configuration
internal import Cryptography
internal import Datasets
package import Federation
internal import Glibc
package import Learning
internal import Messages
internal import Operations

/// What a server needs for its run, resolved and loaded: nothing is written yet.
package struct ServerSetup: Sendable {
    package let configuration: ServerConfiguration
    package let plan: TaskPlan
    /// The `task` section that agents receive, with calibrated noise filled in, as canonical JSON text.
    package let taskText: String
    /// SHA-256 of `taskText`, lower-case hexadecimal.
    package let taskDigest: String
    /// SHA-256 of the schema's canonical JSON text, lower-case hexadecimal.
    let schemaDigest: String
    let description: ModelFile.Description
    /// The metadata of every published model, its round aside.
    private let modelMetadata: [String: String]
    /// SHA-256 of the trained parameters that a checkpoint gave; nil where they are drawn from the seed.
    let startDigest: String?
    let holdout: Examples?
    /// One unit of the targets that are learnt, in the unit of the data; nil where classes are learnt.
    let targetScale: Double?
    let loss: any Loss
    /// A loss on the hold-out above which training has diverged: a thousand times that of a model that knows nothing.
    /// Infinite where there is no hold-out.
    let divergedLoss: Double
    /// What should be thought about in the server's own data, one line each.
    let dataWarnings: [String]

    /// Loads the data and resolves the plan. Throws for the first thing that is not right; `bounds` may throw for a model before
    /// memory is taken for its parameters.
    package init(
        _ configuration: ServerConfiguration, bounds: (Model) throws -> Void = { _ in }
    ) throws {
        let data = try ServerData(configuration)
        let configuration = try configuration.completed(for: data.targets)
        self.configuration = configuration
        let bare = try Model(configuration.task.model, inputShape: data.inputShape)
        try bounds(bare)
        let start = try StartingModel(
            bare, seed: configuration.seed,
            folder: configuration.folder)
        let model = start.model
        startDigest = start.startDigest
        loss = try data.loss(configuration.task, model)
        dataWarnings = data.warnings
        targetScale = data.targetScale
        plan = try TaskPlan(configuration.task, model: model, population: configuration.population)
        taskText = Self.resolved(configuration.taskSection, plan).text()
        taskDigest = try SHA256.text(of: Array(taskText.utf8))
        schemaDigest = try SHA256.text(of: Array(data.preprocessing.text().utf8))
        if let holdout = data.holdout { try model.check(holdout) }
        holdout = configuration.task.holdout == .server ? data.holdout : nil
        divergedLoss = holdout.map { [loss] in 1000 * Self.ignorantLoss($0, loss) } ?? .infinity
        description = ModelFile.Description(
            model: model.spec.json, inputShape: data.inputShape, loss: ModelFile.json(of: loss),
            data: data.preprocessing, label: data.labelName)
        modelMetadata = ModelFile.metadata(description).merging(
            [Self.taskKey: configuration.task.name]
        ) { own, _ in own }
        try checkMasking()
    }

    /// Throws a `Failure` unless the state directory holds a run of this very task: what another one published would be read by
    /// the wrong plan.
    package func requireRun() throws {
        let run = try StateDirectory(reading: configuration.stateDirectory).run()
        guard run?.taskSHA256 == taskDigest, run?.population == configuration.population else {
            throw Failure(
                .invalidInput,
                "\(configuration.stateDirectory): holds a run of another task or population than this file; give the file that"
                    + " it was served with")
        }
    }

    /// What a published model's file begins with, before the parameters' values.
    func modelHead(round: Int) -> [UInt8] {
        var metadata = modelMetadata
        metadata[Self.roundKey] = String(round)
        return ModelFile.head(plan.model.layout, metadata: metadata)
    }

    private static let taskKey = "sordino.task"
    private static let roundKey = "sordino.round"

    /// The loss of a model that says the same of every example: of all classes alike, or zero.
    private static func ignorantLoss(_ examples: Examples, _ loss: any Loss) -> Double {
        if type(of: loss).readsInput {
            return max(Reconstruction.lossOfZeros(examples), .leastNormalMagnitude)
        }
        switch examples.targets {
        case .classes(_, let count), .tokens(_, _, let count): return log(Double(max(2, count)))
        case .values(let values, _):
            let squares = values.reduce(0) { $0 + Double($1) * Double($1) }
            return max(squares / Double(max(1, values.count)), .leastNormalMagnitude)
        }
    }

    /// The task with what calibration found, so that no agent needs to search for it.
    private static func resolved(_ task: JSONValue, _ plan: TaskPlan) -> JSONValue {
        guard case .object(var members) = task else { return task }
        // The server's own affair, which may change within a run and which agents of earlier versions do not know.
        members[TaskConfiguration.abandonLimitKey] = nil
        // The schema travels in every published model, whose digest agents sign; agents of version 0.1.0 know it there.
        members[TaskConfiguration.schemaKey] = nil
        // Agents need the file of frozen parameters in place of the checkpoint that it came from. Any other model stays as
        // it was written, and so does the digest of its task.
        if plan.model.spec != plan.configuration.model {
            members[TaskConfiguration.modelKey] = plan.model.spec.json
        }
        guard let privacy = plan.privacy else { return .object(members) }
        var section: [String: JSONValue] = [:]
        if case .object(let given)? = members["privacy"] { section = given }
        section["mode"] = .string(privacy.configuration.mode.rawValue)
        section["calibrate"] = nil
        section["noise_multiplier"] = .number(privacy.noiseMultiplier)
        section["target_epsilon"] = privacy.configuration.targetEpsilon.map { .number($0) }
        members["privacy"] = .object(section)
        return .object(members)
    }
}

/// What the server's own data say, or the configuration in their place.
private struct ServerData {
    let inputShape: [Int]
    let holdout: Examples?
    let preprocessing: JSONValue
    var labelName: String?
    var targetScale: Double?
    private(set) var warnings: [String] = []
    /// What is learnt; nil where neither data nor schema say it.
    let targets: Examples.Targets?

    init(_ configuration: ServerConfiguration) throws {
        guard let section = configuration.data else {
            let schema = try ServerSchema(configuration)
            inputShape = schema.inputShape
            preprocessing = schema.preprocessing.json
            let names = schema.preprocessing.classNames
            targets = names.isEmpty ? nil : .classes([], count: names.count)
            holdout = nil
            guard configuration.task.holdout != .server else {
                throw ConfigurationError(
                    path: "task.evaluation.holdout",
                    problem: "is \"server\", but server.data is missing; give it, or say \"none\"")
            }
            return
        }
        let source = try DataSource(section, path: "server.data", folder: configuration.folder)
        // A schema that is written out holds for the server's own data too.
        let schema = try ServerSchema.stated(configuration)
        let dataset = try source.load(
            seed: configuration.seed, preprocessing: schema,
            requiresLabel: configuration.task.training.needsTargets)
        inputShape = dataset.train.featureShape
        // Data that are not divided are the hold-out as a whole.
        holdout = dataset.test ?? dataset.train
        targets = dataset.train.targets
        preprocessing = dataset.preprocessing.json
        labelName = dataset.labelName
        targetScale = dataset.preprocessing.targetScale?.scale
        warnings = dataset.warnings
    }

    func loss(_ task: TaskConfiguration, _ model: Model) throws -> any Loss {
        if let loss = task.training.loss {
            if targets == nil, type(of: loss).link != .identity {
                throw ConfigurationError(
                    path: "task.schema",
                    problem: "names no classes, but loss \"\(type(of: loss).name)\" compares with classes")
            }
            if let targets {
                try LossCatalog.check(loss, model: model, targets: targets)
            } else if type(of: loss).readsInput {
                try LossCatalog.check(loss, model: model, targets: .values([], width: 0))
            }
            return loss
        }
        guard let targets else {
            throw ConfigurationError(
                path: "task.training.loss",
                problem: "is missing: without data of its own the server cannot tell")
        }
        let loss = LossCatalog.standard(for: model, targets: targets)
        try LossCatalog.check(loss, model: model, targets: targets)
        return loss
    }
}
