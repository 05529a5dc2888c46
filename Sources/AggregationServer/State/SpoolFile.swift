internal import Glibc

/// One file of the spool being written, mode 0600; closed with the object. Failures leave the system's number in
/// `errno`, for whoever must tell an operator.
final class SpoolFile: Sendable {
    /// Where it lies.
    let path: String
    private let descriptor: Int32

    /// `O_DIRECT`, which differs between machines and which the C library's headers keep from us.
    #if arch(arm64)
        private static let direct: Int32 = 0o200000
    #else
        private static let direct: Int32 = 0o40000
    #endif

    /// Creates the file at `path`, where none may be; nil when it cannot. `isDirect` asks for writing past the page
    /// cache, where the file system can: a report is read back at most once, soon, and never again.
    init?(creating path: String, isDirect: Bool) {
        self.path = path
        let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        var file = open(path, isDirect ? flags | Self.direct : flags, mode_t(0o600))
        if file < 0, isDirect, errno == EINVAL {
            // Some file systems make the file before they say that they cannot.
            unlink(path)
            file = open(path, flags, mode_t(0o600))
        }
        descriptor = file
        if file < 0 { return nil }
    }

    /// Opens the file at `path` to add to it, or creates it; nil when it cannot.
    init?(continuing path: String) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
        if descriptor < 0 { return nil }
    }

    /// Bytes of the file; 0 where it cannot be asked.
    var size: Int { max(0, Int(lseek(descriptor, 0, SEEK_END))) }

    /// Whether what is added from now on follows the first `count` bytes, which are all that is left; false with the reason
    /// in `errno`.
    func begin(at count: Int) -> Bool {
        end(at: count) && lseek(descriptor, off_t(count), SEEK_SET) == off_t(count)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds to the end; false with the reason in `errno`.
    func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var place = 0
        while place < bytes.count {
            let count = write(descriptor, bytes.baseAddress.map { $0 + place }, bytes.count - place)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            place += count
        }
        return true
    }

    /// Writes a whole update from the page-aligned memory that it lies in and waits for the device; false with the
    /// reason in `errno`.
    func keep(_ update: UpdateBuffer) -> Bool {
        appendPages(update) && end(at: update.filled) && synchronise()
    }

    /// Adds what fills page-aligned memory, and zeros up to the end of its last page; false with the reason in `errno`.
    func appendPages(_ buffer: UpdateBuffer) -> Bool {
        let place = lseek(descriptor, 0, SEEK_CUR)
        if append(buffer.padded()) { return true }
        // A device may want larger blocks than a page: then in the ordinary way.
        return errno == EINVAL && leaveDirect() && lseek(descriptor, place, SEEK_SET) == place
            && append(buffer.padded())
    }

    /// Cuts off what lies behind `count` bytes; false with the reason in `errno`.
    func end(at count: Int) -> Bool { ftruncate(descriptor, off_t(count)) == 0 }

    /// Reads the file from its beginning into memory of its length; false with the reason in `errno`.
    func read(into buffer: UpdateBuffer) -> Bool { buffer.fill(from: descriptor) }

    private func leaveDirect() -> Bool {
        let flags = fcntl(descriptor, F_GETFL)
        return flags >= 0 && fcntl(descriptor, F_SETFL, flags & ~Self.direct) == 0
    }

    /// Waits until the file is on the device; false with the reason in `errno`.
    func synchronise() -> Bool { fsync(descriptor) == 0 }

    /// Removes the file, which is of no use.
    func discard() { unlink(path) }
}
