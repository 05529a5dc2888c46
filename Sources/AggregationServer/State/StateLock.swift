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
        guard waits ? flock(descriptor, LOCK_EX) == 0 : Self.lock(descriptor) else {
            close(descriptor)
            throw Failure(.storage, "\(path): another server uses this state directory; give each its own")
        }
        self.descriptor = descriptor
    }

    /// Takes a lock, waiting a moment for a holder that is just ending: a child between fork and exec holds what its parent
    /// held.
    private static func lock(_ descriptor: Int32) -> Bool {
        for _ in 0..<25 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            guard errno == EWOULDBLOCK || errno == EINTR else { return false }
            usleep(20_000)
        }
        return false
    }

    deinit { close(descriptor) }
}
