package import Compute
internal import Configuration
internal import Cryptography
internal import Glibc
package import Learning
internal import Messages
internal import Operations

/// The frozen parameters of a model as a safetensors file: 32-bit floats in the order of their layout.
package enum FrozenModelFile {
    /// The file's name beside a published model.
    package static let name = "frozen.safetensors"
    /// Bytes of the file that are in memory at once besides the parameters.
    private static let pieceBytes = 1 << 22

    /// Bytes of the file of a layout.
    package static func byteCount(_ layout: ParameterLayout) -> Int { head(layout).count + 4 * layout.count }

    /// The file's bytes; equal parameters give equal bytes.
    package static func encode(_ parameters: FrozenParameters) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount(parameters.layout))
        forEachPiece(parameters) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// SHA-256 and length of the file of these parameters.
    package static func digest(_ parameters: FrozenParameters) throws -> FrozenDigest {
        var hash = try SHA256()
        try forEachPiece(parameters) { try hash.update($0) }
        return FrozenDigest(sha256: try hash.finishedText(), bytes: byteCount(parameters.layout))
    }

    /// Hands the file's bytes to `body` in their order, so that no second copy of them is needed. Throws what it throws.
    package static func forEachPiece(
        _ parameters: FrozenParameters, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        try head(parameters.layout).withUnsafeBytes(body)
        // Safetensors is little-endian, as is every platform that this package supports.
        try body(UnsafeRawBufferPointer(parameters.values))
    }

    /// Reads the file at `path` into memory once, and checks it against the digest that the task states and against the
    /// layout that the model needs. Throws ``ConfigurationError`` where anything differs.
    package static func read(
        _ path: String, digest: FrozenDigest, layout: ParameterLayout
    ) throws -> FrozenParameters {
        let source = try FrozenFileReader(path, digest, layout)
        var hash = try SHA256()
        try hash.update(source.head)
        let parameters = try FrozenParameters(layout: layout) { values in
            let bytes = UnsafeMutableRawBufferPointer(values)
            var place = 0
            while place < bytes.count {
                let part = UnsafeMutableRawBufferPointer(
                    rebasing: bytes[place..<min(place + pieceBytes, bytes.count)])
                try source.fill(part)
                try hash.update(UnsafeRawBufferPointer(part))
                place += part.count
            }
        }
        try source.finish(hash.finishedText())
        return parameters
    }

    /// The same checks without keeping the parameters.
    package static func verify(_ path: String, digest: FrozenDigest, layout: ParameterLayout) throws {
        let source = try FrozenFileReader(path, digest, layout)
        var hash = try SHA256()
        try hash.update(source.head)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceBytes, alignment: 64)
        defer { piece.deallocate() }
        var left = 4 * layout.count
        while left > 0 {
            let part = UnsafeMutableRawBufferPointer(rebasing: piece[..<min(left, pieceBytes)])
            try source.fill(part)
            try hash.update(UnsafeRawBufferPointer(part))
            left -= part.count
        }
        try source.finish(hash.finishedText())
    }

    fileprivate static func head(_ layout: ParameterLayout) -> [UInt8] {
        SafeTensors.head(layout.entries.map { ($0.name, $0.shape) }, metadata: ["sordino.part": "frozen"])
    }
}

/// A file of frozen parameters that is being read from its beginning to its end; whatever lies in its place is taken for
/// hostile.
private final class FrozenFileReader {
    /// What the file begins with.
    let head: [UInt8]
    private let path: String
    private let digest: FrozenDigest
    private let descriptor: Int32

    /// Opens the file and reads its head. Throws ``ConfigurationError``.
    init(_ path: String, _ digest: FrozenDigest, _ layout: ParameterLayout) throws {
        (self.path, self.digest) = (path, digest)
        head = FrozenModelFile.head(layout)
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: path, problem: problem)
        }
        guard digest.bytes == head.count + 4 * layout.count else {
            throw refuse(
                "is stated with \(digest.bytes) bytes, where the model's frozen parameters take "
                    + "\(head.count + 4 * layout.count)")
        }
        guard let opened = try? StoredFile.open(path) else {
            throw refuse("no such file, or it cannot be read: the model's frozen parameters")
        }
        descriptor = opened
        guard let length = try? StoredFile.size(of: descriptor, path: path) else {
            throw refuse("is not a regular file")
        }
        guard length == digest.bytes else {
            throw refuse(
                "has \(length) bytes where the model states \(digest.bytes): another model's, or damaged")
        }
        var start = [UInt8](repeating: 0, count: head.count)
        try start.withUnsafeMutableBytes { try fill($0) }
        guard start == head else { throw refuse("does not hold the model's frozen parameters") }
    }

    deinit { close(descriptor) }

    /// Reads the next bytes. Throws where there are fewer.
    func fill(_ bytes: UnsafeMutableRawBufferPointer) throws {
        var place = 0
        while place < bytes.count {
            let count = Glibc.read(descriptor, bytes.baseAddress.map { $0 + place }, bytes.count - place)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw ConfigurationError(path: path, problem: "cannot be read whole")
            }
            place += count
        }
    }

    /// Throws where the digest of what was read is another than the stated one.
    func finish(_ found: String) throws {
        guard found == digest.sha256 else {
            throw ConfigurationError(
                path: path, problem: "has another SHA-256 than the model states: another model's, or damaged")
        }
    }
}
