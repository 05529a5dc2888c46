internal import Glibc
package import Operations

/// The agent's state directory, held by one process at a time.
///
/// `lock`, `progress.json`, `ledger.key`, `revocations.pem`, `runs/RUN/ledger.jsonl`, `outbox/`, `trainer/`, `models/`, `frozen/`; all
/// readable by the owner only.
package final class StateDirectory: Sendable {
    /// The directory's path.
    package let path: String
    private let lock: Int32

    /// Creates the directory where missing and takes its lock. Throws a storage ``Failure`` that names it, also
    /// when another agent holds it.
    package init(_ path: String) throws(Failure) {
        let directory = try OutputDirectory(path, mode: 0o700)
        self.path = directory.path
        let lockPath = directory.file("lock")
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { throw Self.failure("open", lockPath) }
        guard FileLock.take(descriptor, .moment) else {
            close(descriptor)
            throw Failure(
                .storage, "\(directory.path): another agent uses this state directory; give each its own")
        }
        lock = descriptor
        for name in ["outbox", "runs", "trainer"] {
            _ = try OutputDirectory(directory.file(name), mode: 0o700)
        }
    }

    /// Looks at a directory that an agent may be using: nothing is made and no lock is taken. Throws a storage ``Failure``
    /// where there is none.
    package init(reading path: String) throws(Failure) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw Failure(.storage, "\(path): no state directory; no agent has worked with it yet")
        }
        self.path = path
        lock = -1
    }

    deinit { if lock >= 0 { close(lock) } }

    /// Throws a usage ``Failure`` where the directory is another user's than this process's: what a command wrote there the agent
    /// could not read, and would end for.
    package static func requireOwner(_ path: String) throws(Failure) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_uid != geteuid() else { return }
        let user = getpwuid(status.st_uid).map { String(cString: $0.pointee.pw_name) } ?? "#\(status.st_uid)"
        throw Failure(
            .usage, "\(path): is \(user)'s: run this command as that user (sudo -u \(user) sordino-agent …)")
    }

    /// Whether a process holds the directory's lock.
    package static func isInUse(_ path: String) -> Bool {
        let descriptor = open("\(path)/lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // Shared, so that two who look do not take each other for an agent.
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// The path of a file or folder in the directory.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// The names in a folder, sorted, without hidden ones; what a crash left half written is hidden by its name.
    static func names(in folder: String) throws(Failure) -> [String] {
        guard let directory = opendir(folder) else { throw failure("read", folder) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// A whole regular file, or nil where there is none. Throws a storage ``Failure`` when it cannot be read or
    /// is longer than `limit` bytes.
    static func contents(of path: String, limit: Int) throws(Failure) -> [UInt8]? {
        try StoredFile.bytes(at: path, limit: limit, followsLinks: false)
    }

    private static func failure(_ action: String, _ path: String) -> Failure {
        Failure(.storage, "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
