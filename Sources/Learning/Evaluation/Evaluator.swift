package import Compute

/// Runs a model over examples without training it. Owned by one thread; several may share the work of one
/// evaluation and merge their ``EvaluationSums``.
package final class Evaluator {
    /// Examples a batch. Split work between threads at multiples of this, and the sums are the same bits as
    /// one thread's.
    package static let batchSize = 256

    package let model: Model
    /// The loss that is reported, and whose link turns outputs into probabilities.
    package let loss: any Loss
    let workspace: Workspace
    let depth: Int
    private let keepsScores: Bool
    private var indices: [Int32] = []

    /// `keepsScores` keeps every example's outputs until the end, as ROC-AUC needs; leave it off for the
    /// evaluations between rounds.
    package init(model: Model, loss: any Loss, keepsScores: Bool = false) {
        self.model = model
        self.loss = loss
        self.keepsScores = keepsScores
        workspace = Workspace(model: model, capacity: Self.chunk(of: model), use: .evaluation)
        depth = workspace.depth(under: loss)
        indices.reserveCapacity(Self.batchSize)
    }

    // A power of two, so that it divides the batch: sums are the same bits whatever the room for one example.
    private static func chunk(of model: Model) -> Int {
        let room = Workspace.chunk(of: model, wanted: batchSize)
        return 1 << (Int.bitWidth - 1 - room.leadingZeroBitCount)
    }

    /// The loss that options name, or the standard one, checked against the model and the data.
    /// Throws `ConfigurationError` where they do not fit together.
    package convenience init(
        model: Model, options: TrainingOptions, targets: Examples.Targets, keepsScores: Bool = false
    ) throws {
        let loss = options.loss ?? LossCatalog.standard(for: model, targets: targets)
        try LossCatalog.check(loss, model: model, targets: targets)
        self.init(model: model, loss: loss, keepsScores: keepsScores)
    }

    /// The batches' ranges of `count` examples, grouped into at most `parts` contiguous parts of whole batches.
    package static func parts(of count: Int, into parts: Int) -> [Range<Int>] {
        let batches = (count + batchSize - 1) / batchSize
        let size = max(1, (batches + parts - 1) / max(1, parts)) * batchSize
        return stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    }

    /// Evaluates the examples in `range` (all where nil) and returns what adds up over examples. `parameters` are all that
    /// are trained: of a model with local ones, a client's lie behind the shared ones.
    package func sums(
        _ parameters: [Float], on examples: Examples, range: Range<Int>? = nil
    ) -> EvaluationSums {
        var sums = EvaluationSums(
            targets: examples.targets, outputs: model.outputCount,
            reconstructs: type(of: loss).readsInput, keepsScores: keepsScores)
        forEachBatch(parameters, examples, range ?? 0..<examples.count) { batch in
            let lossSum = workspace.evaluate(loss, count: batch.count, depth: depth, scale: 0)
            let scores = predictions(batch.count)
            sums.add(
                batch: batch, lossSum: lossSum, scores: scores, values: workspace.targetValues,
                targets: examples.targets)
        }
        return sums
    }

    /// Evaluates all examples on this thread.
    package func metrics(_ parameters: [Float], on examples: Examples) -> EvaluationMetrics {
        sums(parameters, on: examples).metrics()
    }

    /// The model's answer for each example in `range`; `classifies` says whether outputs stand for classes. Of a model
    /// that reconstructs its input it is one value, the anomaly score.
    package func predict(
        _ parameters: [Float], on examples: Examples, range: Range<Int>? = nil, classifies: Bool
    ) -> [Prediction] {
        var result: [Prediction] = []
        let width = model.outputCount
        let reconstructs = type(of: loss).readsInput
        forEachBatch(parameters, examples, range ?? 0..<examples.count, withTargets: reconstructs) { batch in
            let scores = predictions(batch.count)
            for row in 0..<batch.count {
                if reconstructs {
                    let place = row * width
                    let score = Reconstruction.score(
                        scores + place, workspace.targetValues + place, count: width)
                    result.append(Prediction(label: nil, values: [Float(score)]))
                    continue
                }
                let values = Array(UnsafeBufferPointer(start: scores + row * width, count: width))
                let label = classifies ? EvaluationSums.label(scores + row * width, width: width) : nil
                result.append(Prediction(label: label, values: values))
            }
        }
        return result
    }

    func forEachBatch(
        _ parameters: [Float], _ examples: Examples, _ range: Range<Int>, withTargets: Bool = true,
        _ body: (Range<Int>) -> Void
    ) {
        precondition(parameters.count == model.trainedCount, "parameters do not fill the model's layout")
        precondition(examples.featureCount == model.inputShape.reduce(1, *), "examples do not fit the model")
        precondition(range.lowerBound >= 0 && range.upperBound <= examples.count, "no such examples")
        parameters.withUnsafeBufferPointer { parameters in
            guard let base = parameters.baseAddress else { return }
            // Evaluation only reads the parameters; layers share one pass type with training, which writes.
            let weights = UnsafeMutablePointer(mutating: base)
            for start in stride(from: range.lowerBound, to: range.upperBound, by: workspace.capacity) {
                let batch = start..<min(start + workspace.capacity, range.upperBound)
                indices.removeAll(keepingCapacity: true)
                for index in batch { indices.append(Int32(index)) }
                indices.withUnsafeBufferPointer { indices in
                    workspace.gather(examples, indices, for: withTargets ? loss : nil)
                }
                workspace.infer(weights, count: batch.count, depth: depth)
                body(batch)
            }
        }
    }

    // Probabilities where the loss has a link, the outputs as they are elsewhere; in place.
    private func predictions(_ count: Int) -> UnsafePointer<Float> {
        let outputs = workspace.outputs(depth: depth)
        switch type(of: loss).link {
        case .identity: break
        case .sigmoid: Kernels.sigmoid(outputs, outputs, count: count * model.outputCount)
        case .softmax:
            let shape = model.outputShape
            Kernels.softmax(outputs, outputs, rows: count * shape.positions, columns: shape.width)
        }
        return UnsafePointer(outputs)
    }
}

/// A model's answer for one example.
package struct Prediction: Sendable, Equatable {
    /// The most likely class, where outputs stand for classes.
    package let label: Int?
    /// Probabilities (or scores) of the classes, the predicted values, or the anomaly score.
    package let values: [Float]
}
