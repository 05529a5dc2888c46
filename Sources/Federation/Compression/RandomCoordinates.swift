package import Compute
package import Configuration

/// Coordinates drawn at random, the same for all clients of a round and known to the server (Konečný et al. 2016, section
/// 3), so that only their values travel, as binary32; the rest is kept back for the next update.
package struct RandomCoordinates: UpdateCompressor {
    private let kept: KeptCoordinates

    package init(_ section: Section) throws { kept = try KeptCoordinates(section) }

    package var settings: [String: JSONValue] { ["keep": .number(kept.share)] }
    package var feedsBack: Bool { true }

    package func byteCount(_ count: Int) -> Int { 4 * kept.number(of: count) }

    package func compress(
        _ values: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer,
        room: CompressionRoom,
        round: CompressionRound, random: inout SeededGenerator
    ) {
        for (index, place) in room.places(kept.number(of: values.count), round).enumerated() {
            KeptCoordinates.store(values[place], bytes, index)
        }
    }

    package func expand(
        _ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>,
        room: CompressionRoom,
        round: CompressionRound
    ) {
        values.update(repeating: 0)
        for (index, place) in room.places(kept.number(of: values.count), round).enumerated() {
            values[place] = KeptCoordinates.float(bytes, index)
        }
    }

    package func norm(_ bytes: UnsafeRawBufferPointer, count: Int) -> Double? {
        guard bytes.count == byteCount(count) else { return nil }
        return KeptCoordinates.squaredNorm(bytes)?.squareRoot()
    }
}
