/// What is going on on a connection. At most one request is in the works.
enum ConnectionPhase {
    case handshake
    /// Waiting for, or in the middle of, a head.
    case head
    /// Reading a body into the sink.
    case body(any BodySink)
    /// The handler has the request.
    case answer
    /// A complete response is being sent.
    case send
    /// A response of unknown length is being sent; `finished` when its end is queued.
    case stream(ResponseStream, finished: Bool)
    /// Everything was said; what the peer still sends is thrown away until it closes, so that the kernel
    /// does not answer it with a reset that destroys the response on its way.
    case linger
    case closed

    /// Whether a request is being read.
    var isReading: Bool {
        switch self {
        case .head, .body: true
        default: false
        }
    }

    /// Whether what the peer sends is read: a request, or one too early.
    var takesInput: Bool {
        switch self {
        case .head, .body, .answer, .stream: true
        default: false
        }
    }

    /// What the socket is watched for; nil where that does not change here. Input is not watched while a response is sent,
    /// or a client that sends without reading would keep the loop spinning.
    func interest(hasOutput: Bool) -> EventQueue.Readiness? {
        switch self {
        case .handshake, .closed: nil
        case .head, .body, .answer, .stream:
            hasOutput ? [.read, .write, .peerClosed] : [.read, .peerClosed]
        case .send: .write
        case .linger: [.read, .peerClosed]
        }
    }

    /// Tells the body's sink or the stream's writer that the request ends without its answer.
    func abandon() {
        switch self {
        case .body(let sink): sink.abandon()
        case .stream(let stream, _): stream.disconnect()
        default: break
        }
    }

    /// What to do when the phase has taken too long.
    enum Overdue {
        /// Observers hear of it under this name, and the connection closes.
        case giveUp(String)
        /// Observers hear of it, the peer is told why, and the connection closes.
        case refuse(observed: String, HTTPResponse)
        /// The handler has lost its right to answer.
        case answerInstead(HTTPResponse)
        /// Enough has moved: another window begins.
        case goOn
        case close
        case nothing
    }

    /// What to do now that the phase has taken too long.
    /// - Parameters:
    ///   - isIdle: whether no byte of a next request was seen.
    ///   - hasOutput: whether something waits to be sent.
    ///   - hasMoved: whether the ending window saw enough bytes.
    /// - Returns: what the connection is to do.
    func overdue(isIdle: Bool, hasOutput: Bool, hasMoved: Bool) -> Overdue {
        switch self {
        case .handshake: .giveUp("handshake")
        case .head where isIdle: .giveUp("idle")
        case .head: .refuse(observed: "head", .text(408, "the request head took too long"))
        case .body where hasMoved: .goOn
        case .body: .refuse(observed: "body", .text(408, "the body came too slowly"))
        case .answer: .answerInstead(.text(504, "the answer took too long"))
        case .stream where !hasOutput: .nothing
        case .send, .stream: hasMoved ? .goOn : .giveUp("response")
        case .linger: .close
        case .closed: .nothing
        }
    }
}
