internal import COpenSSL
internal import Notation

/// SHA-256 (FIPS 180-4), in one call or over a stream of pieces.
package struct SHA256: ~Copyable {
    /// Bytes of a digest.
    package static let byteCount = 32

    private let context: DigestContext

    /// A hash over no bytes yet.
    package init() throws(CryptographyError) {
        let fresh = try DigestContext()
        guard EVP_DigestInit_ex2(fresh.pointer, Algorithms.sha256, nil) == 1 else {
            throw .libraryFailure("EVP_DigestInit_ex2")
        }
        context = fresh
    }

    /// Appends bytes to the message.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) throws(CryptographyError) {
        guard EVP_DigestUpdate(context.pointer, bytes.baseAddress, bytes.count) == 1 else {
            throw .libraryFailure("EVP_DigestUpdate")
        }
    }

    /// Appends bytes to the message.
    package mutating func update(_ bytes: [UInt8]) throws(CryptographyError) {
        guard EVP_DigestUpdate(context.pointer, bytes, bytes.count) == 1 else {
            throw .libraryFailure("EVP_DigestUpdate")
        }
    }

    /// Ends the message and gives its 32-byte digest.
    package consuming func finish() throws(CryptographyError) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Self.byteCount)
        guard EVP_DigestFinal_ex(context.pointer, &digest, nil) == 1 else {
            throw .libraryFailure("EVP_DigestFinal_ex")
        }
        return digest
    }

    /// Ends the message and gives its digest as files and messages show it, 64 lower-case hexadecimal digits.
    package consuming func finishedText() throws(CryptographyError) -> String {
        Hexadecimal.text(of: try finish())
    }

    /// The 32-byte digest of one message.
    package static func hash(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
        var hash = try SHA256()
        try hash.update(message)
        return try hash.finish()
    }

    /// The 32-byte digest of one message.
    package static func hash(_ message: UnsafeRawBufferPointer) throws(CryptographyError) -> [UInt8] {
        var hash = try SHA256()
        try hash.update(message)
        return try hash.finish()
    }

    /// The digest of one message as files and messages show it, 64 lower-case hexadecimal digits.
    package static func text(of message: [UInt8]) throws(CryptographyError) -> String {
        Hexadecimal.text(of: try hash(message))
    }

    /// The same of bytes that belong to another.
    package static func text(of message: UnsafeRawBufferPointer) throws(CryptographyError) -> String {
        Hexadecimal.text(of: try hash(message))
    }

    /// Writes the digest of a secret message into 32 bytes that the caller owns.
    static func hash(
        _ message: UnsafeRawBufferPointer, into digest: UnsafeMutableRawBufferPointer
    ) throws(CryptographyError) {
        precondition(digest.count == byteCount, "a digest has 32 bytes")
        let target = digest.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard EVP_Digest(message.baseAddress, message.count, target, nil, Algorithms.sha256, nil) == 1 else {
            throw .libraryFailure("EVP_Digest")
        }
    }

    /// The 32-byte digest of a secret, to which it commits.
    package static func commitment(to secret: borrowing SecretBytes) throws(CryptographyError) -> [UInt8] {
        try secret.withUnsafeBytes { (bytes) throws(CryptographyError) in try hash(bytes) }
    }
}
