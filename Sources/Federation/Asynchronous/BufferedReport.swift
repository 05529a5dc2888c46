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

    /// The sum of a full buffer: each update times what its staleness leaves of it. `weight` is the sum of the clients'
    /// weights as they are without that, so that what divides the sum is a function of the plan, or of the clients alone
    /// (Nguyen et al. 2022 divide by the buffer).
    ///
    /// Updates that are not stale are added as they are: a buffer of them has the bits of a round's sum. Integers of clipped
    /// updates become shorter towards zero, so that none leaves its norm bound; order does not matter.
    package func bufferedSum(of reports: [BufferedReport]) -> (vector: RingVector, weight: Int) {
        guard let asynchronous = configuration.asynchronous else {
            preconditionFailure("a plan without a buffer")
        }
        var sum = Aggregation(count: report.count, bits: codec.bits)
        var words = [Int32](repeating: 0, count: sendsFloats ? 0 : report.count)
        for buffered in reports {
            let worth = asynchronous.staleness.weight(staleness: buffered.staleness)
            guard !sendsFloats else {
                buffered.report.add(
                    to: &sum, factor: codec.scale * Double(buffered.weight) * worth, weight: buffered.weight)
                continue
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
        return (sum.sum, sum.weight)
    }
}
