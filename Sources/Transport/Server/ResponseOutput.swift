internal import HTTPWire

/// What waits to be sent to a peer: heads as bytes, bodies and chunks in order, written record by record.
struct ResponseOutput {
    /// How far writing came.
    enum Progress {
        /// Nothing waits any more.
        case emptied
        /// The socket takes no more now, or others have their turn.
        case waits
        /// The peer has gone.
        case closed
    }

    private var queue = OutputQueue()

    /// Records written in one turn before other connections are served.
    private static let recordsPerTurn = 32

    /// Whether nothing waits.
    var isEmpty: Bool { queue.isEmpty }

    /// Tells a client that waits before it sends its body to go on.
    mutating func appendContinue() { queue.append(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }

    /// Adds a whole response; to a HEAD request without its body.
    mutating func append(
        _ response: HTTPResponse, to method: HTTPMethod?, keepsAlive: Bool
    ) throws(HTTPFieldError) {
        let length = response.body.count
        let head = try HTTPSerializer.head(
            of: response, length: length > 0 ? .fixed(length) : .none, keepAlive: keepsAlive,
            date: MonotonicClock.secondsSince1970())
        queue.append(head: head, body: method == .head ? .empty : response.body)
    }

    /// Adds the head of a response in chunks.
    mutating func appendHead(ofStream response: HTTPResponse, keepsAlive: Bool) throws(HTTPFieldError) {
        queue.append(
            try HTTPSerializer.head(
                of: response, length: .chunked, keepAlive: keepsAlive,
                date: MonotonicClock.secondsSince1970()))
    }

    /// Adds a chunk, for which its stream gets room again when it has left.
    mutating func appendChunk(_ bytes: [UInt8]) {
        queue.append(HTTPSerializer.chunkHeader(bytes.count) + bytes + [0x0D, 0x0A], credit: bytes.count)
    }

    /// Adds the end of the chunks.
    mutating func appendLastChunk() { queue.append(Array("0\r\n\r\n".utf8)) }

    /// Writes what waits, as far as the socket takes it, and calls `moved` for each record with its bytes and the room that
    /// a stream gets back.
    mutating func write(to session: TLSSession, moved: (_ bytes: Int, _ credit: Int) -> Void) -> Progress {
        var records = 0
        while !queue.isEmpty {
            guard records < Self.recordsPerTurn else { return .waits }
            records += 1
            switch queue.withFront(session.write) {
            case .done(let count): moved(count, queue.consume(count))
            case .wantsRead, .wantsWrite: return .waits
            case .closed, .failed: return .closed
            }
        }
        return .emptied
    }
}
