internal import Compute

/// What adds up over the examples of an evaluation. Merging parts in any order gives the same metrics, bit for
/// bit, as long as the parts were cut at multiples of ``Evaluator/batchSize``.
package struct EvaluationSums: Sendable {
    /// One batch's sums of real numbers. They are added in the order of `start` at the very end, because
    /// floating-point addition does not ignore order.
    struct Batch: Sendable {
        let start: Int
        let loss: Double
        /// For targets that are numbers: sums an output.
        var absolute: [Double] = []
        var squares: [Double] = []
        var targets: [Double] = []
        var targetSquares: [Double] = []
    }

    /// The `k` of top-k accuracy.
    static let topK = 5

    private(set) var count = 0
    private(set) var batches: [Batch] = []
    /// [classes × classes], true class by row, predicted class by column; empty for targets that are numbers.
    private(set) var confusion: [Int]
    private(set) var topHits = 0
    /// Positions of sequences with a target, and those where it had the highest score.
    private(set) var positions = 0
    private(set) var positionHits = 0
    /// Positions that a sequence has room for, where each has a target of its own; 0 elsewhere.
    let length: Int
    /// Row-major [count, ``scoreWidth``] and the true classes, where scores are kept.
    private(set) var scores: [Float] = []
    private(set) var labels: [Int32] = []
    let classCount: Int
    let outputs: Int
    /// Whether outputs are compared with features, whatever the targets.
    let reconstructs: Bool
    /// Scores that are kept of an example: its outputs, or of a reconstruction its anomaly score.
    let scoreWidth: Int
    private let keepsScores: Bool

    init(targets: Examples.Targets, outputs: Int, reconstructs: Bool = false, keepsScores: Bool) {
        (self.outputs, self.reconstructs, self.keepsScores) = (outputs, reconstructs, keepsScores)
        scoreWidth = reconstructs ? 1 : outputs
        guard !reconstructs else {
            (length, classCount, confusion) = (0, 0, [])
            return
        }
        length = if case .tokens(_, let length, _) = targets { length } else { 0 }
        switch targets {
        // One output tells two classes apart.
        case .classes(_, let count): classCount = max(count, outputs == 1 ? 2 : outputs)
        case .values, .tokens: classCount = 0
        }
        confusion = [Int](repeating: 0, count: classCount * classCount)
    }

    /// Adds what another part of the same evaluation found.
    package mutating func merge(_ other: EvaluationSums) {
        precondition(
            other.classCount == classCount && other.outputs == outputs, "parts of different evaluations")
        count += other.count
        batches += other.batches
        topHits += other.topHits
        positions += other.positions
        positionHits += other.positionHits
        for index in confusion.indices { confusion[index] += other.confusion[index] }
        scores += other.scores
        labels += other.labels
    }

    /// Adds a batch of outputs, as predictions; `values` are what they are compared with where that is numbers, row by
    /// row.
    mutating func add(
        batch: Range<Int>, lossSum: Double, scores: UnsafePointer<Float>, values: UnsafePointer<Float>,
        targets: Examples.Targets
    ) {
        var sums = Batch(start: batch.lowerBound, loss: lossSum)
        count += batch.count
        if reconstructs {
            addValues(batch.count, scores, values, to: &sums)
            keepAnomalyScores(batch, scores, values, targets)
        } else {
            switch targets {
            case .classes(let table, _): addClasses(batch, scores, table)
            case .values: addValues(batch.count, scores, values, to: &sums)
            case .tokens(let table, _, _): addPositions(batch, scores, table)
            }
        }
        batches.append(sums)
    }

    // Of two classes the second, 1, are the anomalies.
    private mutating func keepAnomalyScores(
        _ batch: Range<Int>, _ outputs: UnsafePointer<Float>, _ features: UnsafePointer<Float>,
        _ targets: Examples.Targets
    ) {
        guard keepsScores, case .classes(let table, let classes) = targets, classes <= 2 else { return }
        let width = self.outputs
        for (row, index) in batch.enumerated() {
            let place = row * width
            scores.append(Float(Reconstruction.score(outputs + place, features + place, count: width)))
            labels.append(table[index])
        }
    }

    /// The class with the highest score; with one output, class 1 from 0.5 upwards.
    static func label(_ scores: UnsafePointer<Float>, width: Int) -> Int {
        if width == 1 { return scores[0] >= 0.5 ? 1 : 0 }
        var best = 0
        for index in 1..<width where scores[index] > scores[best] { best = index }
        return best
    }

    private mutating func addClasses(_ batch: Range<Int>, _ scores: UnsafePointer<Float>, _ table: [Int32]) {
        for (row, index) in batch.enumerated() {
            let truth = Int(table[index])
            let example = scores + row * outputs
            confusion[truth * classCount + Self.label(example, width: outputs)] += 1
            if outputs > 1 {
                var above = 0
                for other in 0..<outputs where example[other] > example[truth] { above += 1 }
                if above < Self.topK { topHits += 1 }
            }
            if keepsScores { labels.append(table[index]) }
        }
        if keepsScores {
            self.scores.append(contentsOf: UnsafeBufferPointer(start: scores, count: batch.count * outputs))
        }
    }

    private mutating func addPositions(
        _ batch: Range<Int>, _ scores: UnsafePointer<Float>, _ table: [Int32]
    ) {
        let width = outputs / length
        for (row, index) in batch.enumerated() {
            for position in 0..<length {
                let target = table[index * length + position]
                guard target >= 0 else { continue }
                positions += 1
                let place = scores + (row * length + position) * width
                if Self.label(place, width: width) == Int(target) { positionHits += 1 }
            }
        }
    }

    private func addValues(
        _ count: Int, _ scores: UnsafePointer<Float>, _ values: UnsafePointer<Float>, to sums: inout Batch
    ) {
        let zeros = [Double](repeating: 0, count: outputs)
        (sums.absolute, sums.squares, sums.targets, sums.targetSquares) = (zeros, zeros, zeros, zeros)
        for row in 0..<count {
            for output in 0..<outputs {
                let target = Double(values[row * outputs + output])
                let error = Double(scores[row * outputs + output]) - target
                sums.absolute[output] += abs(error)
                sums.squares[output] += error * error
                sums.targets[output] += target
                sums.targetSquares[output] += target * target
            }
        }
    }
}
