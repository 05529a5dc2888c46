import Compute
import Configuration
import Federation
import Learning
import Privacy
import Testing

/// What clients keep for themselves: local parameters, and Ditto's models.
@Suite struct OwnModelTests {
    private static let local = "local: ['2.*']"

    private func plan(
        model: String = "", strategy: String = "{name: 'fedavg'}", privacy: String = "{mode: 'none'}",
        rest: String = "", training: String = ""
    ) throws -> TaskPlan {
        let text = """
            { name: 't', model: { preset: 'mlp', hidden: [5], classes: 3, \(model) },
              training: { local_epochs: 2, batch_size: 5, learning_rate: 0.1, loss: 'softmax_cross_entropy', \(training) },
              strategy: \(strategy), rounds: 6, cohort_size: 4, privacy: \(privacy), \(rest) }
            """
        let task = try TaskConfiguration(
            Section(JSONValue(json5: text.utf8, source: "test"), path: "task"))
        return try TaskPlan(task, model: Model(task.model, inputShape: [2]), population: 9)
    }

    private static let examples = {
        var random = SeededGenerator(seed: 5, purpose: .test)
        let features = (0..<60).map { _ in random.uniform() * 2 - 1 }
        return Examples(
            count: 30, featureShape: [2], features: .floats(features),
            targets: .classes((0..<30).map { Int32($0 % 3) }, count: 3))
    }()

    @Test(arguments: [
        ("local: ['2.*']", "{name: 'fedsgd'}", "{mode: 'none'}", "", "sends one gradient"),
        ("local: ['2.*']", "{name: 'ditto'}", "{mode: 'none'}", "", "whole model at each"),
        ("", "{name: 'fedrep'}", "{mode: 'none'}", "", "name the local ones"),
        (
            "local: ['2.*']", "{name: 'fedavg'}", "{mode: 'none'}", "evaluation: {holdout: 'server'}",
            "\"none\""
        ),
        (
            "local: ['2.*']", "{name: 'fedrep'}",
            "{mode: 'none', example: {clipping_norm: 1, noise_multiplier: 1}}", "", "in turn"
        ),
    ])
    func whatDoesNotGoTogetherIsRefused(
        model: String, strategy: String, privacy: String, rest: String, problem: String
    ) throws {
        let error = try #require(throws: ConfigurationError.self) {
            try plan(model: model, strategy: strategy, privacy: privacy, rest: rest)
        }
        #expect("\(error)".contains(problem), "\(error)")
        #expect("\(error)".hasPrefix("task."), "\(error)")
    }

    /// Neither report nor published model has room for what is local, in any mode; the noise covers what is sent.
    @Test(arguments: [
        "{mode: 'none'}", "{mode: 'central', clipping_norm: 1, noise_multiplier: 1}",
        "{mode: 'local', clipping_norm: 1, noise_multiplier: 1}",
        "{mode: 'distributed', clipping_norm: 1, noise_multiplier: 1}",
    ])
    func onlySharedParametersAreSent(privacy: String) throws {
        let masked = privacy.contains("distributed")
        let rest = masked ? "secure_aggregation: {estimated_dropout_rate: 0, adversarial_client_rate: 0}" : ""
        let (plain, own) = try (
            plan(privacy: privacy, rest: rest), plan(model: Self.local, privacy: privacy, rest: rest)
        )
        let stays = own.model.localLayout.count
        #expect(stays == 5 * 3 + 3)
        #expect(own.dimension == plain.dimension - stays)
        #expect(own.report.count == plain.report.count - stays)
        #expect(own.configuration.holdout == .none && plain.configuration.holdout == .server)
        if let privacy = own.privacy { #expect(privacy.rounding.dimension == own.report.vector.count) }
    }

    private func train(
        _ work: ClientTraining, _ model: [Float], round: Int, _ memory: ClientMemory?
    ) throws -> [Float] {
        let indices = (0..<Int32(30)).map { $0 }
        return try indices.withUnsafeBufferPointer { indices in
            try model.withUnsafeBufferPointer { model in
                let (delta, _) = try work.update(
                    of: model, on: Self.examples, indices: indices,
                    stream: TrainingStream(seed: 4, client: 2, round: round),
                    context: ClientContext(memory: memory)
                ) { NoNoise() }
                return Array(delta)
            }
        }
    }

    /// One client that keeps its head and moves the published part by its own change is a client that trains a whole model.
    @Test func aClientAloneIsTheWholeModel() throws {
        let (plain, own) = try (plan(), plan(model: Self.local))
        var whole = plain.model.initialParameters(seed: 4).values
        var shared = own.model.initialParameters(seed: 4).values
        let (wholeWork, ownWork) = (ClientTraining(plan: plain), ClientTraining(plan: own))
        let memory = ClientMemory(own.clientMemory)
        for round in 1...3 {
            whole = zip(whole, try train(wholeWork, whole, round: round, nil)).map { $0 + $1 }
            shared = zip(shared, try train(ownWork, shared, round: round, memory)).map { $0 + $1 }
        }
        let all = try #require(OwnModel(own, seed: 4)).personal(shared, memory: memory)
        // The preset's layers are in order, so that the head lies behind the rest in both.
        #expect(all.count == whole.count)
        #expect(zip(all, whole).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(all.suffix(18) != own.model.initialLocalParameters(seed: 4).values[...])
    }

    /// What a client sends with Ditto is what it sends without; its own model is pulled to the published one by lambda.
    @Test func dittoSendsWhatFederatedAveragingDoes() throws {
        let plain = try plan()
        let model = plain.model.initialParameters(seed: 4).values
        let sent = try train(ClientTraining(plan: plain), model, round: 1, nil)
        func personal(_ lambda: Double, rounds: Int) throws -> [Float] {
            let ditto = try plan(strategy: "{name: 'ditto', lambda: \(lambda), personal_epochs: 5}")
            let (work, memory) = (ClientTraining(plan: ditto), ClientMemory(ditto.clientMemory))
            #expect(try train(work, model, round: 1, memory) == sent)
            for round in 1..<rounds { _ = try train(work, model, round: round + 1, memory) }
            return try #require(OwnModel(ditto, seed: 4)).personal(model, memory: memory)
        }
        func distance(_ values: [Float]) -> Float {
            zip(values, model).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        }
        let (free, held) = (try personal(0, rounds: 1), try personal(4, rounds: 1))
        #expect(distance(held) < 0.7 * distance(free))
        // It goes on from its own model, not from the published one.
        #expect(try distance(personal(0, rounds: 3)) > 1.2 * distance(free))
        // Without a round yet it is the published one.
        let ditto = try plan(strategy: "{name: 'ditto'}")
        let fresh = try #require(OwnModel(ditto, seed: 4))
        #expect(fresh.personal(model, memory: ClientMemory(ditto.clientMemory)) == model)
    }

    /// Never asked: without per-example privacy training draws nothing secret.
    private struct NoNoise: NoiseSource {
        mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws { throw Unasked() }
    }

    private struct Unasked: Error {}

    /// A plan whose clients keep nothing has no memory of it.
    @Test func othersKeepNothing() throws {
        #expect(try OwnModel(plan(), seed: 1) == nil)
        #expect(try plan().clientMemory.isEmpty)
    }
}
