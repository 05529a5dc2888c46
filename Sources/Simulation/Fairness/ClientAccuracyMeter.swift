package import Compute
package import Datasets
package import Federation
internal import Synchronization

/// Measures models on the examples that clients kept from training, on all workers: one model for all of them, or one for
/// each, as personalisation has.
package final class ClientAccuracyMeter {
    private let examples: Examples
    private let held: Partition
    private let pool: WorkerPool<ClientEvaluator>
    /// Clients with held-out examples, ascending.
    private let measured: [Int]

    /// `held` are each client's rows of `examples` that nobody trains on.
    package init(plan: TaskPlan, examples: Examples, held: Partition, workers: Int) {
        self.examples = examples
        self.held = held
        pool = WorkerPool(workers: workers) { ClientEvaluator(plan) }
        measured = (0..<held.clientCount).filter { held.count(of: $0) > 0 }
    }

    /// Accuracy of each client's model on that client's held-out examples, 0 to 1, a place a client; nil where a client
    /// has none. `model` gives a client's parameters in the plan's layout; it is called from several threads, once a
    /// client. Throws what it throws, the first client's first, and where the task has no accuracies.
    package func accuracies(of model: @escaping @Sendable (_ client: Int) throws -> [Float]) throws
        -> [Double?]
    {
        let slots = Slots<Result<Double?, any Error>>(count: measured.count)
        pool.run(count: measured.count) { [examples, held, measured] evaluator, place in
            let client = measured[place]
            slots[place] = Result {
                try evaluator.metrics(model(client), on: examples, indices: held[client]).accuracy
            }
        }
        var accuracies = [Double?](repeating: nil, count: held.clientCount)
        for (client, result) in zip(measured, slots.values) { accuracies[client] = try result?.get() }
        return accuracies
    }

    /// The same of one model for all clients.
    package func accuracies(of model: [Float]) throws -> [Double?] { try accuracies { _ in model } }

    /// The figures of what ``accuracies(of:)`` found; nil where nobody was measured.
    package func summary(_ accuracies: [Double?]) -> ClientAccuracy? {
        ClientAccuracy(accuracies.compactMap(\.self), examples: held.rowCount)
    }
}
