import Compute
import Testing

/// The kernels between floats and the integer grid against plain loops, at lengths that leave every remainder.
@Suite struct GridKernelTests {
    private static let counts = [0, 1, 7, 8, 33, 1000]

    private func values(_ count: Int, scale: Float) -> [Float] {
        var random = SeededGenerator(seed: 9, purpose: .test, client: count)
        // Halves among them, which fall to the lower integer.
        return (0..<count).map { place in
            place % 5 == 0 ? Float(place - count / 2) / 2 : (random.uniform() - 0.5) * scale
        }
    }

    private func rounded(_ values: [Float], factor: Double, coins: [UInt32]?) -> (
        output: [Int32], squares: UInt64?
    ) {
        var output = [Int32](repeating: 77, count: values.count)
        let squares = output.withUnsafeMutableBufferPointer { output in
            values.withUnsafeBufferPointer { values in
                guard let coins else {
                    return Kernels.round(into: output, values, factor: factor, coins: nil)
                }
                return coins.withUnsafeBufferPointer {
                    Kernels.round(into: output, values, factor: factor, coins: $0)
                }
            }
        }
        return (output, squares)
    }

    @Test(arguments: counts) func roundingToNearestIsACoinOfOneHalf(count: Int) {
        let values = values(count, scale: 4e4)
        let nearest = rounded(values, factor: 1, coins: nil)
        let byCoin = rounded(values, factor: 1, coins: [UInt32](repeating: 1 << 31, count: count))
        #expect(nearest.output == byCoin.output)
        #expect(nearest.output == values.map { Int32((Double($0) - 0.5).rounded(.up)) })
        let expected = nearest.output.reduce(0) { $0 + UInt64(Int64($1) * Int64($1)) }
        #expect(nearest.squares == expected)
        #expect(byCoin.squares == expected)
    }

    @Test(arguments: counts) func addingRoundedIsRoundingAndAdding(count: Int) {
        let values = values(count, scale: 4e4)
        let nearest = rounded(values, factor: -1.5, coins: nil)
        var sum = (0..<count).map { UInt32(truncatingIfNeeded: $0 &* 0x9E37_79B9) }
        let expected = zip(sum, nearest.output).map { $0 &+ UInt32(bitPattern: $1) }
        let squares = sum.withUnsafeMutableBufferPointer { sum in
            values.withUnsafeBufferPointer { Kernels.addNearest(to: sum, $0, factor: -1.5) }
        }
        #expect(sum == expected)
        let exact = Double(nearest.squares ?? 0)
        #expect(squares >= exact && squares <= exact * (1 + Double(count) * 0x1p-51))
    }

    /// Below and above what can be rounded by adding a large number, ties among them.
    @Test(arguments: counts, [1, -1.5, 0x1p20, 0x1p36, 0x1p42])
    func roundingOntoTheWideRingIsThatOfItsDefinition(count: Int, factor: Double) {
        var values = values(count, scale: 4e4)
        if count > 8 { values[count / 2] = 0x1.8p14 }
        var sum = (0..<count).map { UInt64($0) &* 0x9E37_79B9_7F4A_7C15 }
        let expected = zip(sum, values).map {
            $0 &+ UInt64(bitPattern: Int64((Double($1) * factor).rounded(.toNearestOrEven)))
        }
        sum.withUnsafeMutableBufferPointer { sum in
            values.withUnsafeBufferPointer { Kernels.addRounded(to: sum, $0, factor: factor) }
        }
        #expect(sum == expected)
    }

    @Test func coinsDecideByTheFraction() {
        let values: [Float] = [0.25, 0.25, -0.25, -0.25]
        let quarter = UInt32(1) << 30
        #expect(
            rounded(values, factor: 1, coins: [quarter - 1, quarter, 3 * quarter - 1, 3 * quarter]).output
                == [1, 0, 0, -1])
    }

    @Test func normsBeyond64BitsAreNone() {
        let large = Float(0x1p30)
        #expect(rounded([Float](repeating: large, count: 15), factor: 1, coins: nil).squares == 15 << 60)
        #expect(rounded([Float](repeating: large, count: 16), factor: 1, coins: nil).squares == nil)
    }

    @Test(arguments: counts) func noiseIsAddedOnTheGrid(count: Int) {
        let sum = values(count, scale: 30)
        let noise = (0..<count).map { Int64(($0 * 7919) % 2001 - 1000) }
        var found = sum
        found.withUnsafeMutableBufferPointer { found in
            noise.withUnsafeBufferPointer { Kernels.addNoise(to: found, $0, scale: 64) }
        }
        let expected = zip(sum, noise).map { Float(Double(Int64((Double($0) * 64).rounded()) + $1) / 64) }
        #expect(found == expected)
    }

    /// On both sides of the bound below which sums are exact in floating point.
    @Test(
        arguments: [0x1p49, 0x1p50, 0x1p52] as [Float],
        [0, -1, 1 << 49, -(1 << 50), 1 << 50, .max] as [Int64])
    func largeNoiseAndLargeSumsWrapLikeIntegers(value: Float, noise: Int64) {
        var found: [Float] = [value, -value, -0.25, 0.5]
        let expected = found.map {
            Float(Double(Int64(Double($0).rounded(.toNearestOrAwayFromZero)) &+ noise))
        }
        found.withUnsafeMutableBufferPointer { found in
            [Int64](repeating: noise, count: 4).withUnsafeBufferPointer {
                Kernels.addNoise(to: found, $0, scale: 1)
            }
        }
        #expect(found.map(\.bitPattern) == expected.map(\.bitPattern))
    }

    @Test(arguments: [Float.infinity, -.infinity, .nan, 0x1p60]) func whatLeavesTheGridIsNoNumber(
        value: Float
    ) {
        var found: [Float] = [1, value, 2]
        found.withUnsafeMutableBufferPointer { found in
            [3, 3, 3].withUnsafeBufferPointer { Kernels.addNoise(to: found, $0, scale: 1) }
        }
        #expect(found[0] == 4 && found[1].isNaN && found[2] == 5)
    }
}
