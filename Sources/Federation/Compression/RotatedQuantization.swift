package import Compute
package import Configuration
internal import Encoding

/// A few bits a coordinate: rotated at random, so that no coordinate stands out, each is rounded up or down at random,
/// without bias, to one of 2^bits − 1 multiples of a step (Suresh et al. 2017, section 3, as DRIVE and EDEN rotate:
/// Vargaftik et al. 2021, 2022). The step is the client's own, that its greatest coordinate needs, as binary32 before the
/// packed integers.
///
/// All clients of a round share the rotation. Rounding is independent, so that the error of a mean falls with their number.
package struct RotatedQuantization: UpdateCompressor {
    private let bits: Int

    package init(_ section: Section) throws { bits = try section.integer("bits", in: 2...8) ?? 4 }

    package var settings: [String: JSONValue] { ["bits": .integer(bits)] }
    package var feedsBack: Bool { false }

    package func byteCount(_ count: Int) -> Int { 4 + PackedIntegers.byteCount(count: count, bits: bits) }

    /// Steps from zero to the greatest coordinate; integers travel with this added.
    private var greatest: Int { 1 << (bits - 1) - 1 }

    package func compress(
        _ values: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer,
        room: CompressionRoom,
        round: CompressionRound, random: inout SeededGenerator
    ) {
        let (rotated, coins, words) = (room.values, room.others, room.words)
        _ = rotated.update(fromContentsOf: values)
        room.rotation(round).forward(rotated)
        var largest: Float = 0
        for value in rotated { largest = max(largest, value.magnitude) }
        // Above by a unit in the last place, so that no quotient is beyond the greatest integer.
        let step = largest == 0 ? 0 : (largest / Float(greatest)).nextUp
        bytes.storeBytes(of: step.bitPattern.littleEndian, as: UInt32.self)
        random.fillUniform(coins)
        let inverse = step == 0 ? 0 : 1 / Double(step)
        let (offset, most) = (Double(greatest), Double(2 * greatest))
        for place in rotated.indices {
            // Not below zero, so that cutting off rounds down.
            let scaled = max(0, min(most, Double(rotated[place]) * inverse + offset + Double(coins[place])))
            words[place] = UInt32(scaled)
        }
        _ = PackedIntegers.pack(
            UnsafeBufferPointer(words), bits: bits, into: UnsafeMutableRawBufferPointer(rebasing: bytes[4...])
        )
    }

    package func expand(
        _ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>,
        room: CompressionRoom,
        round: CompressionRound
    ) {
        let (step, offset, words) = (step(bytes), Int32(greatest), room.words)
        PackedIntegers.unpack(UnsafeRawBufferPointer(rebasing: bytes[4...]), bits: bits, into: words)
        for place in values.indices {
            values[place] = step * Float(Int32(bitPattern: words[place]) &- offset)
        }
        room.rotation(round).inverse(values)
    }

    package func norm(_ bytes: UnsafeRawBufferPointer, count: Int) -> Double? {
        guard bytes.count == byteCount(count) else { return nil }
        let integers = UnsafeRawBufferPointer(rebasing: bytes[4...])
        let step = Double(step(bytes))
        guard step.isFinite, step >= 0, PackedIntegers.isPacked(integers, count: count, bits: bits) else {
            return nil
        }
        // A window begins with a byte.
        var window = [UInt32](repeating: 0, count: 1 << 12)
        var (squared, isWithin) = (0, true)
        for start in stride(from: 0, to: count, by: window.count) {
            window.withUnsafeMutableBufferPointer { words in
                let words = UnsafeMutableBufferPointer(rebasing: words[..<min(words.count, count - start)])
                PackedIntegers.unpack(
                    UnsafeRawBufferPointer(rebasing: integers[(start / 8 * bits)...]), bits: bits, into: words
                )
                for word in words {
                    let integer = Int(word) - greatest
                    isWithin = isWithin && integer <= greatest
                    squared += integer * integer
                }
            }
        }
        guard isWithin else { return nil }
        // A rotation keeps lengths but for its rounding.
        return Double(squared).squareRoot() * step * 1.001
    }

    private func step(_ bytes: UnsafeRawBufferPointer) -> Float { KeptCoordinates.float(bytes, 0) }
}
