internal import Compute
package import Encoding
internal import Privacy

/// Rounds whose single reports a robust rule combines.
extension TaskPlan {
    /// The rule that takes the place of the mean; nil where reports are summed and single ones forgotten.
    package var robust: RobustAggregation? { configuration.robust }

    /// How a client's report lies in memory where it is kept by itself (``keepsReports``).
    package var individualForm: IndividualReport.Form { sendsFloats ? .floats : .integers(bits: codec.bits) }

    /// What a robust rule makes of a round's reports, ascending by client, in the place of their sum: divided by the weight
    /// that comes with it, or under central noise by the expected cohort, it is the mean that the server rule takes. `seed` is
    /// the run's and decides over buckets.
    ///
    /// A function of the reports in their order, the seed and the round alone, whatever the number of threads. Throws
    /// ``RoundLoss`` where there are too few.
    package func robustSum(
        of reports: [IndividualReport], seed: UInt64, round: Int, threads: Int
    ) throws(RoundLoss) -> (vector: RingVector, weight: Int) {
        try RobustRound(plan: self).sum(of: reports, seed: seed, round: round, threads: threads)
    }
}

/// A round whose single reports a robust rule combines.
private struct RobustRound {
    let plan: TaskPlan

    /// ``TaskPlan/robustSum(of:seed:round:threads:)``.
    func sum(
        of reports: [IndividualReport], seed: UInt64, round: Int, threads: Int
    ) throws(RoundLoss) -> (vector: RingVector, weight: Int) {
        guard let robust = plan.robust else {
            preconditionFailure("a plan without a rule for single updates")
        }
        if let problem = robust.problem(reports: reports.count) { throw RoundLoss(problem) }
        let count = plan.report.count
        guard !reports.isEmpty else { return (RingVector(zeros: count, bits: plan.codec.bits), 0) }
        if case .central? = plan.privacy?.configuration.mode, let bound = robust.rule.normBound {
            return (boundedSum(of: reports, norm: bound), reports.count)
        }
        // Without clipping the ring is wide: the mean times the number of reports is then, for a plain mean, their sum to the
        // bit. The narrow ring has room for one update.
        let weight = plan.privacy == nil ? reports.count : 1
        var generator = SeededGenerator(seed: seed, purpose: .bucketing, round: round)
        return (
            robust.combine(
                reports, count: count, codec: plan.codec, factor: Double(weight), threads: threads,
                using: &generator),
            weight
        )
    }

    /// The sum of reports that are each cut to a norm, in whole numbers. Each is then no longer than the norm that the noise is
    /// for, so that the sum's sensitivity is that of a sum of clipped updates, and one that is short enough is not touched.
    private func boundedSum(of reports: [IndividualReport], norm: Double) -> RingVector {
        guard let privacy = plan.privacy else { preconditionFailure("no privacy to bound a sum for") }
        let count = plan.report.count
        var sum = Aggregation(count: count, bits: plan.codec.bits)
        let greatest = Double(privacy.squaredNormBound).squareRoot()
        let bound = min(greatest, norm * plan.codec.scale)
        var words = [Int32](repeating: 0, count: count)
        words.withUnsafeMutableBufferPointer { words in
            for report in reports {
                report.copyIntegers(into: words)
                var length = Self.norm(words)
                while length > bound {
                    // Towards zero: rounding makes nothing longer.
                    let factor = bound / length * (1 - 1e-9)
                    for place in words.indices {
                        words[place] = Int32((Double(words[place]) * factor).rounded(.towardZero))
                    }
                    length = Self.norm(words)
                }
                sum.add(integers: UnsafeBufferPointer(words), weight: 1)
            }
        }
        return sum.sum
    }

    private static func norm(_ words: UnsafeMutableBufferPointer<Int32>) -> Double {
        words.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
}
