internal import Glibc

/// Files that a process wrote for itself and reads back: whatever lies in their place is taken for hostile.
package enum StoredFile {
    /// The content of the regular file at `path`, or nil where nothing has the name. Throws a storage ``Failure``
    /// (exit status 6) that names it where it cannot be read, is no regular file (a pipe would hold the reader for
    /// ever), or is longer than `limit` bytes. Without `followsLinks` a symbolic link is refused, too.
    package static func bytes(
        at path: String, limit: Int = 1 << 30, followsLinks: Bool = true
    ) throws(Failure) -> [UInt8]? {
        try bytes(at: path, from: 0, limit: limit, followsLinks: followsLinks)
    }

    /// The same from the byte `offset` on; nil also where the file is shorter.
    package static func bytes(
        at path: String, from offset: Int, limit: Int = 1 << 30, followsLinks: Bool = true
    ) throws(Failure) -> [UInt8]? {
        guard let descriptor = try open(path, followsLinks: followsLinks) else { return nil }
        defer { close(descriptor) }
        let size = try size(of: descriptor, path: path)
        guard size <= limit else {
            throw Failure(.storage, "cannot read \(path): it is longer than \(limit) bytes")
        }
        guard offset <= size else { return nil }
        return try bytes(of: descriptor, in: offset..<size, path: path)
    }

    /// A part of the regular file at `path`; nil also where the file ends before it does. Throws like
    /// ``bytes(at:limit:followsLinks:)``.
    package static func bytes(at path: String, in range: Range<Int>) throws(Failure) -> [UInt8]? {
        guard let descriptor = try open(path) else { return nil }
        defer { close(descriptor) }
        guard try size(of: descriptor, path: path) >= range.upperBound else { return nil }
        return try bytes(of: descriptor, in: range, path: path)
    }

    private static func bytes(
        of descriptor: Int32, in range: Range<Int>, path: String
    ) throws(Failure) -> [UInt8] {
        let (offset, count) = (range.lowerBound, range.count)
        var bytes = [UInt8](repeating: 0, count: count)
        var start = 0
        while start < count {
            let more = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress.map { $0 + start }, $0.count - start, off_t(offset + start))
            }
            if more < 0 && errno == EINTR { continue }
            guard more >= 0 else { throw .storage("read", path, errno: errno) }
            guard more > 0 else {
                throw Failure(.storage, "cannot read \(path): it became shorter while it was read")
            }
            start += more
        }
        return bytes
    }

    /// Bytes of the regular file at `path`, or nil where nothing has the name. Throws like
    /// ``bytes(at:limit:followsLinks:)``.
    package static func size(at path: String, followsLinks: Bool = true) throws(Failure) -> Int? {
        guard let descriptor = try open(path, followsLinks: followsLinks) else { return nil }
        defer { close(descriptor) }
        return try size(of: descriptor, path: path)
    }

    /// Opens a file for reading; nil where nothing has the name. To be closed by the caller.
    package static func open(_ path: String, followsLinks: Bool = true) throws(Failure) -> Int32? {
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (followsLinks ? 0 : O_NOFOLLOW)
        let descriptor = Glibc.open(path, flags)
        if descriptor >= 0 { return descriptor }
        guard errno == ENOENT else { throw .storage("read", path, errno: errno) }
        // A link to nothing is something.
        var status = stat()
        guard lstat(path, &status) != 0 else {
            throw Failure(.storage, "cannot read \(path): it is a link to nothing")
        }
        return nil
    }

    /// Bytes of an opened file. Throws where it is no regular one.
    package static func size(of descriptor: Int32, path: String) throws(Failure) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .storage("read", path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(.storage, "cannot read \(path): it is not a regular file")
        }
        return Int(status.st_size)
    }
}
