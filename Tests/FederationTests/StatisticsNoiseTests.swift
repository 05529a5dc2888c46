import Compute
import Testing

@testable import Federation

/// What shapes the noise of statistics, and what is made of it afterwards.
@Suite struct StatisticsNoiseTests {
    @Test func cumulativeSumsComeOutOfTheirSquareRoot() {
        for count in [1, 2, 7, 256] {
            let matrix = CumulativeNoise(count: count)
            #expect(matrix.coefficients.count == count)
            for place in Set([0, count / 2, count - 1]) {
                var values = [Double](repeating: 0, count: count)
                values[place] = 1
                values.withUnsafeMutableBufferPointer { matrix.apply($0) }
                #expect(values.reduce(0) { $0 + $1 * $1 }.squareRoot() <= matrix.norm + 1e-12)
                values.withUnsafeMutableBufferPointer { matrix.apply($0) }
                for row in 0..<count { #expect(abs(values[row] - (row >= place ? 1 : 0)) < 1e-9) }
            }
        }
    }

    @Test func consistentNumbersAreTheNearest() {
        var random = SeededGenerator(seed: 8, purpose: .test)
        for _ in 0..<50 {
            let noisy = (0..<9).map { _ in random.normal() + 0.2 }
            let shares = Consistency.projected(noisy, total: 2)
            #expect(shares.allSatisfy { $0 >= 0 } && abs(shares.reduce(0, +) - 2) < 1e-9)
            // Of a projection onto a convex set: (x − p) · (q − p) ≤ 0 for every q in it.
            for corner in 0..<9 {
                var product = 0.0
                for (place, share) in shares.enumerated() {
                    product += (noisy[place] - share) * ((place == corner ? 2 : 0) - share)
                }
                #expect(product < 1e-9)
            }
            let sums = Consistency.ascending(noisy, upTo: 1)
            #expect(
                zip(sums, sums.dropFirst()).allSatisfy { $0 <= $1 } && sums.allSatisfy { $0 >= 0 && $0 <= 1 })
            #expect(Consistency.ascending(sums, upTo: 1) == sums)
        }
    }
}
