internal import HTTPWire

/// Reads one request after another. One without a body counts only when the parser has seen its end, and nothing may follow
/// a request before it is answered.
struct RequestReader {
    /// What was found in the input.
    enum Step {
        /// All input is consumed; the request needs more.
        case needsInput
        /// A head. Its body follows; where it has none, the request is complete.
        case request(HTTPRequestHead)
        /// The next body bytes, as a range of the input.
        case body(Range<Int>)
        /// The body is complete.
        case bodyEnded
    }

    private var parser: HTTPRequestParser
    /// A head without body whose end the parser has not confirmed yet.
    private var pendingHead: HTTPRequestHead?

    /// A reader that stores at most what `limits` allow.
    init(limits: HTTPLimits) { parser = HTTPRequestParser(limits: limits) }

    /// Most body bytes of the current request.
    var bodyLimit: Int {
        get { parser.bodyLimit }
        set { parser.bodyLimit = newValue }
    }

    /// Whether no byte of a next request was seen.
    var isIdle: Bool { parser.isIdle }

    /// The next step in `input[position...]`; advances `position` over what was consumed.
    /// - Throws: `HTTPRefusal`; the connection is of no use then.
    mutating func next(
        _ input: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(HTTPRefusal) -> Step {
        while true {
            switch try parser.next(input, &position) {
            case .needsInput: return .needsInput
            case .head(let head) where head.bodyLength == .none: pendingHead = head
            case .head(let head): return .request(head)
            case .body(let range): return .body(range)
            case .end:
                guard position == input.count else { throw .pipelined }
                guard let head = pendingHead else { return .bodyEnded }
                pendingHead = nil
                return .request(head)
            }
        }
    }
}
