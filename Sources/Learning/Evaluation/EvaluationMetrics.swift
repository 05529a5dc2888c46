package import Configuration
internal import Glibc

/// How well a model does on a set of examples; nil where a metric does not apply.
package struct EvaluationMetrics: Sendable, Equatable {
    /// Precision, recall and their harmonic mean, 0 where the denominator is 0.
    package struct Scores: Sendable, Equatable {
        package let precision: Double
        package let recall: Double
        package let f1: Double

        init(precision: Double, recall: Double, f1: Double) {
            (self.precision, self.recall, self.f1) = (precision, recall, f1)
        }

        init(hits: Int, predicted: Int, actual: Int) {
            precision = predicted > 0 ? Double(hits) / Double(predicted) : 0
            recall = actual > 0 ? Double(hits) / Double(actual) : 0
            f1 = predicted + actual > 0 ? 2 * Double(hits) / Double(predicted + actual) : 0
        }

        var json: JSONValue {
            .object(["precision": .number(precision), "recall": .number(recall), "f1": .number(f1)])
        }
    }

    package let examples: Int
    /// Mean loss an example, without regularisation.
    package let loss: Double
    package var accuracy: Double?
    /// Of sequences: positions with a target, over which loss and accuracy are means.
    package var positions: Int?
    /// exp of the mean loss a position.
    package var perplexity: Double?
    /// Share of examples whose class is among the five highest scores; nil below six classes.
    package var top5Accuracy: Double?
    /// Means over the classes that occur, as truth or as prediction.
    package var macro: Scores?
    /// From the totals over classes; with one label an example all three equal the accuracy.
    package var micro: Scores?
    package var perClass: [Scores]?
    /// True class by row, predicted class by column.
    package var confusion: [[Int]]?
    /// Area under the ROC curve: of class 1, which is also what an anomaly score is for, or the mean over classes of one against the rest. Nil unless
    /// scores were kept, and where a class has no examples or all of them.
    package var rocAUC: Double?
    package var meanAbsoluteError: Double?
    package var rootMeanSquaredError: Double?
    /// 1 − residual / total sum of squares, the mean over outputs; nil where a target never varies.
    package var rSquared: Double?
    /// Whether errors are those of features, which have no unit in common, and ``rocAUC`` is of the anomaly score.
    package var comparesFeatures = false

    /// The same with errors of targets in the unit of the data, where one unit of the targets that were learnt is `scale` of it;
    /// the loss stays that of training.
    package func inUnit(scale: Double?) -> EvaluationMetrics {
        guard let scale, !comparesFeatures else { return self }
        var metrics = self
        metrics.meanAbsoluteError = meanAbsoluteError.map { $0 * scale }
        metrics.rootMeanSquaredError = rootMeanSquaredError.map { $0 * scale }
        return metrics
    }

    /// The metrics that apply, under snake_case names.
    package var json: JSONValue {
        var members: [String: JSONValue] = ["examples": .integer(examples), "loss": .number(loss)]
        let numbers = [
            "accuracy": accuracy, "top5_accuracy": top5Accuracy, "roc_auc": rocAUC, "mae": meanAbsoluteError,
            "rmse": rootMeanSquaredError, "r2": rSquared, "perplexity": perplexity,
        ]
        for (name, value) in numbers { if let value { members[name] = .number(value) } }
        if let positions { members["positions"] = .integer(positions) }
        if let macro {
            members["macro"] = macro.json
            // The plain names stand for the mean over classes.
            members["precision"] = .number(macro.precision)
            members["recall"] = .number(macro.recall)
            members["f1"] = .number(macro.f1)
        }
        if let micro { members["micro"] = micro.json }
        if let perClass { members["per_class"] = .array(perClass.map(\.json)) }
        if let confusion {
            members["confusion"] = .array(confusion.map { .array($0.map { .integer($0) }) })
        }
        return .object(members)
    }
}

extension EvaluationSums {
    /// The metrics of everything added so far; the loss is NaN without examples.
    package func metrics() -> EvaluationMetrics {
        let ordered = batches.sorted { $0.start < $1.start }
        let loss = ordered.reduce(0) { $0 + $1.loss } / Double(count)
        var metrics = EvaluationMetrics(examples: count, loss: loss)
        guard count > 0 else { return metrics }
        guard length == 0 else { return sequenceMetrics(ordered) }
        if classCount > 0 {
            addClassMetrics(to: &metrics)
        } else {
            addValueMetrics(ordered, to: &metrics)
            metrics.comparesFeatures = reconstructs
            if reconstructs { metrics.rocAUC = rocAUC() }
        }
        return metrics
    }

