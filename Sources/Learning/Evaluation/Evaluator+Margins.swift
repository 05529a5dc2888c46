package import Compute
internal import Glibc

extension Evaluator {
    /// Each example's log-odds of its own class: log p(y) − log Σ p(other classes), from the scores before the link, so that
    /// neither a certain nor a hopeless answer becomes infinite by rounding (Carlini et al. 2022, section IV-C).
    ///
    /// `examples` must have classes. Returns one value an example.
    package func margins(_ parameters: [Float], on examples: Examples) -> [Double] {
        guard case .classes(let labels, _) = examples.targets else {
            preconditionFailure("margins are of classes")
        }
        let width = model.outputCount
        var result: [Double] = []
        result.reserveCapacity(examples.count)
        forEachBatch(parameters, examples, 0..<examples.count) { batch in
            let outputs = workspace.outputs(depth: depth)
            for (row, index) in batch.enumerated() {
                let scores = UnsafeBufferPointer(start: outputs + row * width, count: width)
                result.append(margin(scores, label: Int(labels[index])))
            }
        }
        return result
    }

    /// Whether outputs are scores of classes that a link turns into probabilities.
    package var tellsClasses: Bool {
        switch type(of: loss).link {
        case .identity: false
        case .sigmoid, .softmax: true
        }
    }

    private func margin(_ scores: UnsafeBufferPointer<Float>, label: Int) -> Double {
        // One output tells two classes apart.
        if scores.count == 1 { return Double(label == 1 ? scores[0] : -scores[0]) }
        if case .sigmoid = type(of: loss).link { return Double(scores[label]) }
        var greatest = -Double.infinity
        for (place, score) in scores.enumerated() where place != label {
            greatest = max(greatest, Double(score))
        }
        var sum = 0.0
        for (place, score) in scores.enumerated() where place != label {
            sum += exp(Double(score) - greatest)
        }
        return Double(scores[label]) - greatest - log(sum)
    }
}
