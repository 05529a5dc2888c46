internal import Glibc

/// Immutable bytes that any number of responses send from without copying: a model of 100 MB downloaded by a
/// thousand agents is in memory once.
///
/// `@unchecked Sendable`: the memory is written before `init` returns and never after, and it lives exactly as
/// long as the object.
package final class SharedBuffer: @unchecked Sendable {
    /// The bytes. Valid while the buffer is referenced.
    package let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool

    /// Number of bytes.
    package var count: Int { bytes.count }

    /// Copies `source`.
    package init(_ source: [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 64)
        memory.copyBytes(from: source)
        bytes = UnsafeRawBufferPointer(memory)
        isMapped = false
    }

    /// Maps the file at `path`, read-only, without reading it. The file must not be truncated while mapped:
    /// replace it by renaming another over it.
    /// - Throws: `SocketError` (the system's error) when it cannot be opened or mapped.
    package init(mappingFileAt path: String) throws(SocketError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw SocketError(doing: "open \(path)") }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw SocketError(doing: "stat \(path)") }
        let count = Int(status.st_size)
        isMapped = count > 0
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let memory = mmap(nil, count, PROT_READ, MAP_SHARED, file, 0), memory != MAP_FAILED else {
            throw SocketError(doing: "map \(path)")
        }
        bytes = UnsafeRawBufferPointer(start: memory, count: count)
    }

    /// Tells the system that bytes of a mapped file are not needed in memory for now: they no longer count as this
    /// process's, and are there again, read from the file, when touched. Does nothing to copied bytes.
    package func release(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "no such bytes")
        guard isMapped, !range.isEmpty else { return }
        // A mapping begins at a page; neighbours that share one with the range lose nothing by it either.
        let start = range.lowerBound & ~(Self.pageBytes - 1)
        madvise(
            UnsafeMutableRawPointer(mutating: bytes.baseAddress.map { $0 + start }),
            range.upperBound - start, MADV_DONTNEED)
    }

    private static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))

    deinit {
        if isMapped {
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        } else {
            bytes.deallocate()
        }
    }
}
