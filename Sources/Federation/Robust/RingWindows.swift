internal import Encoding

/// A vector of a ring that is written window by window.
///
/// Unchecked: it hands out its memory for writing, and threads may write windows that do not overlap.
final class RingWindows: @unchecked Sendable {
    private let narrow: UnsafeMutableBufferPointer<UInt32>
    private let wide: UnsafeMutableBufferPointer<UInt64>
    private let bits: Int

    /// Zeros of a ring of 32 or 64 bits.
    init(count: Int, bits: Int) {
        precondition(bits == 32 || bits == 64, "single updates are of whole words")
        self.bits = bits
        narrow = .allocate(capacity: bits == 32 ? count : 0)
        wide = .allocate(capacity: bits == 64 ? count : 0)
        narrow.initialize(repeating: 0)
        wide.initialize(repeating: 0)
    }

    deinit {
        narrow.deallocate()
        wide.deallocate()
    }

    /// The vector.
    var vector: RingVector {
        bits == 64 ? RingVector(wide: Array(wide)) : RingVector(narrow: Array(narrow), bits: bits)
    }

    /// Writes values times `factor`, rounded to the nearest whole number, ties to even; what does not fit becomes the greatest
    /// that does.
    func write(_ values: UnsafePointer<Double>, times factor: Double, at window: Range<Int>) {
        if bits == 64 {
            for place in 0..<window.count {
                let value = Self.rounded(values[place] * factor, limit: 0x1p62)
                wide[window.lowerBound &+ place] = UInt64(bitPattern: Int64(value))
            }
        } else {
            for place in 0..<window.count {
                let value = Self.rounded(values[place] * factor, limit: 0x1p31 - 1)
                narrow[window.lowerBound &+ place] = UInt32(bitPattern: Int32(value))
            }
        }
    }

    /// Adding and taking away 1.5 · 2^52 rounds as the processor does, where a call of the library would take longer; above 2^51
    /// it would not be exact.
    private static func rounded(_ value: Double, limit: Double) -> Double {
        guard value.magnitude < 0x1p51 else {
            return max(-limit, min(limit, value.rounded(.toNearestOrEven)))
        }
        let magic = 0x1.8p52
        return max(-limit, min(limit, (value + magic) - magic))
    }
}
