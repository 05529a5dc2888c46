import Compute
import Configuration
import Cryptography
import Datasets
import Encoding
import Federation
import Foundation
import Learning
import Messages
import SecureAggregation

@testable import ClientAgent

/// A task on a small table, with everything that server and agent need of it.
struct TestTask {
    static let plain = #"privacy: { mode: "none" }"#
    static let local =
        #"privacy: { mode: "local", clipping_norm: 0.5, noise_multiplier: 2, target_delta: 1e-5, mechanism: "discrete_gaussian" }"#

    /// Protection of single records, from a server that is shown what comes of it.
    static let records = #"privacy: { mode: "none", example: { clipping_norm: 1, noise_multiplier: 1 } }"#

    static let central =
        #"privacy: { mode: "central", clipping_norm: 0.5, noise_multiplier: 2, target_delta: 1e-5, adjacency: "replace-one" }"#

    static let distributed =
        #"privacy: { mode: "distributed", clipping_norm: 0.5, noise_multiplier: 2, target_delta: 1e-5 }"#

    let text: String
    let plan: TaskPlan
    /// The file of frozen parameters; nil where the model has none.
    let frozen: [UInt8]?
    let dataset: Dataset
    let seed: UInt64 = 11
    let population = 40

    static let mlp = #"{ preset: "mlp", hidden: [8], classes: 3 }"#
    /// The same with an adapter on its hidden layer; the last is trained as it is.
    static let adapted =
        #"{ preset: "mlp", hidden: [8], classes: 3, adapters: { rank: 2, targets: ["0"], train: ["2.*"] } }"#

    /// `privacy` and `strategy` as they stand in a task; the table is written to `folder`/data.csv.
    init(
        model: String = mlp, privacy: String = plain, strategy: String = #"{ name: "fedavg" }"#,
        training: String =
            #"{ local_epochs: 2, batch_size: 7, learning_rate: 0.1, schedule: { name: "cosine" } }"#,
        secureAggregation: String = "{ enabled: false }", reportAfter: String? = nil, name: String = "t",
        folder: String
    ) throws {
        var random = SeededGenerator(seed: 5, purpose: .test)
        var rows = "a,b,c,label\n"
        for index in 0..<30 {
            let values = (0..<3).map { _ in Double(random.next() % 2000) / 1000 - 1 }
            rows += values.map { "\($0)" }.joined(separator: ",") + ",class\(index % 3)\n"
        }
        try rows.write(toFile: "\(folder)/data.csv", atomically: true, encoding: .utf8)
        let source = """
            { name: "\(name)", model: \(model),
              training: \(training),
              strategy: \(strategy), rounds: 5, cohort_size: 20, min_reports: 10,
              \(reportAfter.map { "report_after: \"\($0)\"," } ?? "")
              \(privacy), secure_aggregation: \(secureAggregation) }
            """
        let written = try JSONValue(json5: source.utf8, source: "test")
        let configuration = try TaskConfiguration(Section(written, path: "task"))
        dataset = try DataSource(Self.data, path: "data", folder: folder).load(seed: 1)
        let start = try StartingModel(
            Model(configuration.model, inputShape: dataset.train.featureShape), seed: seed, folder: folder)
        frozen = start.model.frozen.map { FrozenModelFile.encode($0) }
        // What agents are told of the model.
        var told = written
        if frozen != nil, case .object(var members) = told {
            members["model"] = start.model.spec.json
            told = .object(members)
        }
        text = told.text()
        let published = try TaskConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        plan = try TaskPlan(published, model: start.model, population: population)
    }

    static let data = JSONValue.object([
        "format": .string("csv"), "path": .string("data.csv"), "label": .string("label"),
    ])

    /// The initial model, and its published file.
    var initial: ParameterVector { published ?? plan.model.initialParameters(seed: seed) }

    /// What the server publishes in its place.
    var published: ParameterVector?

    var file: [UInt8] {
        ModelFile.encode(
            initial,
            ModelFile.Description(
                model: plan.configuration.model.json, inputShape: plan.model.inputShape,
                loss: .object(["loss": .string("softmax_cross_entropy")]), data: dataset.preprocessing.json))
    }

    /// What the strategy remembers with the model, as its file; nil where agents are not given it.
    var state: [UInt8]? {
        guard plan.configuration.strategy.server.publishesState else { return nil }
        let tensor = SafeTensors.Tensor(
            name: "strategy.state", shape: [remembered.count], values: remembered)
        return SafeTensors(tensors: [tensor]).encoded()
    }

    /// The values of ``state``; empty: zeros, as before the first round.
    var remembered: [Float] = []

    /// What a server says of its task.
    func offer(run: String = TestFederation.run) throws -> TaskOffer {
        TaskOffer(
            run: run, population: population, task: text,
            taskSHA256: try SHA256.text(of: Array(text.utf8)),
            inputShape: plan.model.inputShape, preprocessing: dataset.preprocessing.json.text())
    }

    /// What a server says of one round.
    func message(
        round: Int, client: Int = 4, run: String = TestFederation.run, hasRunPaths: Bool? = nil
    ) throws -> RoundOffer {
        let bytes = file
        let digest = try SHA256.text(of: bytes)
        let scale =
            plan.privacy.map { $0.scale(forClippingNorm: $0.configuration.clippingNorm) } ?? plan.codec.scale
        return RoundOffer(
            run: run, round: round, client: client, seed: seed, population: population, task: text,
            taskSHA256: try SHA256.text(of: Array(text.utf8)),
            model: .init(round: 0, sha256: digest, bytes: bytes.count),
            state: try state.map { .init(sha256: try SHA256.text(of: $0), bytes: $0.count) }, privacy: nil,
            report: ReportShape(count: plan.report.count, bits: plan.codec.bits, scale: scale),
            hasRunPaths: hasRunPaths,
            deadlineSeconds: 600)
    }
}
