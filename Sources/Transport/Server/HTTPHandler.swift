package import HTTPWire

/// A request whose head is complete.
package struct HTTPRequest: Sendable {
    /// Method, target and fields.
    package let head: HTTPRequestHead
    /// The identity by certificate, looked at again for this request; nil where none is required.
    package let peer: PeerIdentity?
    /// Numeric address of the client.
    package let address: String
}

/// Answers requests. Called on the event loops, many at once: must not block, and passes what takes long to
/// another thread, keeping the responder.
package protocol HTTPHandler: Sendable {
    /// Decides about a request once its head is complete. `responder` may be kept only with `.later`, or by a
    /// sink that will say `.later`.
    func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision
}

/// What a handler wants done.
package enum RequestDecision {
    /// Answer at once. A body is not read, and the connection is closed.
    case respond(HTTPResponse)
    /// The kept responder will answer. Only for requests without a body.
    case later
    /// Read the body into `sink`.
    /// - `limit`: most bytes this path accepts; 413 beyond, before anything is read when the length is stated.
    /// - `reserving`: bytes that the sink will hold, counted against the bytes in flight; nil for all of them.
    case receive(limit: Int, reserving: Int?, sink: any BodySink)
}

/// Takes a body piece by piece on the connection's loop. Exactly one of `finish` and `abandon` ends it, unless
/// `receive` stopped it.
package protocol BodySink: AnyObject {
    /// Takes the next bytes, which are valid only during the call: they lie in the loop's buffer, into which TLS
    /// decrypted them.
    func receive(_ bytes: UnsafeRawBufferPointer) -> BodyVerdict
    /// The body is complete.
    func finish() -> BodyOutcome
    /// The body will not be completed: the peer left, was too slow, or broke a rule.
    func abandon()
}

/// What a sink thinks of the bytes so far.
package enum BodyVerdict {
    /// Go on.
    case more
    /// Stop reading, answer and close.
    case stop(HTTPResponse)
}

/// What a sink wants done after a complete body.
package enum BodyOutcome {
    /// Answer at once.
    case respond(HTTPResponse)
    /// The kept responder will answer.
    case later
}

/// A sink that collects a whole body, for documents of modest size.
package final class CollectingSink: BodySink {
    private var bytes: [UInt8] = []
    private let completion: ([UInt8]) -> BodyOutcome

    /// Calls `completion` with the complete body, on the loop.
    package init(_ completion: @escaping ([UInt8]) -> BodyOutcome) { self.completion = completion }

    /// Keeps the bytes.
    package func receive(_ bytes: UnsafeRawBufferPointer) -> BodyVerdict {
        self.bytes.append(contentsOf: bytes)
        return .more
    }

    /// Calls the completion.
    package func finish() -> BodyOutcome {
        defer { bytes = [] }
        return completion(bytes)
    }

    /// Drops the bytes.
    package func abandon() { bytes = [] }
}
