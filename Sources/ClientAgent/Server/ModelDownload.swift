internal import Cryptography
internal import Glibc
internal import Operations
package import Transport

/// A published model on its way here: nothing else than the announced bytes is ever taken for it.
package protocol ModelDownload: DownloadTarget {
    /// Whether all announced bytes are there.
    var isComplete: Bool { get }
    /// The whole model, its digest verified; nil when it is another, which is then forgotten.
    func verified() throws -> SharedBuffer?
}

/// A small model on its way into memory. A process that ends in between fetches it again.
package final class MemoryDownload: ModelDownload {
    /// Bytes of the longest model that is fetched into memory: a file for each round costs more than the bytes.
    package static let limit = 1 << 20

    package let tag: String?
    private let digest: String
    private let count: Int
    private var bytes: [UInt8] = []

    /// `count` is at most ``limit``.
    package init(digest: String, count: Int, tag: String) {
        precondition(count <= Self.limit, "a large model belongs into a file")
        (self.digest, self.count, self.tag) = (digest, count, tag)
    }

    package var received: Int { bytes.count }
    package var isComplete: Bool { received == count }

    package func begin(tag: String?, total: Int) throws(ClientError) {
        guard total == count else {
            throw .rejected("the model has \(total) bytes, \(count) were announced")
        }
        bytes = []
        bytes.reserveCapacity(count)
    }

    package func append(_ more: UnsafeRawBufferPointer) throws(ClientError) {
        guard received + more.count <= count else {
            throw .rejected("the model is longer than its announced \(count) bytes")
        }
        bytes.append(contentsOf: more)
    }

    package func verified() throws -> SharedBuffer? {
        guard isComplete, try SHA256.text(of: bytes) == digest else {
            bytes = []
            return nil
        }
        return SharedBuffer(bytes)
    }
}

/// Where an agent's downloads of models go: a folder of its own.
struct ModelFolder {
    private let path: String
    /// Whether files of earlier models may lie there.
    private var mayHoldOthers = true

    init(_ path: String) { self.path = path }

    /// What to download a model into; goes on with a file that an earlier process began. Throws a storage ``Failure``.
    mutating func target(digest: String, count: Int, tag: String) throws -> any ModelDownload {
        if mayHoldOthers {
            _ = try OutputDirectory(path, mode: 0o700)
            try FileDownload.clean(path, keeping: digest)
        }
        let isBegun = mayHoldOthers && access("\(path)/\(digest).safetensors", F_OK) == 0
        guard isBegun || count > MemoryDownload.limit else {
            mayHoldOthers = false
            return MemoryDownload(digest: digest, count: count, tag: tag)
        }
        mayHoldOthers = true
        return try FileDownload(folder: path, digest: digest, count: count, tag: tag)
    }
}
