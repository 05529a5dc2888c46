internal import Compute
internal import Datasets
internal import Federation
internal import Learning

/// How one client's model does on the examples that the client kept from training.
struct ClientScore: Sendable {
    /// Share of examples that it gets right; nil where there are no classes.
    let accuracy: Double?
    /// Mean squared error of values to predict, in the unit that is learnt; nil where there are classes.
    let squaredError: Double?
    let examples: Int
}

/// Measures what each client would use itself: the published model together with what is the client's own, and what
/// becomes of it where the client trains it a little further.
///
/// What a client's model is, and how it does, depends on the published one, the client's data and memory, and the seed alone.
final class PersonalMeter {
    /// Which of a client's models is measured.
    enum Subject: Sendable {
        /// The published model, with the client's local parameters where it has any.
        case published
        /// The model that the client keeps: Ditto's.
        case own
        /// The published model after so many passes over what the client trains on, as the task trains.
        case fineTuned(epochs: Int)
    }

    /// One thread's buffers.
    private final class Worker {
        private let plan: TaskPlan
        private let setup: SimulationSetup
        private let memory: ClientMemory?
        private var trainer: LocalTrainer?
        private let evaluator: Evaluator

        init(_ setup: SimulationSetup, _ loss: any Loss) {
            (self.setup, plan) = (setup, setup.plan)
            memory = setup.plan.clientMemory.isEmpty ? nil : ClientMemory(setup.plan.clientMemory)
            evaluator = Evaluator(model: setup.plan.model, loss: loss)
        }

        /// The score of a client's model on the rows `held`.
        func score(
            _ subject: Subject, _ client: Int, published: [Float], own: OwnModel?, round: Int,
            file: ClientMemoryFile?, held: ArraySlice<Int32>
        ) throws -> ClientScore {
            if let memory { try file?.load(client, into: memory) }
            var model: [Float]
            switch subject {
            case .published, .fineTuned: model = own?.published(published, memory: memory) ?? published
            case .own: model = own?.personal(published, memory: memory) ?? published
            }
            if case .fineTuned(let epochs) = subject {
                try tune(&model, client, epochs: epochs, round: round)
            }
            let metrics = evaluator.metrics(model, on: setup.training.subset(held))
            return ClientScore(
                accuracy: metrics.accuracy,
                squaredError: metrics.rootMeanSquaredError.map { $0 * $0 }, examples: held.count)
        }

        private func tune(_ model: inout [Float], _ client: Int, epochs: Int, round: Int) throws {
            let indices = Array(setup.partition[client])
            guard !indices.isEmpty else { return }
            let trainer =
                self.trainer ?? LocalTrainer(model: plan.model, options: plan.configuration.training)
            self.trainer = trainer
            let start = model
            do {
                _ = try trainer.train(
                    &model, on: setup.training, indices: indices,
                    stream: TrainingStream(seed: setup.seed, client: client, round: round), epochs: epochs)
            } catch TrainingError.diverged {
                // A client keeps what it had.
                model = start
            }
        }
    }

    private let pool: WorkerPool<Worker>
    private let held: Partition
    private let own: OwnModel?
    private let file: ClientMemoryFile?
    /// Clients with held-out examples, ascending.
    private let measured: [Int]

    /// `file` is where the clients of the run keep what they do; nil where they keep nothing. Throws
    /// ``ConfigurationError`` where model, loss and data do not fit together.
    init(_ setup: SimulationSetup, held: Partition, file: ClientMemoryFile?) throws {
        let plan = setup.plan
        let loss =
            plan.training.loss ?? LossCatalog.standard(for: plan.model, targets: setup.training.targets)
        try LossCatalog.check(loss, model: plan.model, targets: setup.training.targets)
        pool = WorkerPool(workers: setup.workers) { Worker(setup, loss) }
        own = OwnModel(plan, seed: setup.seed)
        (self.held, self.file) = (held, file)
        measured = (0..<held.clientCount).filter { held.count(of: $0) > 0 }
    }

    /// The scores of all clients, a place a client; nil where a client kept no example. `round` is the last one: what
    /// trains further draws as the next would. Throws a storage ``Failure``.
    func scores(_ subject: Subject, of published: [Float], after round: Int) throws -> [ClientScore?] {
        let slots = Slots<Result<ClientScore, any Error>>(count: measured.count)
        pool.run(count: measured.count) { [held, measured, own, file] worker, place in
            let client = measured[place]
            slots[place] = Result {
                try worker.score(
                    subject, client, published: published, own: own, round: round + 1, file: file,
                    held: held[client])
            }
        }
        var scores = [ClientScore?](repeating: nil, count: held.clientCount)
        for (client, result) in zip(measured, slots.values) { scores[client] = try result?.get() }
        return scores
    }
}

extension ClientAccuracy {
    /// The figures of `scores`, of which those without an accuracy do not count; nil of none.
    init?(_ scores: [ClientScore?]) {
        let found = scores.compactMap { score in
            score.flatMap { score in score.accuracy.map { (accuracy: $0, examples: score.examples) } }
        }
        self.init(found.map(\.accuracy), examples: found.reduce(0) { $0 + $1.examples })
    }
}
