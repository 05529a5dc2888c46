/// A random rotation: it spreads a vector's energy evenly over its
/// coordinates, so that few bits a coordinate suffice (randomised Hadamard transform: Ailon and Chazelle 2009;
/// Suresh et al. 2017, section 3; Kairouz, Liu, Steinke 2021, section 4).
///
/// Of any length n without padding: with m the largest power of two up to n, one transform of the first m
/// coordinates and one of the last m, which overlap since 2m > n. Both are orthonormal, so their product is.
/// Every coordinate becomes a random-signed mean over m inputs: its second moment is at most
/// `flatteningFactor` / n of the squared norm.
package struct RandomRotation: Sendable {
    /// Coordinates of the vectors.
    package let count: Int
    /// n / m, from 1 to below 2: how far a coordinate's second moment may lie above an even spread.
    package var flatteningFactor: Double { Double(count) / Double(blockCount) }

    /// m.
    private let blockCount: Int
    /// Random signs, one bit a coordinate: m for the first transform, m for the second.
    private let signs: [UInt32]

    /// The rotation of random signs, ``signWordCount(count:)`` words of uniform bits; where they come from is the
    /// caller's.
    package init(count: Int, signs: [UInt32]) {
        precondition(signs.count == Self.signWordCount(count: count), "\(signs.count) words of signs")
        self.count = count
        blockCount = Self.blockCount(count: count)
        self.signs = signs
    }

    /// Words of signs that a rotation of `count` coordinates takes.
    package static func signWordCount(count: Int) -> Int {
        2 * ((blockCount(count: count) + 31) / 32)
    }

    private static func blockCount(count: Int) -> Int {
        precondition(count > 0, "a rotation of no coordinates")
        return 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)
    }

    /// Rotates in place. The buffer has `count` coordinates.
    package func forward(_ vector: UnsafeMutableBufferPointer<Float>) {
        precondition(vector.count == count, "\(vector.count) coordinates instead of \(count)")
        let (first, last) = blocks(of: vector)
        flipSigns(first, half: 0)
        HadamardTransform.apply(first)
        if blockCount < count {
            flipSigns(last, half: 1)
            HadamardTransform.apply(last)
        }
    }

    /// Undoes `forward` in place, up to rounding.
    package func inverse(_ vector: UnsafeMutableBufferPointer<Float>) {
        precondition(vector.count == count, "\(vector.count) coordinates instead of \(count)")
        let (first, last) = blocks(of: vector)
        if blockCount < count {
            HadamardTransform.apply(last)
            flipSigns(last, half: 1)
        }
        HadamardTransform.apply(first)
        flipSigns(first, half: 0)
    }

    private func blocks(
        of vector: UnsafeMutableBufferPointer<Float>
    ) -> (first: UnsafeMutableBufferPointer<Float>, last: UnsafeMutableBufferPointer<Float>) {
        (
            UnsafeMutableBufferPointer(rebasing: vector[..<blockCount]),
            UnsafeMutableBufferPointer(rebasing: vector[(count - blockCount)...])
        )
    }

    /// Multiplies by the random signs of one transform and by 1/sqrt(m), which makes the transform orthonormal.
    private func flipSigns(_ block: UnsafeMutableBufferPointer<Float>, half: Int) {
        let scale = Float(1 / Double(blockCount).squareRoot())
        let offset = half * (signs.count / 2)
        signs.withUnsafeBufferPointer { signs in
            for start in stride(from: 0, to: block.count, by: 32) {
                let word = signs[offset + start / 32]
                for index in 0..<min(32, block.count - start) {
                    let sign = (word >> UInt32(index)) << 31
                    let scaled = block[start + index] * scale
                    block[start + index] = Float(bitPattern: scaled.bitPattern ^ sign)
                }
            }
        }
    }
}
