internal import Cryptography
internal import Encoding

/// One mask and whether it is added or subtracted.
struct SignedMask: Sendable {
    /// Whether a mask is added or subtracted.
    enum Sign { case plus, minus }
    /// 32 bytes.
    let seed: SharedSecret
    /// How the mask enters the sum.
    let sign: Sign
}

/// Expands masks from their seeds by AES-256-CTR and adds them to vectors modulo 2^bits.
///
/// A coordinate takes the narrowest lane of keystream that holds the ring (``KeystreamLanes``): encryption is most of the cost
/// of a mask. The work goes by pieces of the vector that stay in the first-level cache while all masks pass over them.
enum MaskExpansion {
    /// Words of a piece; a multiple of a block of lanes.
    static let pieceCount = 4096

    /// Adds the masks' words of coordinates `range` to the same coordinates of `words`, modulo 2^bits. The
    /// range starts at a multiple of `pieceCount`.
    static func add(
        _ masks: [SignedMask], to words: UnsafeMutableBufferPointer<UInt32>, range: Range<Int>, bits: Int
    ) throws(CryptographyError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= words.count, "a range outside the vector")
        precondition(range.lowerBound.isMultiple(of: pieceCount), "a range within a piece")
        let lanes = KeystreamLanes(ringBits: bits)
        let modulus: UInt32 = bits == 32 ? .max : (1 << UInt32(bits)) - 1
        var streams: [PseudorandomStream] = []
        streams.reserveCapacity(masks.count)
        for mask in masks {
            var stream = try PseudorandomStream(key: mask.seed.bytes)
            if range.lowerBound > 0 {
                let block = lanes.byteCount(of: range.lowerBound) / PseudorandomStream.blockByteCount
                try stream.seek(toBlock: UInt64(block))
            }
            streams.append(stream)
        }
        let keystream = UnsafeMutableRawBufferPointer.allocate(
            byteCount: lanes.byteCount(of: pieceCount), alignment: 64)
        defer {
            SecretMemory.cleanse(keystream)
            keystream.deallocate()
        }
        for start in stride(from: range.lowerBound, to: range.upperBound, by: pieceCount) {
            let target = UnsafeMutableBufferPointer(
                rebasing: words[start..<min(start + pieceCount, range.upperBound)])
            let piece = UnsafeMutableRawBufferPointer(
                rebasing: keystream[..<lanes.byteCount(of: target.count)])
            for index in streams.indices {
                try streams[index].fill(piece)
                lanes.add(
                    UnsafeRawBufferPointer(piece), to: target, isNegative: masks[index].sign == .minus)
            }
            for index in target.indices { target[index] &= modulus }
        }
    }
}
