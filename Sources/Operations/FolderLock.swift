internal import Glibc

/// An exclusive lock between processes on a file of its own, released with the last owner or the process.
package final class FolderLock: Sendable {
    private let descriptor: Int32

    /// Waits for the lock. Throws a storage ``Failure``.
    package init(_ path: String) throws(Failure) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
        guard descriptor >= 0 else {
            throw Failure(.storage, "cannot open \(path): may this user write into its folder?")
        }
        guard FileLock.take(descriptor, .always) else {
            close(descriptor)
            throw Failure(.storage, "cannot lock \(path)")
        }
    }

    deinit { close(descriptor) }
}
