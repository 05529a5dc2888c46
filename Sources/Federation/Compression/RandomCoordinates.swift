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
    package func roomCount(_ count: Int) -> Int { 0 }

    package func compress(
        _ values: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer,
        room: UnsafeMutableBufferPointer<Float>, round: CompressionRound, random: inout SeededGenerator
    ) {
        var written = 0
        forEachPlace(values.count, round) { place in
            KeptCoordinates.store(values[place], bytes, written)
            written += 1
        }
    }

    package func expand(
        _ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>,
        room: UnsafeMutableBufferPointer<Float>, round: CompressionRound
    ) {
        values.update(repeating: 0)
        var read = 0
        forEachPlace(values.count, round) { place in
            values[place] = KeptCoordinates.float(bytes, read)
            read += 1
        }
    }

    package func norm(_ bytes: UnsafeRawBufferPointer, count: Int) -> Double? {
        guard bytes.count == byteCount(count) else { return nil }
        return KeptCoordinates.squaredNorm(bytes)?.squareRoot()
    }

    /// The round's places, ascending: each of what is left is taken with the probability that leaves every choice of so
    /// many alike (Knuth 1997, volume 2, algorithm S).
    private func forEachPlace(_ count: Int, _ round: CompressionRound, _ body: (Int) -> Void) {
        var generator = round.generator
        var left = kept.number(of: count)
        for place in 0..<count where left > 0 {
            guard generator.index(below: count - place) < left else { continue }
            body(place)
            left -= 1
        }
    }
}
