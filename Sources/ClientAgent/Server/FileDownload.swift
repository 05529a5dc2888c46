internal import Cryptography
internal import Glibc
package import Operations
package import Transport

/// A model on its way into a file that is named by its SHA-256: a download goes on where it stopped, also after
/// a restart, and nothing else than the announced bytes is ever taken for the model.
package final class FileDownload: ModelDownload {
    /// The file's path.
    package let path: String
    package let tag: String?
    package private(set) var received = 0
    private let digest: String
    private let count: Int
    private let descriptor: Int32

    /// Opens or creates the file in `folder`. Throws a storage ``Failure``.
    package convenience init(folder: String, digest: String, count: Int, tag: String) throws(Failure) {
        try self.init(path: "\(folder)/\(digest).safetensors", digest: digest, count: count, tag: tag)
    }

    /// Opens or creates the file at `path`. Throws a storage ``Failure``.
    package init(path: String, digest: String, count: Int, tag: String) throws(Failure) {
        self.path = path
        self.digest = digest
        self.count = count
        self.tag = tag
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
        guard descriptor >= 0 else {
            throw Failure(.storage, "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        let end = lseek(descriptor, 0, SEEK_END)
        received = Int(max(0, end))
        if received > count { drop() }
    }

    deinit { close(descriptor) }

    /// Whether all announced bytes are there.
    package var isComplete: Bool { received == count }

    package func begin(tag: String?, total: Int) throws(ClientError) {
        guard total == count else {
            throw .rejected("the model has \(total) bytes, \(count) were announced")
        }
        drop()
    }

    package func append(_ bytes: UnsafeRawBufferPointer) throws(ClientError) {
        guard received + bytes.count <= count else {
            throw .rejected("the model is longer than its announced \(count) bytes")
        }
        var rest = bytes
        while !rest.isEmpty {
            let written = write(descriptor, rest.baseAddress, rest.count)
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw .rejected("\(path): \(String(cString: strerror(errno)))") }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            received += written
        }
    }

    /// The whole model, its digest verified; nil when it is another, which is then removed.
    package func verified() throws -> SharedBuffer? {
        let bytes = try SharedBuffer(mappingFileAt: path)
        guard isComplete, try SHA256.text(of: bytes.bytes) == digest else {
            drop()
            return nil
        }
        return bytes
    }

    /// Removes every file in `folder` but those of `digest`.
    package static func clean(_ folder: String, keeping digest: String?) throws {
        for name in try StateDirectory.names(in: folder) where name != digest.map({ "\($0).safetensors" }) {
            unlink("\(folder)/\(name)")
        }
    }

    private func drop() {
        ftruncate(descriptor, 0)
        lseek(descriptor, 0, SEEK_SET)
        received = 0
    }
}
