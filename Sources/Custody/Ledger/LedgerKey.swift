package import Cryptography
package import Ledger
internal import Notation

/// SHA-256, the hash that chains a ledger's lines.
package struct LedgerSHA256: LedgerHash {
    package init() {}

    package func digest(of bytes: [UInt8]) -> [UInt8] {
        // OpenSSL's digest of bytes in memory fails only without memory. An empty digest equals no line's hash: then
        // nothing verifies and nothing is written.
        (try? SHA256.hash(bytes)) ?? []
    }
}

/// The Ed25519 key that signs a ledger; public keys are written in hexadecimal.
package struct LedgerKey: LedgerSigner, LedgerVerifier {
    private let key: Signature.PrivateKey
    package let publicKey: String

    package init(_ key: Signature.PrivateKey) {
        self.key = key
        publicKey = Hexadecimal.text(of: key.publicKey.bytes)
    }

    package func sign(_ bytes: [UInt8]) throws -> [UInt8] { try key.sign(bytes) }

    /// By whatever key the line names, as ``NamedKeys``: whose it must be is for ``Ledger/LedgerVerification`` to say.
    package func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool {
        guard publicKey == self.publicKey else {
            return NamedKeys().isValid(signature: signature, of: bytes, publicKey: publicKey)
        }
        return key.publicKey.isValid(signature, for: bytes)
    }
}

/// Verifies each line by the key that it names: for ledgers whose key is elsewhere.
package struct NamedKeys: LedgerVerifier {
    package init() {}

    package func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool {
        guard let raw = Hexadecimal.bytes(of: publicKey, count: Signature.keyByteCount),
            let key = try? Signature.PublicKey(bytes: raw)
        else { return false }
        return key.isValid(signature, for: bytes)
    }
}

/// For a first look at lines that are verified by their key before anything is believed, or whose key is lost.
package struct UncheckedSignatures: LedgerVerifier {
    package init() {}

    package func isValid(signature: [UInt8], of bytes: [UInt8], publicKey: String) -> Bool { true }
}

extension LedgerVerification {
    /// What this file says, held against its key: all of it where there is one, only form, hashes and rules where the key
    /// is lost.
    package static func verdict(on bytes: [UInt8], key: LedgerKey?) -> LedgerVerdict {
        guard let key else {
            return LedgerVerification(hash: LedgerSHA256(), verifier: UncheckedSignatures()).verify(bytes)
        }
        return LedgerVerification(
            hash: LedgerSHA256(), verifier: key, trustedKey: key.publicKey
        ).verify(bytes)
    }
}
