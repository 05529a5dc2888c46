internal import Glibc
internal import Synchronization

/// Page-aligned memory for updates on their way to the spool, bounded in all. What was given back is given out again:
/// the updates of a task have one size, and pages that are there already cost nothing.
final class UpdateMemory: Sendable {
    private struct State {
        /// Bytes given out and kept, and of these given out.
        var allocated = 0
        var used = 0
        var free: [Pages] = []
    }

    /// Memory that nobody uses now.
    ///
    /// `@unchecked Sendable`: a plain address; the lock that guards the list decides who has it.
    fileprivate struct Pages: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer
    }

    /// Direct writing needs memory, places and lengths in multiples of the device's block, which no page is smaller
    /// than.
    static let pageByteCount = 4096

    private let limit: Int
    private let state = Mutex(State())

    /// Holds at most `limit` bytes.
    init(limit: Int) { self.limit = limit }

    deinit { trim() }

    /// Memory for `count` bytes; nil when with them more than `share` of the limit would be in use.
    func take(_ count: Int, within share: Double = 1) -> UpdateBuffer? {
        let (rounded, overflows) = count.addingReportingOverflow(Self.pageByteCount - 1)
        guard count > 0, !overflows else { return nil }
        let size = rounded / Self.pageByteCount * Self.pageByteCount
        let allowed = share < 1 ? Int(Double(limit) * share) : limit
        let pages = state.withLock { state -> Pages? in
            guard state.used <= allowed - min(allowed, size), size <= allowed else { return nil }
            if let index = state.free.lastIndex(where: { $0.bytes.count == size }) {
                state.used += size
                return state.free.remove(at: index)
            }
            // Memory of another size is of no use any more: the task has changed.
            while state.allocated > limit - size, let other = state.free.popLast() {
                state.allocated -= other.bytes.count
                Self.unmap(other)
            }
            let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            guard let memory, memory != MAP_FAILED else { return nil }
            state.allocated += size
            state.used += size
            return Pages(bytes: UnsafeMutableRawBufferPointer(start: memory, count: size))
        }
        return pages.map { UpdateBuffer($0, count: count, owner: self) }
    }

    /// Gives to the system what is not in use, after a round.
    func trim() {
        state.withLock { state in
            for pages in state.free {
                state.allocated -= pages.bytes.count
                Self.unmap(pages)
            }
            state.free = []
        }
    }

    /// Bytes given out and kept.
    var allocated: Int { state.withLock { $0.allocated } }

    fileprivate func giveBack(_ pages: Pages) {
        state.withLock { state in
            state.used -= pages.bytes.count
            state.free.append(pages)
        }
    }

    private static func unmap(_ pages: Pages) {
        if let start = pages.bytes.baseAddress { munmap(start, pages.bytes.count) }
    }
}

/// The bytes of one update, or of a piece of one.
///
/// `@unchecked Sendable`: one thread at a time has the buffer. The event loop fills it, a thread of the spool pads it or
/// reads it back from its file, the round's owner adds it; each hands it on through a queue that orders the two, and
/// touches it no more.
final class UpdateBuffer: @unchecked Sendable {
    /// Number of bytes filled so far.
    private(set) var filled = 0
    private let pages: UpdateMemory.Pages
    private let capacity: Int
    private let owner: UpdateMemory

    fileprivate init(_ pages: UpdateMemory.Pages, count: Int, owner: UpdateMemory) {
        self.pages = pages
        capacity = count
        self.owner = owner
    }

    deinit { owner.giveBack(pages) }

    /// Adds to the end; false where the update would become longer than was said.
    func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= capacity - filled else { return false }
        UnsafeMutableRawBufferPointer(rebasing: pages.bytes[filled..<filled + bytes.count])
            .copyMemory(from: bytes)
        filled += bytes.count
        return true
    }

    /// Bytes that still fit.
    var space: Int { capacity - filled }

    /// Forgets what is filled.
    func clear() { filled = 0 }

    /// Takes bytes from a file that is read past the page cache, until the buffer is full; false, with the reason in
    /// `errno`, where they cannot be read or are too few.
    func fill(from descriptor: Int32) -> Bool {
        filled = 0
        while filled < capacity {
            let rest = UnsafeMutableRawBufferPointer(rebasing: pages.bytes[filled...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(filled))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            filled = min(capacity, filled + count)
        }
        return true
    }

    /// What is filled. Valid while the buffer is referenced.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: pages.bytes[..<filled]) }

    /// What is filled, and zeros up to the end of the last page.
    func padded() -> UnsafeRawBufferPointer {
        let end =
            (filled + UpdateMemory.pageByteCount - 1) / UpdateMemory.pageByteCount
            * UpdateMemory.pageByteCount
        UnsafeMutableRawBufferPointer(rebasing: pages.bytes[filled..<end]).initializeMemory(
            as: UInt8.self, repeating: 0)
        return UnsafeRawBufferPointer(rebasing: pages.bytes[..<end])
    }
}
