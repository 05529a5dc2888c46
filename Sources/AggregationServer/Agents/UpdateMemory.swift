internal import Glibc
internal import Synchronization

/// Page-aligned memory for updates on their way to the spool, bounded in all. What was given back is given out again:
/// the updates of a task have one size, and pages that are there already cost nothing.
final class UpdateMemory: Sendable {
    private struct State {
        /// Bytes given out and kept.
        var allocated = 0
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

    /// Memory for an update of `count` bytes; nil when that many are not to be had now.
    func take(_ count: Int) -> UpdateBuffer? {
        let (rounded, overflows) = count.addingReportingOverflow(Self.pageByteCount - 1)
        guard count > 0, !overflows else { return nil }
        let size = rounded / Self.pageByteCount * Self.pageByteCount
        let pages = state.withLock { state -> Pages? in
            if let index = state.free.lastIndex(where: { $0.bytes.count == size }) {
                return state.free.remove(at: index)
            }
            // Memory of another size is of no use any more: the task has changed.
            while state.allocated + size > limit, let other = state.free.popLast() {
                state.allocated -= other.bytes.count
                Self.unmap(other)
            }
            guard state.allocated + size <= limit else { return nil }
            let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            guard let memory, memory != MAP_FAILED else { return nil }
            state.allocated += size
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

    fileprivate func giveBack(_ pages: Pages) { state.withLock { $0.free.append(pages) } }

    private static func unmap(_ pages: Pages) {
        if let start = pages.bytes.baseAddress { munmap(start, pages.bytes.count) }
    }
}

/// The bytes of one update. Filled by one event loop; read-only once the update is complete.
///
/// `@unchecked Sendable`: the loop hands the buffer on when it writes no more, through a queue that orders the two.
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
