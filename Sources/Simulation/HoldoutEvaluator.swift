internal import Compute
internal import Federation
internal import Learning

/// Evaluates published models on the server's hold-out, on all workers.
///
/// The hold-out is cut into parts of a fixed size, whatever the number of workers, and their sums are merged in
/// order: the figures do not depend on the machine.
final class HoldoutEvaluator {
    private let pool: WorkerPool<Evaluator>
    private let holdout: Examples
    private let parts: [Range<Int>]

    /// Examples a part: enough to keep a worker busy, few enough to share out.
    private static let partSize = 1024

    init(model: Model, options: TrainingOptions, holdout: Examples, workers: Int) throws {
        self.holdout = holdout
        let loss = options.loss ?? LossCatalog.standard(for: model, targets: holdout.targets)
        try model.check(holdout)
        try LossCatalog.check(loss, model: model, targets: holdout.targets)
        pool = WorkerPool(workers: workers) { Evaluator(model: model, loss: loss) }
        parts = stride(from: 0, to: holdout.count, by: Self.partSize).map {
            $0..<min($0 + Self.partSize, holdout.count)
        }
    }

    /// The metrics of a model on the whole hold-out.
    func evaluate(_ model: ParameterVector) -> EvaluationMetrics {
        let slots = Slots<EvaluationSums>(count: parts.count)
        pool.run(count: parts.count) { [holdout, parts] evaluator, index in
            slots[index] = evaluator.sums(model.values, on: holdout, range: parts[index])
        }
        var total: EvaluationSums?
        for sums in slots.values.compactMap(\.self) {
            if total == nil { total = sums } else { total?.merge(sums) }
        }
        return (total ?? pool.states[0].sums(model.values, on: holdout, range: 0..<0)).metrics()
    }
}

/// One place a job for its result.
///
/// Unchecked because every slot is written by the one worker that took the job, and read after all have ended.
final class Slots<Value: Sendable>: @unchecked Sendable {
    private let storage: UnsafeMutableBufferPointer<Value?>

    init(count: Int) {
        storage = .allocate(capacity: count)
        storage.initialize(repeating: nil)
    }

    deinit {
        storage.deinitialize()
        storage.deallocate()
    }

    subscript(index: Int) -> Value? {
        get { storage[index] }
        set { storage[index] = newValue }
    }

    /// The results in the order of the jobs; nil where a job left none.
    var values: [Value?] { Array(storage) }
}
