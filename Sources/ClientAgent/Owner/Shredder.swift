internal import Glibc
internal import Operations

/// Removes files so that their names and, on storage that overwrites in place, their bytes are gone. Flash and
/// copy-on-write storage may keep old blocks: there only an encrypted disk helps.
enum Shredder {
    /// Overwrites a file with zeros, durably, and removes it; of a folder everything in it first. What is not there is fine,
    /// and links are removed, not followed. Returns the paths of the files removed. Throws a storage ``Failure``.
    static func shred(_ path: String) throws(Failure) -> [String] {
        var status = stat()
        guard lstat(path, &status) == 0 else { return [] }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            var removed: [String] = []
            for name in try names(in: path) { removed += try shred("\(path)/\(name)") }
            guard rmdir(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
            return removed
        case S_IFREG: try overwrite(path, count: Int(status.st_size))
        default: break
        }
        try AtomicFile.remove(path)
        return [path]
    }

    /// The same of one file that a configuration names: what a link leads to is removed with the link, and a folder is none.
    static func shred(file path: String) throws(Failure) -> [String] {
        var status = stat()
        guard lstat(path, &status) == 0 else { return [] }
        guard status.st_mode & S_IFMT == S_IFLNK else {
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw Failure(.storage, "\(path): is no file; it was left as it is")
            }
            return try shred(path)
        }
        var removed: [String] = []
        if let target = realpath(path, nil) {
            defer { free(target) }
            removed = try shred(file: String(cString: target))
        }
        return removed + (try shred(path))
    }

    /// All names in a folder, hidden ones too; none where there is no folder.
    static func names(in folder: String) throws(Failure) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private static func failure(_ action: String, _ path: String) -> Failure {
        Failure(.storage, "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }

    private static func overwrite(_ path: String, count: Int) throws(Failure) {
        var descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        if descriptor < 0, errno == EACCES, chmod(path, 0o600) == 0 {
            // A key that even its owner may only read.
            descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        }
        guard descriptor >= 0 else { throw failure("overwrite", path) }
        defer { close(descriptor) }
        let zeros = [UInt8](repeating: 0, count: 1 << 16)
        var rest = count
        while rest > 0 {
            let written = write(descriptor, zeros, min(rest, zeros.count))
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure("overwrite", path) }
            rest -= written
        }
        guard fsync(descriptor) == 0, ftruncate(descriptor, 0) == 0 else {
            throw failure("overwrite", path)
        }
    }
}
