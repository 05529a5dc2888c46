internal import Configuration
internal import Cryptography
internal import Datasets
internal import Notation
internal import Operations

/// The key that a site's identifiers are hashed with: made once, kept in the state directory, and never sent.
package enum IdentifierKey {
    /// The file's name in the state directory.
    package static let fileName = "identifiers.key"

    /// What stands for an identifier: HMAC-SHA-256 under the site's key, 64 hexadecimal digits. The key is made where there is none.
    /// Throws a storage ``Failure`` where its file is damaged.
    package static func hash(in folder: String) throws -> @Sendable ([UInt8]) throws -> [UInt8] {
        let holder = Holder(try SecretBytes(copying: read(in: folder)))
        return { identifier in
            let code = try MessageAuthentication.code(for: identifier, key: holder.key)
            return Array(Hexadecimal.text(of: code).utf8)
        }
    }

    /// The hash for a data section, nil where nothing in it is hashed. Throws ``ConfigurationError`` or a storage ``Failure``.
    static func hash(
        of data: JSONValue, _ configuration: AgentConfiguration
    ) throws -> DataSource.IdentifierHash? {
        let source = try DataSource(data, path: "data", folder: configuration.folder)
        return source.hashesIdentifiers ? try hash(in: configuration.stateDirectory) : nil
    }

    private final class Holder: Sendable {
        let key: SecretBytes

        init(_ key: consuming SecretBytes) { self.key = key }
    }

    private static func read(in folder: String) throws -> [UInt8] {
        let path = "\(folder)/\(fileName)"
        if let bytes = try StoredFile.bytes(at: path, limit: 1 << 10, followsLinks: false) {
            guard bytes.last == 0x0A,
                let key = Hexadecimal.bytes(of: String(decoding: bytes.dropLast(), as: UTF8.self), count: 32)
            else {
                throw Failure(
                    .storage,
                    "\(path): damaged, it is no key that this program wrote; restore it from a backup, or remove it and"
                        + " identifiers are hashed anew")
            }
            return key
        }
        _ = try OutputDirectory(folder, mode: 0o700)
        let key = try SecretBytes.random(count: 32).withUnsafeBytes { Array($0) }
        try AtomicFile.write(Hexadecimal.text(of: key) + "\n", to: path, mode: 0o600)
        return key
    }
}
