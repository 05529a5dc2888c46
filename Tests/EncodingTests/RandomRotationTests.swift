import TestSupport
import Testing

@testable import Encoding

struct RandomRotationTests {
    private func vector(_ count: Int) -> [Float] {
        var generator = SeededNumbers(seed: UInt64(count))
        return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
    }

    private func squaredNorm(_ vector: [Float]) -> Double {
        vector.reduce(0) { $0 + Double($1) * Double($1) }
    }

    @Test(
        "The inverse undoes the rotation and the norm is kept",
        arguments: [1, 2, 3, 7, 8, 100, 4095, 4096, 4097, 10_000, 40_000])
    func roundTrip(count: Int) {
        var generator = SeededNumbers(seed: 3)
        let words = RandomRotation.signWordCount(count: count)
        let signs = (0..<words).map { _ in UInt32(truncatingIfNeeded: generator.next()) }
        let rotation = RandomRotation(count: count, signs: signs)
        let original = vector(count)
        var rotated = original
        rotated.withUnsafeMutableBufferPointer { rotation.forward($0) }
        #expect(abs(squaredNorm(rotated) / squaredNorm(original) - 1) < 1e-5)
        if count > 8 { #expect(rotated != original) }
        rotated.withUnsafeMutableBufferPointer { rotation.inverse($0) }
        for (found, expected) in zip(rotated, original) { #expect(abs(found - expected) < 2e-6) }
    }

    @Test("The transform equals its definition", arguments: [1, 2, 4, 8, 32, 128])
    func definition(count: Int) {
        let original = vector(count)
        var found = original
        found.withUnsafeMutableBufferPointer { HadamardTransform.apply($0) }
        for row in 0..<count {
            let expected = (0..<count).reduce(0.0) {
                $0 + ((row & $1).nonzeroBitCount.isMultiple(of: 2) ? 1 : -1) * Double(original[$1])
            }
            #expect(abs(Double(found[row]) - expected) < 1e-4)
        }
    }

    @Test("Transforms beyond the cache tile agree with two halves", arguments: [8192, 16_384, 32_768])
    func largeTransform(count: Int) {
        let original = vector(count)
        var whole = original
        whole.withUnsafeMutableBufferPointer { HadamardTransform.apply($0) }
        var halves = original
        halves.withUnsafeMutableBufferPointer { halves in
            HadamardTransform.apply(UnsafeMutableBufferPointer(rebasing: halves[..<(count / 2)]))
            HadamardTransform.apply(UnsafeMutableBufferPointer(rebasing: halves[(count / 2)...]))
        }
        for index in 0..<count / 2 {
            let (low, high) = (halves[index], halves[index + count / 2])
            #expect(abs(whole[index] - (low + high)) < 1e-3)
            #expect(abs(whole[index + count / 2] - (low - high)) < 1e-3)
        }
    }
}
