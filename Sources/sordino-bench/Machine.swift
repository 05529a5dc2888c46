import Compute
import Cryptography
import Foundation

/// The machine's own rates, measured in the run that uses them.
enum Machine {
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

    /// Bytes a second, read and written together, over `byteCount` bytes in all: the better of copying one half to the
    /// other and of adding a third to the rest.
    static func memoryRate(byteCount: Int, _ stopwatch: Stopwatch) -> Double {
        let half = byteCount / 2
        let from = UnsafeMutableRawBufferPointer.allocate(byteCount: half, alignment: 64)
        let into = UnsafeMutableRawBufferPointer.allocate(byteCount: half, alignment: 64)
        defer {
            from.deallocate()
            into.deallocate()
        }
        from.initializeMemory(as: UInt8.self, repeating: 1)
        let copied = stopwatch.best { into.copyMemory(from: UnsafeRawBufferPointer(from)) }
        let third = byteCount / 12
        var sum = [UInt32](repeating: 0, count: 2 * third)
        let terms = [Int32](repeating: 1, count: 2 * third)
        let added = stopwatch.best {
            sum.withUnsafeMutableBufferPointer { sum in
                terms.withUnsafeBufferPointer { Kernels.add(to: sum, $0) }
            }
        }
        return max(Double(2 * half) / copied, Double(24 * third) / added)
    }
}
