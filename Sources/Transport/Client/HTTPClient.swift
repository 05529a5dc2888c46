package import HTTPWire

/// Where a client connects, and how patiently.
package struct HTTPClientConfiguration: Sendable {
    /// The server. Its host must be in its certificate.
    package var server: SocketEndpoint
    /// An HTTP proxy to tunnel through, if any.
    package var proxy: SocketEndpoint?
    /// Trust and credentials.
    package var tls: TLSContext
    /// Milliseconds for connecting, tunnel and handshake together.
    package var connectTimeout: UInt64 = 15_000
    /// Milliseconds without any progress of a body in either direction.
    package var stallTimeout: UInt64 = 60_000
    /// Bodies above this many bytes wait for `100 Continue`, so that a refusal costs no upload.
    package var expectAbove = 64 << 10
    /// Limits of the response's head.
    package var limits = HTTPLimits(bodyBytes: .max)
    /// Times and chances of retries.
    package var retry = RetryPolicy()

    /// A client of `server`.
    package init(server: SocketEndpoint, tls: TLSContext, proxy: SocketEndpoint? = nil) {
        self.server = server
        self.tls = tls
        self.proxy = proxy
    }
}

/// A blocking HTTPS client with one connection, kept open between requests. For one thread at a time, one that
/// may block; `cancellation` interrupts it from any other.
package final class HTTPClient {
    /// Settings; changes of server, proxy or TLS take effect with the next connection (`disconnect`).
    package var configuration: HTTPClientConfiguration
    /// Ends what this client waits for.
    package let cancellation: CancellationSignal
    /// Random numbers in [0, 1) for the jitter of retries.
    package var random: () -> Double = { Double.random(in: 0..<1) }
    /// Told of each failed attempt and the milliseconds until the next.
    package var onRetry: (ClientError, UInt64) -> Void = { _, _ in }

    /// Bounds how fast bodies move; nil: as fast as they can.
    package var pace: TransferPace?
    /// Told whenever bytes of a body have moved.
    package var onProgress: () -> Void = {}

    /// Connections made so far, and how many of them resumed a session.
    package private(set) var connectionsMade = (all: 0, resumed: 0)

    private var connection: ClientConnection?
    private var session: ResumableSession?

    /// Connects with the first request.
    package convenience init(_ configuration: HTTPClientConfiguration) throws(SocketError) {
        try self.init(configuration, cancellation: CancellationSignal())
    }

    /// The same, interrupted by a signal that others may share.
    package init(
        _ configuration: HTTPClientConfiguration, cancellation: CancellationSignal
    ) throws(SocketError) {
        _ = NetworkProcess.ignoresBrokenPipes
        self.configuration = configuration
        self.cancellation = cancellation
    }

    /// Closes the connection; the session may still be resumed.
    package func disconnect() {
        connection?.close()
        connection = nil
    }

    /// Uses other credentials or trust from the next connection on, without the old session.
    package func replace(tls: TLSContext) {
        configuration.tls = tls
        session = nil
        disconnect()
    }

    /// The server's verified certificate chain as PEM, its own first and the authority last. Connects if need
    /// be, without resuming, and sends no request: for enrolment, where the authority is known by fingerprint.
    package func serverChain() throws(ClientError) -> [[UInt8]] {
        session = nil
        disconnect()
        return try connect().verifiedChain
    }

    // MARK: One attempt

    /// Sends a request once and returns its answer, whatever the status.
    /// - Parameters:
    ///   - request: what to send.
    ///   - limit: most body bytes to accept.
    /// - Returns: head and body of the answer.
    /// - Throws: `ClientError` where no whole answer came.
    package func exchange(
        _ request: ClientRequest, limit: Int = 16 << 20
    ) throws(ClientError) -> ClientResponse {
        let sink = MemorySink(limit: limit)
        let head = try exchange(request, into: sink)
        return ClientResponse(head: head, body: sink.bytes)
    }

    /// Sends a request once and streams its answer into `sink`, whatever the status.
    package func exchange(
        _ request: ClientRequest, into sink: any ResponseSink
    ) throws(ClientError) -> HTTPResponseHead {
        if let connection, !connection.isReusable() { self.connection = nil }
        let isReused = connection != nil
        let exchange = self.exchange(of: request)
        do throws(ClientError) {
            return try run(exchange, sink)
        } catch {
            connection = nil
            // A server may close an idle connection just as a request leaves. Only that is tried again here,
            // and only where twice is the same as once.
            guard isReused, !exchange.sawResponse, request.method != .post, case .network = error else {
                throw error
            }
        }
        do throws(ClientError) {
            return try run(self.exchange(of: request), sink)
        } catch {
            connection = nil
            throw error
        }
    }

    private func exchange(of request: ClientRequest) -> ClientExchange {
        ClientExchange(request, configuration, pace: pace, cancellation, onProgress)
    }

    private func run(
        _ exchange: ClientExchange, _ sink: any ResponseSink
    ) throws(ClientError) -> HTTPResponseHead {
        let connection = try connect()
        let head = try exchange.run(on: connection, sink)
        session = connection.resumable ?? session
        if !exchange.keepsAlive { disconnect() }
        return head
    }

    private func connect() throws(ClientError) -> ClientConnection {
        if let connection { return connection }
        let made: ClientConnection
        do throws(ClientError) {
            made = try ClientConnection(configuration, resuming: session, cancellation: cancellation)
        } catch {
            // A ticket that no longer fits must not fail every later attempt too.
            session = nil
            throw error
        }
        // A ticket is used once (RFC 8446, C.4); the next comes with the answer.
        session = nil
        connectionsMade.all += 1
        if made.isResumed { connectionsMade.resumed += 1 }
        connection = made
        return made
    }

    // MARK: With retries

    /// Sends a request until it is answered with something other than "later", as the retry policy allows. The
    /// request must be safe to repeat.
    /// - Returns: the answer, of any status but 401, 403 and those that mean "later".
    /// - Throws: the last failure.
    package func perform(_ request: ClientRequest, limit: Int = 16 << 20) throws(ClientError)
        -> ClientResponse
    {
        try retrying { _ throws(ClientError) in
            let response = try exchange(request, limit: limit)
            try accept(response)
            return response
        }
    }

    /// Turns a status that is no answer into an error.
    func accept(_ response: ClientResponse) throws(ClientError) {
        if response.status == 401 || response.status == 403 {
            throw .authentication(status: response.status, reason: response.reason)
        }
        guard RetryPolicy.retriedStatuses.contains(response.status) else { return }
        lastRetryAfter = RetryPolicy.retryAfter(
            response.head.headers["retry-after"], now: MonotonicClock.secondsSince1970())
        throw .status(response.status, reason: response.reason)
    }

    /// What the last refused answer asked for.
    var lastRetryAfter: UInt64?

    /// Repeats `attempt` while its failures are transient and the policy has attempts left. `attempt` may set
    /// the count of failures back to zero when it made progress.
    func retrying<Result>(
        _ attempt: (inout Int) throws(ClientError) -> Result
    ) throws(ClientError) -> Result {
        var failures = 0
        while true {
            lastRetryAfter = nil
            do throws(ClientError) {
                return try attempt(&failures)
            } catch {
                failures += 1
                guard error.isTransient, failures < configuration.retry.attempts else { throw error }
                let delay = configuration.retry.delay(
                    after: failures, retryAfter: lastRetryAfter, random: random())
                onRetry(error, delay)
                try cancellation.sleep(milliseconds: delay)
            }
        }
    }
}

/// Collects a body in memory up to a limit.
private final class MemorySink: ResponseSink {
    /// The body so far.
    private(set) var bytes: [UInt8] = []
    private let limit: Int

    /// Accepts at most `limit` bytes.
    init(limit: Int) { self.limit = limit }

    /// Refuses a body that says it is too long.
    func begin(_ head: HTTPResponseHead) throws(ClientError) {
        if case .fixed(let count) = head.bodyLength, count > limit { throw .responseTooLarge(limit: limit) }
        bytes = []
    }

    /// Keeps bytes up to the limit.
    func receive(_ more: UnsafeRawBufferPointer) throws(ClientError) {
        guard bytes.count + more.count <= limit else { throw .responseTooLarge(limit: limit) }
        bytes.append(contentsOf: more)
    }
}
