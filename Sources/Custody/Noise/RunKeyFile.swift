package import Cryptography
internal import Operations

/// Where the key is kept that a run's secret draws are made under (``KeyedNoise``), mode 0600: as secret as the updates.
package struct RunKeyFile {
    package let path: String

    package init(_ path: String) { self.path = path }

    /// The key; nil where there is no file. Throws a storage ``Failure`` where it is damaged.
    package func read() throws -> SharedSecret? {
        guard let bytes = try StoredFile.bytes(at: path, limit: 4096) else { return nil }
        guard bytes.count == KeyedNoise.keyByteCount else {
            throw Failure(.storage, "\(path): damaged; restore it from a backup")
        }
        return SharedSecret(SecretBytes(copying: bytes))
    }

    /// A new key, durably in the file's place.
    package func make() throws -> SharedSecret {
        let key = try SecretBytes.random(count: KeyedNoise.keyByteCount)
        try key.withUnsafeBytes { try AtomicFile.write(Array($0), to: path, mode: 0o600) }
        return SharedSecret(key)
    }

    /// What commits to a key, and to what else the draws depend on where that is not the task alone: a SHA-256, 64
    /// lower-case hexadecimal digits. Without `design` it is that of the key.
    package static func digest(of key: SharedSecret, design: String? = nil) throws -> String {
        let own = try key.bytes.withUnsafeBytes { try SHA256.text(of: $0) }
        return try design.map { try SHA256.text(of: Array("\(own) \($0)".utf8)) } ?? own
    }
}
