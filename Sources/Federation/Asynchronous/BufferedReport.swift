internal import Compute
package import Encoding
internal import Privacy

/// One update of a full buffer, as it was sent.
package struct BufferedReport {
    let report: IndividualReport
    /// Weight of the client in the mean: its examples, or 1 where weights are uniform.
    let weight: Int
    /// Published models between the one that it started from and the newest.
    let staleness: Int

    package init(_ report: IndividualReport, weight: Int, staleness: Int) {
        (self.report, self.weight, self.staleness) = (report, weight, staleness)
    }
}

extension TaskPlan {
    /// Whether single reports are kept until a round or step is complete, rather than summed as they come.
    package var keepsReports: Bool { robust != nil || configuration.asynchronous != nil }
}

extension BufferedReport {
    /// The sum of a full buffer: each update times what its staleness leaves of it. `weight` is the sum of the clients'
    /// weights as they are without that, so that what divides the sum is a function of the plan, or of the clients alone
    /// (Nguyen et al. 2022 divide by the buffer).
    ///
    /// Updates that are not stale are added as they are: a buffer of them has the bits of a round's sum. Integers of clipped
    /// updates become shorter towards zero, so that none leaves its norm bound; order does not matter.
    package static func sum(
        of reports: [BufferedReport], under plan: TaskPlan
    ) -> (vector: RingVector, weight: Int) {
        guard let rule = plan.configuration.asynchronous?.staleness else {
            preconditionFailure("a plan without a buffer")
        }
        var buffer = BufferedSum(plan: plan, rule: rule)
        for report in reports { buffer.add(report) }
        return (buffer.sum.sum, buffer.sum.weight)
    }
}

/// The running sum of a buffer.
private struct BufferedSum {
    private(set) var sum: Aggregation
    private let rule: AsynchronousAggregation.StalenessRule
    private let plan: TaskPlan
    /// One clipped update; empty where they are floating-point numbers.
    private var words: [Int32]

    init(plan: TaskPlan, rule: AsynchronousAggregation.StalenessRule) {
        (self.plan, self.rule) = (plan, rule)
        sum = Aggregation(count: plan.report.count, bits: plan.codec.bits)
        words = [Int32](repeating: 0, count: plan.sendsFloats ? 0 : plan.report.count)
    }

    mutating func add(_ buffered: BufferedReport) {
        let worth = rule.weight(staleness: buffered.staleness)
        guard !plan.sendsFloats else {
            return buffered.report.add(
                to: &sum, factor: plan.codec.scale * Double(buffered.weight), worth: worth,
                weight: buffered.weight)
        }
        words.withUnsafeMutableBufferPointer { words in
            buffered.report.copyIntegers(into: words)
            if worth < 1 {
                for place in words.indices {
                    words[place] = Int32((Double(words[place]) * worth).rounded(.towardZero))
                }
            }
            sum.add(integers: UnsafeBufferPointer(words), weight: buffered.weight)
        }
    }
}
