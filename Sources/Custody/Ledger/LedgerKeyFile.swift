internal import Cryptography
internal import Notation
internal import Operations

/// Where the seed of a ledger's signing key is kept, mode 0600.
package struct LedgerKeyFile {
    /// How a new seed is written. Either form is read.
    package enum Form: Sendable {
        /// 32 bytes.
        case raw
        /// 64 hexadecimal digits and a line break.
        case hexadecimal
    }

    package let path: String
    private let form: Form
    private let followsLinks: Bool

    package init(_ path: String, form: Form = .raw, followsLinks: Bool = true) {
        (self.path, self.form, self.followsLinks) = (path, form, followsLinks)
    }

    /// The key; nil where there is no file. Throws a storage ``Failure`` where the file is damaged.
    package func read() throws -> LedgerKey? {
        let limit = 4096
        guard let bytes = try StoredFile.bytes(at: path, limit: limit, followsLinks: followsLinks) else {
            return nil
        }
        guard let seed = Self.seed(bytes) else {
            throw Failure(
                .storage,
                "\(path): damaged, it is no key that this program wrote; restore it from a backup")
        }
        return LedgerKey(try Signature.PrivateKey(seed: SecretBytes(copying: seed)))
    }

    /// A new key, durably in the file's place.
    package func make() throws -> LedgerKey {
        let key = try Signature.PrivateKey()
        let seed = try key.seed().withUnsafeBytes { Array($0) }
        switch form {
        case .raw: try AtomicFile.write(seed, to: path, mode: 0o600)
        case .hexadecimal:
            try AtomicFile.write(Hexadecimal.text(of: seed) + "\n", to: path, mode: 0o600)
        }
        return LedgerKey(key)
    }

    /// The key of these ledgers, made where there is none and none of them has a line: under another key no line could be
    /// trusted. Throws a storage ``Failure`` that ends in `wayOn` where it is missing.
    package func key(of ledgers: [String], wayOn: String) throws -> LedgerKey {
        if let key = try read() { return key }
        if let ledger = try ledgers.first(where: { try StoredFile.size(at: $0) ?? 0 > 0 }) {
            throw Failure(.storage, "\(path): missing, though \(ledger) has lines; \(wayOn)")
        }
        return try make()
    }

    /// The seed in a file's bytes; nil for anything that is neither form. A file of digits that was cut in the middle is
    /// as long as a raw seed: no seed is made of digits alone, but with a chance of 10^-38.
    private static func seed(_ bytes: [UInt8]) -> [UInt8]? {
        let count = Signature.keyByteCount
        let text = String(
            decoding: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...], as: UTF8.self)
        guard bytes.count == count else { return Hexadecimal.bytes(of: text, count: count) }
        return Hexadecimal.bytes(of: String(decoding: bytes, as: UTF8.self)) == nil ? bytes : nil
    }
}
