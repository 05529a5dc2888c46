internal import Cryptography
internal import Encoding
internal import Notation
internal import Transport

extension SHA256 {
    /// Bytes of a mapped file that are in memory at once.
    private static let windowBytes = 1 << 20

    /// The digest of a file, 64 lower-case hexadecimal digits; the file leaves memory again as it is read.
    static func text(of file: SharedBuffer) throws -> String {
        let hash = try RunningHash()
        for start in stride(from: 0, to: file.count, by: windowBytes) {
            let range = start..<min(start + windowBytes, file.count)
            try hash.update(UnsafeRawBufferPointer(rebasing: file.bytes[range]))
            file.release(range)
        }
        return try hash.text()
    }

    /// The same of a vector in its wire form.
    static func text(packed vector: RingVector) throws -> String {
        let hash = try RunningHash()
        try vector.forEachPackedPiece { try hash.update($0) }
        return try hash.text()
    }
}

/// SHA-256 over pieces.
final class RunningHash {
    private var hash: SHA256?

    init() throws { hash = try SHA256() }

    func update(_ bytes: UnsafeRawBufferPointer) throws { try hash?.update(bytes) }

    /// The digest of all pieces, 64 lower-case hexadecimal digits. To be called once, at the end.
    func text() throws -> String {
        guard let digest = try hash.take()?.finish() else { preconditionFailure("a digest is taken once") }
        return Hexadecimal.text(of: digest)
    }
}
