internal import Glibc

/// How near reconstructions come to the examples that they are of.
struct ReconstructionScore: Equatable, Sendable {
    /// The reconstruction that belongs to each example.
    let assignment: [Int]
    /// Of each example: mean squared error, in shares of the squared range of the data, and correlation over its values.
    let errors: [Double]
    let correlations: [Double]

    /// Pairs each example with a reconstruction, the nearest pair first: an attacker has no order to respect. `truth` and
    /// `found` hold as many examples of `width` values; `extent` is the range of the data.
    init(truth: [Float], found: [Float], width: Int, extent: Double) {
        precondition(truth.count == found.count && width > 0, "as many reconstructions as examples")
        let count = truth.count / width
        func row(_ values: [Float], _ index: Int) -> ArraySlice<Float> {
            values[index * width..<(index + 1) * width]
        }
        let scale = extent > 0 ? extent * extent : 1
        let all = (0..<count).map { example in
            (0..<count).map { Self.squaredError(row(truth, example), row(found, $0)) / scale }
        }
        var assignment = [Int](repeating: 0, count: count)
        var (examples, others) = (Set(0..<count), Set(0..<count))
        while let pair = examples.flatMap({ example in others.map { (example, $0) } })
            .min(by: { (all[$0.0][$0.1], $0.0, $0.1) < (all[$1.0][$1.1], $1.0, $1.1) })
        {
            assignment[pair.0] = pair.1
            examples.remove(pair.0)
            others.remove(pair.1)
        }
        self.assignment = assignment
        errors = (0..<count).map { all[$0][assignment[$0]] }
        correlations = (0..<count).map { Self.correlation(row(truth, $0), row(found, assignment[$0])) }
    }

    /// Mean over the examples.
    var error: Double { errors.reduce(0, +) / Double(max(1, errors.count)) }
    var correlation: Double { correlations.reduce(0, +) / Double(max(1, correlations.count)) }
    /// Peak signal to noise ratio of the mean error, in decibels; at most 100.
    var peakSignalToNoise: Double { error > 1e-10 ? -10 * log10(error) : 100 }

    private static func squaredError(_ left: ArraySlice<Float>, _ right: ArraySlice<Float>) -> Double {
        var sum = 0.0
        for (one, other) in zip(left, right) {
            let difference = Double(one) - Double(other)
            sum += difference * difference
        }
        return sum / Double(max(1, left.count))
    }

    /// Pearson's; 0 where one of the two is the same everywhere.
    private static func correlation(_ left: ArraySlice<Float>, _ right: ArraySlice<Float>) -> Double {
        let count = Double(max(1, left.count))
        let (leftMean, rightMean) = (
            left.reduce(0.0) { $0 + Double($1) } / count, right.reduce(0.0) { $0 + Double($1) } / count
        )
        var (product, leftSquare, rightSquare) = (0.0, 0.0, 0.0)
        for (one, other) in zip(left, right) {
            let (one, other) = (Double(one) - leftMean, Double(other) - rightMean)
            product += one * other
            leftSquare += one * one
            rightSquare += other * other
        }
        let root = (leftSquare * rightSquare).squareRoot()
        return root > 0 && root.isFinite ? product / root : 0
    }
}
