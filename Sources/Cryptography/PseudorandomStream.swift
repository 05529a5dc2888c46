internal import COpenSSL

/// The AES-256-CTR keystream of a secret key (NIST SP 800-38A, section 6.5), with a seekable position.
///
/// A reference to one cipher state: copies share the position. For one thread at a time.
package struct PseudorandomStream {
    /// Bytes of a key.
    package static let keyByteCount = 32
    /// Positions in the stream are multiples of this many bytes when seeking.
    package static let blockByteCount = 16
    /// Work is done in pieces that stay in the first-level cache.
    private static let pieceByteCount = 8192

    /// What is encrypted.
    private static let zeros = [UInt8](repeating: 0, count: pieceByteCount)

    private let context: CipherContext

    /// A stream whose 128-bit big-endian counter starts at `initialCounter` (zero by default).
    package init(
        key: borrowing SecretBytes, initialCounter: [UInt8] = [UInt8](repeating: 0, count: 16)
    ) throws(CryptographyError) {
        guard key.count == Self.keyByteCount else {
            throw .wrongLength(of: "stream key", expected: Self.keyByteCount, actual: key.count)
        }
        guard initialCounter.count == Self.blockByteCount else {
            throw .wrongLength(
                of: "initial counter", expected: Self.blockByteCount, actual: initialCounter.count)
        }
        context = try CipherContext()
        let status = key.withUnsafeBytes { key in
            EVP_EncryptInit_ex2(
                context.pointer, Algorithms.aes256CTR, key.baseAddress?.assumingMemoryBound(to: UInt8.self),
                initialCounter, nil)
        }
        guard status == 1 else { throw .libraryFailure("EVP_EncryptInit_ex2") }
    }

    /// Moves to the byte `block * 16` of the stream that starts at counter zero.
    package mutating func seek(toBlock block: UInt64) throws(CryptographyError) {
        var counter = [UInt8](repeating: 0, count: 16)
        for index in 0..<8 { counter[15 - index] = UInt8(truncatingIfNeeded: block >> UInt64(8 * index)) }
        guard EVP_EncryptInit_ex2(context.pointer, nil, nil, counter, nil) == 1 else {
            throw .libraryFailure("EVP_EncryptInit_ex2")
        }
    }

    /// Replaces the buffer's contents by the next bytes of the stream.
    package mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) throws(CryptographyError) {
        guard let base = bytes.baseAddress else { return }
        var start = 0
        while start < bytes.count {
            let count = min(bytes.count - start, Self.pieceByteCount)
            let piece = base.advanced(by: start).assumingMemoryBound(to: UInt8.self)
            var written: Int32 = 0
            guard EVP_EncryptUpdate(context.pointer, piece, &written, Self.zeros, Int32(count)) == 1,
                written == count
            else { throw .libraryFailure("EVP_EncryptUpdate") }
            start += count
        }
    }
}
