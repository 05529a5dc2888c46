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

    package func byteCount(_ count: Int) -> Int { 4 + (count * bits + 7) / 8 }
    package func roomCount(_ count: Int) -> Int { count }

    /// Steps from zero to the greatest coordinate; integers travel with this added.
    private var greatest: Int { 1 << (bits - 1) - 1 }

    package func compress(
        _ values: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer,
        room: UnsafeMutableBufferPointer<Float>, round: CompressionRound, random: inout SeededGenerator
    ) {
        _ = room.update(fromContentsOf: values)
        rotation(values.count, round).forward(room)
        var largest: Float = 0
        for value in room { largest = max(largest, value.magnitude) }
        // Above by a unit in the last place, so that no quotient is beyond the greatest integer.
        let step = largest == 0 ? 0 : (largest / Float(greatest)).nextUp
        bytes.storeBytes(of: step.bitPattern.littleEndian, as: UInt32.self)
        let inverse = step == 0 ? 0 : 1 / Double(step)
        let target = UnsafeMutableRawBufferPointer(rebasing: bytes[4...])
        var writer = BitWriter(target)
        for value in room {
            let scaled = Double(value) * inverse + Double(greatest)
            let integer = (scaled + Double(random.uniform())).rounded(.down)
            writer.append(UInt32(min(Double(2 * greatest), max(0, integer))), bits: bits)
        }
        writer.finish()
    }

    package func expand(
        _ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>,
        room: UnsafeMutableBufferPointer<Float>, round: CompressionRound
    ) {
        let step = step(bytes)
        var reader = BitReader(UnsafeRawBufferPointer(rebasing: bytes[4...]))
        for place in values.indices {
            values[place] = step * Float(Int(reader.next(bits: bits)) - greatest)
        }
        rotation(values.count, round).inverse(values)
    }

    package func norm(_ bytes: UnsafeRawBufferPointer, count: Int) -> Double? {
        guard bytes.count == byteCount(count) else { return nil }
        let step = Double(step(bytes))
        guard step.isFinite, step >= 0 else { return nil }
        var reader = BitReader(UnsafeRawBufferPointer(rebasing: bytes[4...]))
        var squared = 0.0
        for _ in 0..<count {
            let integer = Int(reader.next(bits: bits)) - greatest
            guard integer <= greatest else { return nil }
            squared += Double(integer * integer)
        }
        // A rotation keeps lengths but for its rounding.
        return reader.isAtEnd ? squared.squareRoot() * step * 1.001 : nil
    }

    private func step(_ bytes: UnsafeRawBufferPointer) -> Float {
        Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
    }

    private func rotation(_ count: Int, _ round: CompressionRound) -> RandomRotation {
        var generator = round.generator
        var signs = [UInt32](repeating: 0, count: RandomRotation.signWordCount(count: count))
        signs.withUnsafeMutableBufferPointer { generator.fill($0) }
        return RandomRotation(count: count, signs: signs)
    }
}
