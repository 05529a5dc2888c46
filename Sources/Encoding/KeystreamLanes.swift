internal import Compute

/// How the bytes of a keystream become words of a ring: the narrowest lanes, of 16, 17, 18, 19, 20, 24 or 32 bits, that hold a
/// word, in blocks of ``blockCount`` words. The bits of a lane above the ring's are thrown away.
package struct KeystreamLanes: Sendable {
    /// Bits of a lane.
    package let bits: Int

    /// The lanes of a ring of so many bits, 8 to 32.
    package init(ringBits: Int) {
        precondition((8...32).contains(ringBits), "no ring of \(ringBits) bits")
        bits = max(16, ringBits <= 20 ? ringBits : ringBits <= 24 ? 24 : 32)
    }

    /// Words of a block.
    package static var blockCount: Int { Kernels.laneBlock }

    /// Bytes of keystream for so many words: whole blocks, so that the words that follow begin with a block.
    package func byteCount(of count: Int) -> Int {
        (count + Self.blockCount - 1) / Self.blockCount * (Self.blockCount / 8 * bits)
    }

    /// words += lanes, or -= with `isNegative`, modulo 2^32; `keystream` holds ``byteCount(of:)`` bytes.
    package func add(
        _ keystream: UnsafeRawBufferPointer, to words: UnsafeMutableBufferPointer<UInt32>, isNegative: Bool
    ) {
        Kernels.addLanes(to: words, keystream, highBits: bits - 16, isNegative: isNegative)
    }
}
