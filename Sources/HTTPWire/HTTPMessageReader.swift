/// What a parser found next in its input.
package enum HTTPEvent<Head: Sendable>: Sendable {
    /// All input is consumed; the message needs more.
    case needsInput
    /// The head is complete.
    case head(Head)
    /// The next body bytes, as a range of the input given.
    case body(Range<Int>)
    /// The message is complete. The next call begins another.
    case end
}

/// The part that requests and responses share: start line, headers, body, one message after another.
/// Sans-IO and incremental: it sees bytes, never a socket, and gives the same events for every splitting of
/// them, but for where body ranges are cut.
struct HTTPMessageReader: Sendable {
    private enum State {
        case startLine
        case headers
        case body(BodyReader)
        case refused(HTTPRefusal)
    }

    /// What was read before the caller must interpret it.
    enum Step {
        case needsInput
        case startLine([UInt8])
        case headers(HTTPHeaders)
        case body(Range<Int>)
        case end
    }

    private var state = State.startLine
    private var lines = LineReader()
    private var headers = HeaderReader()
    /// The limits; `bodyBytes` may be narrowed after the head.
    var limits: HTTPLimits

    /// A reader before its first message.
    init(limits: HTTPLimits) { self.limits = limits }

    /// Whether the reader stands between two messages, with no byte of the next one seen.
    var isIdle: Bool { if case .startLine = state { lines.isEmpty } else { false } }

    /// Says how the body of the message whose headers were returned is framed.
    mutating func expectBody(_ length: BodyLength) throws(HTTPRefusal) {
        if case .fixed(let count) = length, count > limits.bodyBytes { throw refuse(.bodyTooLarge) }
        state = .body(BodyReader(length))
    }

    /// Drops the rest of this message and expects another start line (after a 1xx response).
    mutating func expectStartLine() { state = .startLine }

    /// Remembers `refusal`, which every later call throws again, and returns it.
    mutating func refuse(_ refusal: HTTPRefusal) -> HTTPRefusal {
        state = .refused(refusal)
        return refusal
    }

    /// The next step from `input[position...]`; advances `position` over what it consumed.
    mutating func next(
        _ input: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(HTTPRefusal) -> Step {
        precondition((0...input.count).contains(position), "position outside the input")
        do throws(HTTPRefusal) {
            return try step(input, &position)
        } catch {
            throw refuse(error)
        }
    }

    private mutating func step(
        _ input: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(HTTPRefusal) -> Step {
        switch state {
        case .refused(let refusal): throw refusal
        case .startLine:
            let limit = limits.startLineBytes
            guard let line = try lines.next(input, &position, limit: limit, tooLong: .startLineTooLong)
            else { return .needsInput }
            state = .headers
            return .startLine(line)
        case .headers:
            guard let fields = try headers.next(input, &position, limits: limits) else { return .needsInput }
            state = .body(BodyReader(.none))
            return .headers(fields)
        case .body(var body):
            let range = try body.next(input, &position, limit: limits.bodyBytes)
            state = .body(body)
            if let range { return .body(range) }
            guard body.isDone else { return .needsInput }
            state = .startLine
            return .end
        }
    }

    /// The framing that the headers state, by the strict rules: a plain number or `chunked`, never both.
    static func bodyLength(_ headers: HTTPHeaders) throws(HTTPRefusal) -> BodyLength? {
        if let encoding = headers["transfer-encoding"] {
            guard headers["content-length"] == nil else { throw .ambiguousLength }
            guard encoding.utf8.map(HTTPCharacters.lowercased).elementsEqual("chunked".utf8) else {
                throw .unsupportedTransferEncoding
            }
            return .chunked
        }
        guard let text = headers["content-length"] else { return nil }
        guard let count = HTTPCharacters.decimal(text.utf8) else { throw .malformedContentLength }
        return count == 0 ? BodyLength.none : .fixed(count)
    }
}
