package import HTTPWire

/// Where a resumable download goes, in memory or in a file that outlives the process.
package protocol DownloadTarget: AnyObject {
    /// Bytes that are there already, from the beginning.
    var received: Int { get }
    /// The entity tag that they belong to, with its quotes; nil when `received` is 0.
    var tag: String? { get }
    /// Begins anew: drops what is there. `tag` is that of what follows, `total` its bytes.
    /// - Throws: `ClientError.rejected` when that is not wanted, for instance too long.
    func begin(tag: String?, total: Int) throws(ClientError)
    /// Adds bytes.
    func append(_ bytes: UnsafeRawBufferPointer) throws(ClientError)
}

/// How a download ended.
package enum DownloadOutcome: Sendable, Equatable {
    /// The target is complete.
    case complete
    /// The server has nothing newer than `If-None-Match` named.
    case unchanged
    /// The server answered otherwise, for instance 404 or 409.
    case refused(status: Int, reason: String)
}

extension HTTPClient {
    /// Downloads a path into `target`. After a failure goes on where it stopped, if the representation is still
    /// the same (`Range` with `If-Range`), else begins anew. Attempts without any progress are limited by the
    /// retry policy.
    package func download(
        _ path: String, headers: HTTPHeaders = HTTPHeaders(), into target: any DownloadTarget
    ) throws(ClientError) -> DownloadOutcome {
        try retrying { failures throws(ClientError) in
            var request = ClientRequest(.get, path, headers: headers)
            let start = target.received
            if start > 0, let tag = target.tag {
                request.headers["Range"] = "bytes=\(start)-"
                request.headers["If-Range"] = tag
            }
            let sink = DownloadSink(target)
            do throws(ClientError) {
                let head = try exchange(request, into: sink)
                return try outcome(of: head, sink)
            } catch {
                if target.received > start, sink.progressed { failures = 0 }
                throw error
            }
        }
    }

    private func outcome(
        of head: HTTPResponseHead, _ sink: DownloadSink
    ) throws(ClientError) -> DownloadOutcome {
        switch head.status {
        case 200, 206: return .complete
        case 304: return .unchanged
        case 401, 403: throw .authentication(status: head.status, reason: sink.reason)
        case let status where RetryPolicy.retriedStatuses.contains(status):
            lastRetryAfter = RetryPolicy.retryAfter(
                head.headers["retry-after"], now: MonotonicClock.secondsSince1970())
            throw .status(status, reason: sink.reason)
        default: return .refused(status: head.status, reason: sink.reason)
        }
    }
}

/// Passes the bytes of a 200 or 206 on to the target, and keeps the beginning of an error's body.
private final class DownloadSink: ResponseSink {
    private let target: any DownloadTarget
    private var isContent = false
    private var error: [UInt8] = []
    /// Whether any byte was added.
    private(set) var progressed = false

    /// Fills `target`.
    init(_ target: any DownloadTarget) { self.target = target }

    /// The first line of an error's body.
    var reason: String {
        String(decoding: error.prefix { $0 != 0x0A }.filter(HTTPCharacters.isFieldValue), as: UTF8.self)
    }

    /// Checks that what comes is what was asked for.
    func begin(_ head: HTTPResponseHead) throws(ClientError) {
        switch head.status {
        case 200:
            guard case .fixed(let count) = head.bodyLength else {
                guard head.bodyLength == .none else { throw .protocolViolation(.missingLength) }
                try target.begin(tag: head.headers["etag"], total: 0)
                return
            }
            try target.begin(tag: head.headers["etag"], total: count)
            isContent = true
        case 206:
            // Only the range that was asked for, of the same representation, may be added.
            let expected = "bytes \(target.received)-"
            guard let range = head.headers["content-range"], range.hasPrefix(expected),
                head.headers["etag"] == target.tag, case .fixed = head.bodyLength
            else { throw .inconsistentDownload("the server sent another range than asked for") }
            isContent = true
        default: isContent = false
        }
    }

    /// Passes content on.
    func receive(_ bytes: UnsafeRawBufferPointer) throws(ClientError) {
        guard isContent else {
            error.append(contentsOf: bytes.prefix(max(0, 200 - error.count)))
            return
        }
        try target.append(bytes)
        progressed = true
    }
}

/// A download into memory.
package final class MemoryDownload: DownloadTarget {
    /// The bytes so far.
    package private(set) var bytes: [UInt8] = []
    /// The tag of the bytes so far.
    package private(set) var tag: String?
    private let limit: Int

    /// Accepts at most `limit` bytes.
    package init(limit: Int) { self.limit = limit }

    /// Bytes so far.
    package var received: Int { bytes.count }

    /// Begins anew, if that many bytes are accepted.
    package func begin(tag: String?, total: Int) throws(ClientError) {
        guard total <= limit else { throw .responseTooLarge(limit: limit) }
        self.tag = tag
        bytes = []
        bytes.reserveCapacity(total)
    }

    /// Adds bytes up to the limit.
    package func append(_ more: UnsafeRawBufferPointer) throws(ClientError) {
        guard bytes.count + more.count <= limit else { throw .responseTooLarge(limit: limit) }
        bytes.append(contentsOf: more)
    }
}
