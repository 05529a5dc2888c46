internal import Glibc
internal import Ledger
internal import Operations

/// A privacy ledger's lines in a file.
///
/// A run with secure noise syncs every line before it goes on. A rehearsal does not: after a power failure its
/// lines are written again by the same rounds, and SIGKILL loses nothing that was handed to the system.
final class LedgerFile: LedgerStore {
    private let path: String
    private let synchronises: Bool
    private let descriptor: Int32

    /// Opens the file, creating it where missing. Throws a storage failure.
    init(_ path: String, synchronises: Bool) throws {
        descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { throw LedgerFile.failure("opened", path) }
        self.path = path
        self.synchronises = synchronises
    }

    deinit { close(descriptor) }

    func load() throws -> [UInt8] {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure("read", path) }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var place = 0
        while place < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress.map { $0 + place }, $0.count - place, off_t(place))
            }
            guard count > 0 else { throw Self.failure("read", path) }
            place += count
        }
        return bytes
    }

    func append(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("written", path) }
            rest = rest.dropFirst(count)
        }
        if synchronises { try synchronise() }
    }

    func truncate(to count: Int) throws {
        guard ftruncate(descriptor, off_t(count)) == 0 else { throw Self.failure("truncated", path) }
        try synchronise()
    }

    /// Puts all lines on the device.
    func synchronise() throws {
        guard fsync(descriptor) == 0 else { throw Self.failure("synced", path) }
    }

    private static func failure(_ verb: String, _ path: String) -> Failure {
        Failure(.storage, "\(path): cannot be \(verb): \(String(cString: strerror(errno)))")
    }
}
