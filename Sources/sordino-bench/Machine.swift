import Compute
import Cryptography
import Foundation

/// The machine's own rates, measured in the run that uses them.
enum Machine {
    /// Floating-point operations a second of a large `sgemm` on one thread.
    static func matrixRate(_ stopwatch: Stopwatch) -> Double {
        let size = 1024
        let a = [Float](repeating: 0.5, count: size * size)
        let b = [Float](repeating: 0.25, count: size * size)
        var c = [Float](repeating: 0, count: size * size)
        let seconds = stopwatch.best {
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    c.withUnsafeMutableBufferPointer { c in
                        guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else {
                            return
                        }
                        BLAS.multiply(a, b, into: c, rows: size, columns: size, inner: size)
                    }
                }
            }
        }
        return 2 * Double(size * size * size) / seconds
    }

    /// Bytes a second of the AES-256-CTR keystream into a cached buffer.
    static func keystreamRate(_ stopwatch: Stopwatch) throws -> Double {
        var stream = try PseudorandomStream(key: SecretBytes.random(count: PseudorandomStream.keyByteCount))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16384, alignment: 64)
        defer { buffer.deallocate() }
        return try Double(buffer.count) / stopwatch.best { try stream.fill(buffer) }
    }

    /// Bytes a second of AES-256-GCM, the cipher of a TLS record, in cached pieces of 64 KiB.
    static func sealingRate(_ stopwatch: Stopwatch) throws -> Double {
        let key = try SecretBytes.random(count: AuthenticatedEncryption.keyByteCount)
        let piece = SecretBytes(copying: [UInt8](repeating: 7, count: 1 << 16))
        let nonce = [UInt8](repeating: 0, count: AuthenticatedEncryption.nonceByteCount)
        return try Double(piece.count)
            / stopwatch.best {
                _ = try AuthenticatedEncryption.seal(piece, key: key, nonce: nonce, associatedData: [])
            }
    }

    /// Seconds of one X25519 agreement.
    static func agreementSeconds(_ stopwatch: Stopwatch) throws -> Double {
        let (own, peer) = (try KeyAgreement.PrivateKey(), try KeyAgreement.PrivateKey())
        return try stopwatch.best { _ = try own.sharedSecret(with: peer.publicKey) }
    }

    /// Bytes a second, read and written together, of copying `byteCount` bytes.
    static func memoryRate(byteCount: Int, _ stopwatch: Stopwatch) -> Double {
        let from = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        let into = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        defer {
            from.deallocate()
            into.deallocate()
        }
        from.initializeMemory(as: UInt8.self, repeating: 1)
        return 2 * Double(byteCount)
            / stopwatch.best { into.copyMemory(from: UnsafeRawBufferPointer(from)) }
    }
}
