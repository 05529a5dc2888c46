package import Cryptography
internal import Ledger

/// SHA-256 for ledgers.
package struct LedgerSHA256: LedgerHash {
    package init() {}

    package func digest(of bytes: [UInt8]) -> [UInt8] {
        // An empty digest equals no line's hash: should OpenSSL fail, nothing verifies and nothing is written.
        (try? SHA256.hash(bytes)) ?? []
    }
}

/// Ed25519 for ledgers; keys are written in hexadecimal.
package struct LedgerEd25519: LedgerSigner, LedgerVerifier {
    private let key: Signature.PrivateKey?
    package let publicKey: String

    /// Signs with `key`.
    package init(_ key: Signature.PrivateKey) {
        self.key = key
        publicKey = key.publicKey.bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// Verifies only.
    package init() {
        key = nil
        publicKey = ""
    }

    package func sign(_ bytes: [UInt8]) throws -> [UInt8] {
        guard let key else { return [] }
        return try key.sign(bytes)
    }

    package func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool {
        guard let raw = Self.bytes(publicKey), let key = try? Signature.PublicKey(bytes: raw) else {
            return false
        }
        return key.isValid(signature, for: bytes)
    }

    private static func bytes(_ hexadecimal: String) -> [UInt8]? {
        let digits = Array(hexadecimal.utf8)
        guard digits.count == 64 else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[place..<(place + 2)], as: UTF8.self), radix: 16)
            else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }
}
