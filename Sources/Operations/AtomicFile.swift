internal import Glibc

/// Writes whole files so that a reader, or a crash at any instant, sees the old content or the new, never a part.
package enum AtomicFile {
    /// Writes `bytes` under a temporary name in the same folder, syncs, renames, and syncs the folder.
    ///
    /// When this returns the new content survives a power cut; with `syncsFolder` false an older file may come back then,
    /// whole. Throws a storage ``Failure`` (exit status 6); the temporary file is then removed and an older file under
    /// `path` is untouched.
    package static func write(
        _ bytes: [UInt8], to path: String, mode: UInt32 = 0o644, syncsFolder: Bool = true
    ) throws(Failure) {
        let file = try TemporaryFile(for: path, mode: mode)
        try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
            try file.append(UnsafeRawBufferPointer(bytes))
        }
        try file.replace(syncsFolder: syncsFolder)
    }

    /// Writes what `body` appends, piece by piece, as ``write(_:to:mode:syncsFolder:)`` writes one array; when
    /// `body` throws, that is thrown, nothing is left of the temporary file, and an older file is untouched.
    package static func write<Result>(
        to path: String, mode: UInt32 = 0o644, syncsFolder: Bool = true,
        _ body: (TemporaryFile) throws -> Result
    ) throws -> Result {
        let file = try TemporaryFile(for: path, mode: mode)
        let result = try body(file)
        try file.replace(syncsFolder: syncsFolder)
        return result
    }

    /// Writes text as UTF-8; see ``write(_:to:mode:syncsFolder:)``.
    package static func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws(Failure) {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    /// Removes a file; one that is not there is fine. The folder is synced, unless it does no harm that the file is there
    /// again after a crash.
    package static func remove(_ path: String, durably: Bool = true) throws(Failure) {
        if unlink(path) != 0 {
            guard errno != ENOENT else { return }
            throw .storage("remove", path, errno: errno)
        }
        if durably { try Descriptor.synchroniseFolder(of: path) }
    }

    /// Gives the content of the file at `existing`, which must never be written to again, the name `path` too, as
    /// atomically and durably as ``write(_:to:mode:syncsFolder:)``: by a link where the file system has them, else
    /// by a copy in pieces.
    package static func publish(
        _ existing: String, as path: String, mode: UInt32 = 0o644, syncsFolder: Bool = true
    ) throws(Failure) {
        let temporary = temporaryName(for: path)
        guard link(existing, temporary) == 0 else {
            guard [EPERM, EXDEV, EMLINK, ENOSYS, EOPNOTSUPP].contains(errno) else {
                throw .storage("write", path, errno: errno)
            }
            return try copy(existing, to: path, mode: mode)
        }
        let code = rename(temporary, path) == 0 ? 0 : errno
        // Renaming one link over another of the same file does nothing and leaves both (rename(2)).
        unlink(temporary)
        guard code == 0 else { throw .storage("write", path, errno: code) }
        if syncsFolder { try Descriptor.synchroniseFolder(of: path) }
    }

    /// Copies a file's content in pieces of a megabyte.
    static func copy(_ existing: String, to path: String, mode: UInt32) throws(Failure) {
        let source = open(existing, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw .storage("read", existing, errno: errno) }
        defer { close(source) }
        let file = try TemporaryFile(for: path, mode: mode)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { piece.deallocate() }
        while true {
            let count = read(source, piece.baseAddress, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .storage("read", existing, errno: errno) }
            guard count > 0 else { break }
            try file.append(UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
        try file.replace(syncsFolder: true)
    }

    fileprivate static func temporaryName(for path: String) -> String {
        let token = String(UInt32.random(in: 0...UInt32.max), radix: 16)
        let (folder, name) = Descriptor.split(path)
        return "\(folder)/.\(name).\(getpid()).\(token).tmp"
    }
}

/// A file on its way to a name: written piece by piece under a temporary one, which goes with this object unless the
/// file took its place.
package final class TemporaryFile {
    private let path: String
    private let temporary: String
    private let descriptor: Int32
    /// Whether the file took its place, so that nothing has the temporary name.
    private var isPlaced = false

    /// Opens a temporary file in the folder of `path`. Throws a storage ``Failure``.
    fileprivate init(for path: String, mode: UInt32) throws(Failure) {
        self.path = path
        temporary = AtomicFile.temporaryName(for: path)
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_t(mode))
        guard descriptor >= 0 else { throw .storage("write", path, errno: errno) }
        try Descriptor.setMode(descriptor, mode, path: path)
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        if !isPlaced { unlink(temporary) }
    }

    /// Adds bytes at the end, all of them. Throws a storage ``Failure``.
    package func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        try Descriptor.writeAll(descriptor, bytes, path: path)
    }

    /// Syncs the content, takes the place of whatever has the name, and syncs the folder where that is wanted.
    fileprivate func replace(syncsFolder: Bool) throws(Failure) {
        try Descriptor.synchronise(descriptor, path: path)
        guard rename(temporary, path) == 0 else { throw .storage("write", path, errno: errno) }
        isPlaced = true
        if syncsFolder { try Descriptor.synchroniseFolder(of: path) }
    }
}

/// System calls on an open file, their failures turned into storage ``Failure``s.
enum Descriptor {
    /// Sets the permission bits exactly, whatever the umask is.
    static func setMode(_ descriptor: Int32, _ mode: UInt32, path: String) throws(Failure) {
        var status = stat()
        // Most are right already, and setting them would write the file's node once more.
        if fstat(descriptor, &status) == 0, status.st_mode & 0o7777 == mode_t(mode) { return }
        guard fchmod(descriptor, mode_t(mode)) == 0 else { throw .storage("write", path, errno: errno) }
    }

    /// Writes every byte, however often the system takes only a part.
    static func writeAll(_ descriptor: Int32, _ bytes: [UInt8], path: String) throws(Failure) {
        try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
            try writeAll(descriptor, UnsafeRawBufferPointer(bytes), path: path)
        }
    }

    /// Writes every byte, however often the system takes only a part.
    static func writeAll(
        _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, path: String
    ) throws(Failure) {
        var offset = 0
        while offset < bytes.count {
            let count = write(descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
            if count < 0 {
                if errno == EINTR { continue }
                throw .storage("write", path, errno: errno)
            }
            offset += count
        }
    }

    /// Waits until the content is on the device.
    static func synchronise(_ descriptor: Int32, path: String) throws(Failure) {
        while fsync(descriptor) != 0 {
            guard errno == EINTR else { throw .storage("sync", path, errno: errno) }
        }
    }

    /// Waits until the folder's own entry for `path` is on the device.
    static func synchroniseFolder(of path: String) throws(Failure) {
        let folder = split(path).folder
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .storage("sync", folder, errno: errno) }
        defer { close(descriptor) }
        try synchronise(descriptor, path: folder)
    }

    /// The folder and the last part of a path; `"."` where it has no folder.
    static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }
}