    // Of sequences: a batch's loss is the sum of its positions' divided by their number, filled or not.
    private func sequenceMetrics(_ ordered: [Batch]) -> EvaluationMetrics {
        let total = ordered.reduce(0) { $0 + $1.loss } * Double(length)
        let loss = total / Double(positions)
        var metrics = EvaluationMetrics(examples: count, loss: loss)
        metrics.positions = positions
        metrics.accuracy = positions > 0 ? Double(positionHits) / Double(positions) : 0
        metrics.perplexity = exp(loss)
        return metrics
    }

    private func addClassMetrics(to metrics: inout EvaluationMetrics) {
        let classes = 0..<classCount
        let hits = classes.map { confusion[$0 * classCount + $0] }
        let actual = classes.map { row in classes.reduce(0) { $0 + confusion[row * classCount + $1] } }
        let predicted = classes.map { column in classes.reduce(0) { $0 + confusion[$1 * classCount + column] }
        }
        let perClass = classes.map {
            EvaluationMetrics.Scores(hits: hits[$0], predicted: predicted[$0], actual: actual[$0])
        }
        let present = classes.filter { actual[$0] + predicted[$0] > 0 }.map { perClass[$0] }
        let share = 1 / Double(present.count)
        metrics.accuracy = Double(hits.reduce(0, +)) / Double(count)
        metrics.top5Accuracy = outputs > Self.topK ? Double(topHits) / Double(count) : nil
        metrics.micro = EvaluationMetrics.Scores(hits: hits.reduce(0, +), predicted: count, actual: count)
        metrics.macro = EvaluationMetrics.Scores(
            precision: present.reduce(0) { $0 + $1.precision } * share,
            recall: present.reduce(0) { $0 + $1.recall } * share, f1: present.reduce(0) { $0 + $1.f1 } * share
        )
        metrics.perClass = perClass
        metrics.confusion = classes.map { Array(confusion[($0 * classCount)..<(($0 + 1) * classCount)]) }
        metrics.rocAUC = rocAUC()
    }

    private func addValueMetrics(_ ordered: [Batch], to metrics: inout EvaluationMetrics) {
        func total(_ output: Int, _ part: (Batch) -> [Double]) -> Double {
            ordered.reduce(0) { $0 + part($1)[output] }
        }
        let values = Double(count * outputs)
        let range = 0..<outputs
        metrics.meanAbsoluteError = range.reduce(0) { $0 + total($1, \.absolute) } / values
        metrics.rootMeanSquaredError = (range.reduce(0) { $0 + total($1, \.squares) } / values).squareRoot()
        let determinations = range.compactMap { output -> Double? in
            let sum = total(output, \.targets)
            let spread = total(output, \.targetSquares) - sum * sum / Double(count)
            return spread > 1e-12 * abs(total(output, \.targetSquares))
                ? 1 - total(output, \.squares) / spread : nil
        }
        guard determinations.count == outputs else { return }
        metrics.rSquared = determinations.reduce(0, +) / Double(outputs)
    }

    private func rocAUC() -> Double? {
        guard !labels.isEmpty, labels.count == count else { return nil }
        if classCount == 2 || reconstructs {
            let last = scoreWidth - 1
            return Self.rocAUC(labels.indices.map { (scores[$0 * scoreWidth + last], labels[$0] == 1) })
        }
        let areas = (0..<classCount).map { wanted in
            Self.rocAUC(labels.indices.map { (scores[$0 * outputs + wanted], Int(labels[$0]) == wanted) })
        }
        let known = areas.compactMap { $0 }
        return known.count == areas.count ? known.reduce(0, +) / Double(known.count) : nil
    }

    /// The probability that a positive example scores above a negative one, ties counting half (the
    /// Mann-Whitney statistic, through ranks); nil without both kinds.
    private static func rocAUC(_ examples: [(score: Float, isPositive: Bool)]) -> Double? {
        let sorted = examples.sorted { $0.score < $1.score }
        var (positives, rankSum, start) = (0, 0.0, 0)
        while start < sorted.count {
            var end = start
            while end < sorted.count && sorted[end].score == sorted[start].score { end += 1 }
            // A NaN equals nothing, itself included.
            if end == start { end = start + 1 }
            let tied = sorted[start..<end].count { $0.isPositive }
            positives += tied
            rankSum += Double(tied) * Double(start + 1 + end) / 2
            start = end
        }
        let negatives = sorted.count - positives
        guard positives > 0, negatives > 0 else { return nil }
        let least = Double(positives) * Double(positives + 1) / 2
        return (rankSum - least) / (Double(positives) * Double(negatives))
    }
}
