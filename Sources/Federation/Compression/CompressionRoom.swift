internal import Compute
internal import Encoding

/// What a compressor works in, for updates of one length: memory that is allocated once, and what all updates of a round
/// share, made once a round. For one thread at a time.
package final class CompressionRoom {
    /// Coordinates of an update.
    package let count: Int
    /// As many floats, twice.
    let values: UnsafeMutableBufferPointer<Float>
    let others: UnsafeMutableBufferPointer<Float>
    /// As many integers.
    let words: UnsafeMutableBufferPointer<UInt32>
    private var rotation: (round: CompressionRound, value: RandomRotation)?
    private var places: (round: CompressionRound, wanted: Int, value: [Int])?

    /// Room for updates of so many coordinates.
    package init(count: Int) {
        self.count = count
        values = .allocate(capacity: count)
        others = .allocate(capacity: count)
        words = .allocate(capacity: count)
        values.initialize(repeating: 0)
        others.initialize(repeating: 0)
        words.initialize(repeating: 0)
    }

    deinit {
        values.deallocate()
        others.deallocate()
        words.deallocate()
    }

    /// The rotation that all updates of a round go through.
    func rotation(_ round: CompressionRound) -> RandomRotation {
        if let rotation, rotation.round == round { return rotation.value }
        var generator = round.generator
        var signs = [UInt32](repeating: 0, count: RandomRotation.signWordCount(count: count))
        signs.withUnsafeMutableBufferPointer { generator.fill($0) }
        let made = RandomRotation(count: count, signs: signs)
        rotation = (round, made)
        return made
    }

    /// Places that all updates of a round send, `wanted` of them, ascending: each of what is left is taken with the
    /// probability that leaves every choice of so many alike (Knuth 1997, volume 2, algorithm S).
    func places(_ wanted: Int, _ round: CompressionRound) -> [Int] {
        if let places, places.round == round, places.wanted == wanted { return places.value }
        var generator = round.generator
        var left = wanted
        var made: [Int] = []
        made.reserveCapacity(wanted)
        for place in 0..<count where left > 0 {
            guard generator.index(below: count - place) < left else { continue }
            made.append(place)
            left -= 1
        }
        places = (round, wanted, made)
        return made
    }
}
