internal import Glibc
internal import Operations

/// The hold of one server on its state directory: two on the same would count reports twice. The kernel lets go of it
/// with the process, however that ends.
final class StateLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock of a directory, which is made where missing. Throws a storage `Failure` that names it, also when
    /// another server holds it, unless it `waits` for that one.
    init(_ path: String, waits: Bool = false) throws(Failure) {
        let file = try OutputDirectory(path, mode: 0o700).file("lock")
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else {
            throw Failure(.storage, "cannot open \(file): \(String(cString: strerror(errno)))")
        }
        guard FileLock.take(descriptor, waits ? .always : .moment) else {
            close(descriptor)
            throw Failure(.storage, "\(path): another server uses this state directory; give each its own")
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
