internal import Cryptography
internal import Notation
internal import Operations

/// A safetensors file on its way to the disk. Its values are shared with whoever made them: a model of 400 MB is hashed and
/// written without a copy.
struct TensorFile {
    /// What stands before the values.
    let head: [UInt8]
    /// The values in the file's order, little-endian in it, as is every platform that this package supports.
    let values: [[Float]]

    /// SHA-256 of the file, hexadecimal.
    func digest() throws -> String {
        var hash = try SHA256()
        try forEachPiece { try hash.update($0) }
        return try Hexadecimal.text(of: hash.finish())
    }

    /// Writes the file; see `AtomicFile`.
    func write(to path: String) throws {
        try AtomicFile.write(to: path) { file in try forEachPiece { try file.append($0) } }
    }

    /// Gives the file's bytes in their order.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try head.withUnsafeBytes(body)
        for part in values { try part.withUnsafeBytes(body) }
    }
}
