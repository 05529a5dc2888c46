internal import Cryptography

/// SHA-256 in the form that files and reports show.
package enum Digest {
    /// Lower-case hexadecimal, 64 characters. Throws when OpenSSL fails.
    package static func hexadecimal(_ bytes: [UInt8]) throws -> String {
        try bytes.withUnsafeBytes { try hexadecimal($0) }
    }

    /// The same of bytes that belong to another.
    package static func hexadecimal(_ bytes: UnsafeRawBufferPointer) throws -> String {
        try SHA256.hash(bytes).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
