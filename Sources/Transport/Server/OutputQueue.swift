/// Bytes that wait to be sent, in order, without copying shared ones.
struct OutputQueue {
    private enum Content {
        case bytes([UInt8])
        case shared(SharedBuffer)
    }

    private struct Piece {
        let content: Content
        var remaining: Range<Int>
        /// First byte of a shared buffer that was sent and is not released yet.
        var unreleased = 0
        /// Bytes to give back to a stream's room once the piece has left.
        let credit: Int
    }

    /// A body up to this size is put behind its head into one record.
    private static let coalesced = 8192
    /// A mapped file leaves memory in pieces of so many bytes as it is sent.
    private static let releasedBytes = 4 << 20

    private var pieces: [Piece] = []
    private var next = 0

    /// Whether nothing waits.
    var isEmpty: Bool { next == pieces.count }

    /// Adds bytes. `credit` is reported by `consume` when they have left.
    mutating func append(_ bytes: [UInt8], credit: Int = 0) {
        guard !bytes.isEmpty else { return }
        pieces.append(Piece(content: .bytes(bytes), remaining: 0..<bytes.count, credit: credit))
    }

    /// Adds a head and its body.
    mutating func append(head: [UInt8], body: HTTPBody) {
        switch body {
        case .empty: append(head)
        case .bytes(let bytes) where bytes.count <= Self.coalesced: append(head + bytes)
        case .bytes(let bytes):
            append(head)
            append(bytes)
        case .shared(let buffer, let range) where range.count <= Self.coalesced:
            append(head + buffer.bytes[range])
        case .shared(let buffer, let range):
            append(head)
            pieces.append(
                Piece(
                    content: .shared(buffer), remaining: range, unreleased: range.lowerBound, credit: 0))
        }
    }

    /// Calls `body` with the bytes to send next, which are not empty.
    func withFront<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let piece = pieces[next]
        switch piece.content {
        case .bytes(let bytes):
            return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[piece.remaining])) }
        case .shared(let buffer): return body(UnsafeRawBufferPointer(rebasing: buffer.bytes[piece.remaining]))
        }
    }

    /// Drops `count` bytes that were sent.
    /// - Returns: the credit of the piece if that was its end, else zero.
    mutating func consume(_ count: Int) -> Int {
        pieces[next].remaining.removeFirst(count)
        release()
        guard pieces[next].remaining.isEmpty else { return 0 }
        let credit = pieces[next].credit
        next += 1
        // Memory goes back as soon as nothing waits, and a long stream does not grow the array.
        if next == pieces.count || next >= 64 {
            pieces.removeFirst(next)
            next = 0
            if pieces.isEmpty { pieces = [] }
        }
        return credit
    }

    /// Releases what was sent of a long mapped file: a gigabyte that many agents load at once takes no gigabyte of
    /// memory. Files of one piece stay, they are asked for again.
    private mutating func release() {
        let piece = pieces[next]
        guard case .shared(let buffer) = piece.content, buffer.count > Self.releasedBytes else { return }
        let sent = piece.unreleased..<piece.remaining.lowerBound
        guard sent.count >= Self.releasedBytes || piece.remaining.isEmpty else { return }
        buffer.release(sent)
        pieces[next].unreleased = sent.upperBound
    }
}

extension Range where Bound == Int {
    /// Moves the lower bound up by `count`.
    fileprivate mutating func removeFirst(_ count: Int) { self = (lowerBound + count)..<upperBound }
}
