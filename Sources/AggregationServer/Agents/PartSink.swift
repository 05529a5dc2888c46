internal import Transport

/// Adds a part to what there is of its report.
final class PartSink: BodySink {
    private let lease: PartShelf.Lease
    private let shelf: PartShelf
    private let storageFailed: (Int32) -> Void
    private let complete: () -> Void

    /// Calls `complete` on the loop when all has come. `storageFailed` is told the system's error number when nothing can be
    /// added.
    init(
        _ lease: PartShelf.Lease, _ shelf: PartShelf, storageFailed: @escaping (Int32) -> Void,
        complete: @escaping () -> Void
    ) {
        self.lease = lease
        self.shelf = shelf
        self.storageFailed = storageFailed
        self.complete = complete
    }

    func receive(_ bytes: UnsafeRawBufferPointer) -> BodyVerdict {
        switch lease.append(bytes) {
        case .added: return .more
        case .over:
            return .stop(.refusal(503, "busy", "another request adds to this report", retryAfter: 1))
        case .failed(let code):
            // A part would keep the disk full that others wait for.
            shelf.give(back: lease, removing: true)
            storageFailed(code)
            return .stop(.refusal(503, "storage", "the server cannot keep the update", retryAfter: 15))
        }
    }

    func finish() -> BodyOutcome {
        complete()
        return .later
    }

    func abandon() { shelf.give(back: lease) }
}

/// Takes a part of a report that was accepted before: nothing of it is needed.
final class IgnoringSink: BodySink {
    private let complete: () -> Void

    /// Calls `complete` on the loop when all has come.
    init(_ complete: @escaping () -> Void) { self.complete = complete }

    func receive(_ bytes: UnsafeRawBufferPointer) -> BodyVerdict { .more }

    func finish() -> BodyOutcome {
        complete()
        return .later
    }

    func abandon() {}
}
