/// The grid between model values and ring integers: value = integer / scale.
package struct FixedPointCodec: Equatable, Sendable {
    /// Ring width in bits (see ``RingVector``).
    package let bits: Int
    /// Grid points a unit: 1/γ in Kairouz et al. 2021.
    package let scale: Double

    /// `scale` must be finite and above zero.
    package init(bits: Int, scale: Double) {
        precondition(RingVector.isValid(bits: bits) && scale.isFinite && scale > 0, "no such grid")
        self.bits = bits
        self.scale = scale
    }

    /// Largest magnitude that the ring can tell apart from its wrap, in value units.
    package var range: Double { scalbn(0.5, bits) / scale }

    /// Rounds `values * weight` to the nearest grid points.
    ///
    /// Returns false, leaving `integers` unusable, when a value is not finite or would leave ±2^62 (wide) or
    /// ±2^31 (narrow): a sum of such values could wrap unseen.
    package func encode(
        _ values: UnsafeBufferPointer<Float>, weight: Double, into integers: UnsafeMutableBufferPointer<Int64>
    ) -> Bool {
        precondition(values.count == integers.count, "buffers of different lengths")
        let factor = scale * weight
        let limit: Double = bits == 64 ? 0x1p62 : 0x1p31
        for index in values.indices {
            let scaled = Double(values[index]) * factor
            // The comparison is false for NaN, which is refused with the rest.
            guard scaled.magnitude < limit else { return false }
            integers[index] = Int64(scaled.rounded(.toNearestOrEven))
        }
        return true
    }

    /// The values of a sum's first `count` coordinates, each read as the representative nearest zero, divided by
    /// `divisor` (an expected cohort, or a sum of weights).
    package func decode(_ sum: RingVector, count: Int, dividedBy divisor: Double) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { values, initialized in
            let values = UnsafeMutableBufferPointer(rebasing: values[..<count])
            decode(sum, from: 0, dividedBy: divisor, into: values)
            initialized = count
        }
    }

    /// Writes the same values of the coordinates from `start` on into `values`, which may be uninitialized memory.
    package func decode(
        _ sum: RingVector, from start: Int, dividedBy divisor: Double,
        into values: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(
            sum.bits == bits && start >= 0 && start + values.count <= sum.count,
            "a sum of another ring or length")
        let factor = 1 / (scale * divisor)
        switch sum.storage {
        case .narrow(let words):
            let shift = UInt32(32 - bits)
            for index in values.indices {
                values[index] = Float(
                    Double(Int32(bitPattern: words[start &+ index] << shift) >> Int32(shift)) * factor)
            }
        case .wide(let words):
            for index in values.indices {
                values[index] = Float(Double(Int64(bitPattern: words[start &+ index])) * factor)
            }
        }
    }

    private func scalbn(_ value: Double, _ exponent: Int) -> Double {
        Double(sign: .plus, exponent: exponent, significand: value)
    }
}
