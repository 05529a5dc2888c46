import Encoding
import SecureAggregation
import TestSupport
import Testing

struct SeededRotationTests {
    private func vector(_ count: Int) -> [Float] {
        var generator = SeededNumbers(seed: UInt64(count))
        return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
    }

    @Test("The same seed gives the same rotation, another seed another")
    func seeds() throws {
        func rotate(_ seed: [UInt8]) throws -> [Float] {
            var values = vector(1000)
            let rotation = try RandomRotation(count: 1000, seed: seed)
            values.withUnsafeMutableBufferPointer { rotation.forward($0) }
            return values
        }
        #expect(try rotate([1]) == rotate([1]))
        #expect(try rotate([1]) != rotate([2]))
    }

    @Test("The signs of a seed are the ones that agents and servers of every version agree on")
    func derivation() throws {
        // AES-256-CTR from counter 0 under SHA-256("sordino rotation v1\\0" then 1, 2, 3), as openssl enc gives it.
        let signs: [UInt32] = [0x6AB3_D76D, 0xB1F6_D30D, 0x70AF_7CCC, 0x8D7C_33B9]
        var expected = vector(100)
        expected.withUnsafeMutableBufferPointer { RandomRotation(count: 100, signs: signs).forward($0) }
        var found = vector(100)
        let rotation = try RandomRotation(count: 100, seed: [1, 2, 3])
        found.withUnsafeMutableBufferPointer { rotation.forward($0) }
        #expect(found == expected)
    }

    @Test("One coordinate's energy is spread within the stated factor", arguments: [1000, 3000, 4096, 6000])
    func flattening(count: Int) throws {
        let rotation = try RandomRotation(count: count, seed: [9])
        #expect(rotation.flatteningFactor >= 1 && rotation.flatteningFactor < 2)
        for place in [0, count / 3, count / 2, count - 1] {
            // Mean over 64 seeds of each coordinate's square, against flatteningFactor / n.
            var largest = 0.0
            var squares = [Double](repeating: 0, count: count)
            for seed in 0..<64 {
                var values = [Float](repeating: 0, count: count)
                values[place] = 1
                let rotation = try RandomRotation(count: count, seed: [UInt8(seed)])
                values.withUnsafeMutableBufferPointer { rotation.forward($0) }
                for index in 0..<count {
                    squares[index] += Double(values[index]) * Double(values[index]) / 64
                }
            }
            largest = squares.max() ?? 0
            // A mean of 64 squares of a near-Gaussian: relative deviation 0.18, 6.5 of them above the bound.
            #expect(largest < rotation.flatteningFactor / Double(count) * 2.2)
        }
    }
}
