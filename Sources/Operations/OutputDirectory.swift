internal import Glibc

/// A folder that results go to, made sure of before any work is done.
package struct OutputDirectory: Sendable {
    /// The folder's path, without a slash at its end.
    package let path: String

    /// Creates the folder and those above it where missing, and tries that a file can be made in it.
    ///
    /// Throws a storage ``Failure`` (exit status 6) that names the folder.
    package init(_ path: String, mode: UInt32 = 0o755) throws(Failure) {
        var trimmed = path
        while trimmed.count > 1 && trimmed.hasSuffix("/") { trimmed.removeLast() }
        guard !trimmed.isEmpty else { throw Failure(.storage, "the output folder's name is empty") }
        self.path = trimmed
        var prefix = trimmed.hasPrefix("/") ? "/" : ""
        for part in trimmed.split(separator: "/") {
            prefix += (prefix.isEmpty || prefix == "/" ? "" : "/") + part
            if mkdir(prefix, mode_t(mode)) != 0 {
                // A folder that exists answers EEXIST, on a read-only file system EROFS, at a mount EISDIR.
                let code = errno
                guard Self.isFolder(prefix) else {
                    throw .storage("create the folder", trimmed, errno: code == EEXIST ? ENOTDIR : code)
                }
            } else {
                // What lies in a folder survives a power cut only if the folder does.
                try Descriptor.synchroniseFolder(of: prefix)
            }
        }
        let probe = file(".probe.\(getpid()).\(UInt32.random(in: 0...UInt32.max))")
        let descriptor = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { throw .storage("write into the folder", trimmed, errno: errno) }
        close(descriptor)
        unlink(probe)
    }

    /// The path of a file in the folder.
    package func file(_ name: String) -> String { path == "/" ? "/" + name : path + "/" + name }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
