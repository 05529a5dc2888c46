internal import CKernels

// Bulk draws. They start at the next whole block of the stream: half a block that `next()` may have left
// over is dropped, so that a bulk draw depends only on how many blocks were used before it.
extension SeededGenerator {
    /// Fills `words` with the next 32-bit words of the stream, four a block, in the order in which `next()`
    /// would have given them (low half first). A last block that is only partly used is dropped.
    package mutating func fill(_ words: UnsafeMutableBufferPointer<UInt32>) {
        guard let base = words.baseAddress, !words.isEmpty else { return }
        let whole = words.count / 4
        writeBlocks(whole, to: base)
        let rest = words.count - 4 * whole
        guard rest > 0 else { return }
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 4) { last in
            guard let block = last.baseAddress else { return }
            writeBlocks(1, to: block)
            for index in 0..<rest { words[4 * whole + index] = last[index] }
        }
    }

    /// Fills `bytes` with the bytes of the words that `next()` would give, least significant first, whole blocks at
    /// once; a word that is only partly used is dropped. `bytes` must be aligned to 4.
    package mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        var place = 0
        while place < bytes.count {
            let blocks = (bytes.count - place) / 16
            if !hasPending, blocks > 0, let start = bytes.baseAddress {
                // The kernel writes words in the machine's order, which here is the bytes' order.
                let words = (start + place).bindMemory(to: UInt32.self, capacity: 4 * blocks)
                writeBlocks(blocks, to: words)
                for index in 0..<(4 * blocks) { words[index] = words[index].littleEndian }
                place += 16 * blocks
                continue
            }
            withUnsafeBytes(of: next().littleEndian) { word in
                let length = min(8, bytes.count - place)
                UnsafeMutableRawBufferPointer(rebasing: bytes[place..<(place + length)])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: word[..<length]))
                place += length
            }
        }
    }

    /// Fills `values` with uniform numbers in [0, 1) of 24 random bits, one 32-bit word each.
    package mutating func fillUniform(_ values: UnsafeMutableBufferPointer<Float>) {
        values.withMemoryRebound(to: UInt32.self) { fill($0) }
        for index in values.indices { values[index] = Float(values[index].bitPattern >> 8) * 0x1p-24 }
    }

    /// Puts `items` in a random order, each order equally likely (Fisher and Yates).
    package mutating func shuffle(_ items: UnsafeMutableBufferPointer<Int32>) {
        guard items.count > 1 else { return }
        for last in stride(from: items.count - 1, through: 1, by: -1) {
            items.swapAt(last, Int(next(upperBound: UInt64(last + 1))))
        }
    }

    private mutating func writeBlocks(_ count: Int, to words: UnsafeMutablePointer<UInt32>) {
        let (first, key) = takeBlocks(count)
        sordino_philox(words, count, first, purpose, client, round, key.0, key.1)
    }
}
