internal import Glibc
internal import Synchronization

/// A file that only grows, such as a ledger: when an append returns, its bytes are on the device, or, where the file does
/// not sync by itself, in the system's hands.
package final class AppendOnlyFile: Sendable {
    /// The file's path, as given.
    package let path: String
    private let descriptor: Int32
    private let synchronises: Bool
    /// Why the file can no longer be trusted to grow, or nil.
    private let broken: Mutex<Failure?>

    /// Opens the file, creating it with `mode` where it is missing (its folder's entry is synced then).
    /// Throws a storage ``Failure`` (exit status 6), also where something else than a file has the name. With
    /// `synchronises` false an append does not wait for the device.
    package init(path: String, mode: UInt32 = 0o600, synchronises: Bool = true) throws(Failure) {
        // Non-blocking: a pipe in the place of the file must not hold the process.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let descriptor = open(path, flags, mode_t(mode))
        guard descriptor >= 0 else {
            if errno == ENXIO { throw Failure(.storage, "cannot open \(path): it is not a regular file") }
            throw .storage("open", path, errno: errno)
        }
        self.path = path
        self.descriptor = descriptor
        self.synchronises = synchronises
        broken = Mutex(nil)
        try Descriptor.synchroniseFolder(of: path)
    }

    deinit { close(descriptor) }

    /// Number of bytes in the file.
    package func size() throws(Failure) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .storage("read", path, errno: errno) }
        return Int(status.st_size)
    }

    /// Whether the file still has a name: what is appended to one that was removed is lost with the process.
    package func hasName() throws(Failure) -> Bool {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .storage("read", path, errno: errno) }
        return status.st_nlink > 0
    }

    /// Appends `bytes`, and syncs where the file does and the caller `waits`. When it throws, the file is cut back to its former length, so that no torn
    /// record is left; where even that fails, or a sync failed, every later append is refused, since the
    /// system may have dropped what it could not write.
    package func append(_ bytes: [UInt8], waits: Bool = true) throws(Failure) {
        let failure = broken.withLock { broken -> Failure? in
            if let broken { return broken }
            do throws(Failure) {
                let before = try size()
                do throws(Failure) {
                    try Descriptor.writeAll(descriptor, bytes, path: path)
                } catch {
                    if ftruncate(descriptor, off_t(before)) != 0 { broken = error }
                    throw error
                }
                do throws(Failure) {
                    if synchronises, waits { try Descriptor.synchronise(descriptor, path: path) }
                } catch {
                    broken = error
                    throw error
                }
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// Cuts the file to its first `count` bytes, durably where that is wanted.
    package func truncate(to count: Int, durably: Bool = true) throws(Failure) {
        guard ftruncate(descriptor, off_t(count)) == 0 else { throw .storage("cut", path, errno: errno) }
        if durably { try synchronise() }
    }

    /// Waits until all of it is on the device. After a failure every later append is refused.
    package func synchronise() throws(Failure) {
        do throws(Failure) {
            try Descriptor.synchronise(descriptor, path: path)
        } catch {
            broken.withLock { $0 = error }
            throw error
        }
    }

    /// Appends one line of text, UTF-8, with its line feed, as ``append(_:)``.
    package func appendLine(_ line: String) throws(Failure) {
        try append(Array(line.utf8) + [0x0A])
    }
}
