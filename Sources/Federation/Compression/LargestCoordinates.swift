package import Compute
package import Configuration

/// The coordinates of greatest magnitude (Aji and Heafield 2017), the rest kept back for the next update: their places,
/// ascending, as 32-bit integers, then their values as binary32.
package struct LargestCoordinates: UpdateCompressor {
    private let kept: KeptCoordinates

    package init(_ section: Section) throws { kept = try KeptCoordinates(section) }

    package var settings: [String: JSONValue] { ["keep": .number(kept.share)] }
    package var feedsBack: Bool { true }

    package func byteCount(_ count: Int) -> Int { 8 * kept.number(of: count) }

    package func compress(
        _ values: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer,
        room: CompressionRoom,
        round: CompressionRound, random: inout SeededGenerator
    ) {
        let wanted = kept.number(of: values.count)
        let magnitudes = room.values
        for place in values.indices { magnitudes[place] = values[place].magnitude }
        let threshold = Self.greatest(wanted, of: magnitudes)
        // Of those that are as great as the least that travels, the first go.
        var ties = wanted
        for value in values where value.magnitude > threshold { ties -= 1 }
        var written = 0
        for place in values.indices {
            let magnitude = values[place].magnitude
            guard magnitude > threshold || (magnitude == threshold && ties > 0) else { continue }
            if magnitude == threshold { ties -= 1 }
            bytes.storeBytes(of: UInt32(place).littleEndian, toByteOffset: 4 * written, as: UInt32.self)
            KeptCoordinates.store(values[place], bytes, wanted + written)
            written += 1
        }
    }

    package func expand(
        _ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>,
        room: CompressionRoom,
        round: CompressionRound
    ) {
        values.update(repeating: 0)
        let count = bytes.count / 8
        for index in 0..<count { values[place(bytes, index)] = KeptCoordinates.float(bytes, count + index) }
    }

    package func norm(_ bytes: UnsafeRawBufferPointer, count: Int) -> Double? {
        guard bytes.count == byteCount(count) else { return nil }
        var last = -1
        for index in 0..<bytes.count / 8 {
            let place = place(bytes, index)
            guard place > last, place < count else { return nil }
            last = place
        }
        return KeptCoordinates.squaredNorm(UnsafeRawBufferPointer(rebasing: bytes[(bytes.count / 2)...]))?
            .squareRoot()
    }

    private func place(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Int {
        Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
    }

    /// The `wanted`-th greatest of numbers, by quickselect with the middle of three; they lie in another order afterwards.
    private static func greatest(_ wanted: Int, of values: UnsafeMutableBufferPointer<Float>) -> Float {
        var (low, high) = (0, values.count - 1)
        let target = wanted - 1
        while low < high {
            let pivot = middle(values[low], values[(low + high) / 2], values[high])
            var (left, right) = (low, high)
            while left <= right {
                while values[left] > pivot { left += 1 }
                while values[right] < pivot { right -= 1 }
                guard left <= right else { break }
                values.swapAt(left, right)
                left += 1
                right -= 1
            }
            if target <= right {
                high = right
            } else if target >= left {
                low = left
            } else {
                break
            }
        }
        return values[target]
    }

    private static func middle(_ a: Float, _ b: Float, _ c: Float) -> Float {
        max(min(a, b), min(max(a, b), c))
    }
}
