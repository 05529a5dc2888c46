internal import Glibc

/// One TLS connection of a client: blocking calls with deadlines over a non-blocking socket.
final class ClientConnection {
    private let descriptor: Int32
    private let session: TLSSession
    private let cancellation: CancellationSignal
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 64)
    /// The unread part of `buffer`.
    private var unread = 0..<0

    /// Connects, through the proxy if there is one, and shakes hands, all until `deadline`.
    init(
        _ configuration: HTTPClientConfiguration, resuming: ResumableSession?,
        cancellation: CancellationSignal
    ) throws(ClientError) {
        let deadline = MonotonicClock.milliseconds() + configuration.connectTimeout
        let descriptor = try Self.connect(
            configuration.proxy ?? configuration.server, cancellation, until: deadline)
        do throws(ClientError) {
            if configuration.proxy != nil {
                try ProxyTunnel.open(
                    to: configuration.server, over: descriptor, cancellation, until: deadline)
            }
            do throws(TLSError) {
                session = try TLSSession(
                    clientOn: descriptor, context: configuration.tls, host: configuration.server.host,
                    resuming: resuming)
            } catch {
                throw ClientError.tls(TLSFault(error.description))
            }
        } catch {
            Socket.close(descriptor)
            buffer.deallocate()
            throw error
        }
        self.descriptor = descriptor
        self.cancellation = cancellation
        // All members are set: from here on `deinit` closes when the handshake throws.
        try complete("shake hands", until: deadline) { session.handshake() }
    }

    deinit {
        Socket.close(descriptor)
        buffer.deallocate()
    }

    /// Whether the handshake resumed an earlier session.
    var isResumed: Bool { session.isResumed }

    /// The session to resume later, once its ticket has come.
    var resumable: ResumableSession? { session.resumable }

    /// The server's verified chain as PEM.
    var verifiedChain: [[UInt8]] { session.verifiedChain }

    /// Whether an idle connection can carry another request. Reads what the server may have sent meanwhile:
    /// tickets are welcome, its goodbye or anything else is not.
    func isReusable() -> Bool {
        guard unread.isEmpty else { return false }
        return session.read(into: buffer) == .wantsRead
    }

    /// Says goodbye.
    func close() { session.shutdown() }

    /// Sends all of `bytes`. Stops early when the server answers before the end.
    /// - Parameters:
    ///   - bytes: what to send.
    ///   - stall: milliseconds without progress that are tolerated.
    /// - Returns: whether all was sent.
    /// - Throws: `ClientError` where the connection broke, stalled or was cancelled.
    func send(_ bytes: UnsafeRawBufferPointer, stall: UInt64) throws(ClientError) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            switch session.write(rest) {
            case .done(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .wantsWrite:
                let deadline = MonotonicClock.milliseconds() + stall
                guard let ready = try cancellation.wait(descriptor, for: POLLIN | POLLOUT, until: deadline)
                else { throw .timedOut("sending the request") }
                if ready & POLLIN != 0, try hasInput() { return false }
            case .wantsRead:
                let deadline = MonotonicClock.milliseconds() + stall
                guard try cancellation.wait(descriptor, for: POLLIN, until: deadline) != nil else {
                    throw .timedOut("sending the request")
                }
            case .closed: throw .network("the server closed the connection while the request was sent")
            case .failed(let fault):
                // The answer may have come before the reset.
                if (try? hasInput()) == true { return false }
                throw Self.failure(fault)
            }
        }
        return true
    }

    /// Whether decrypted bytes wait, after trying to read some.
    private func hasInput() throws(ClientError) -> Bool {
        guard unread.isEmpty else { return true }
        switch session.read(into: buffer) {
        case .done(let count): unread = 0..<count
        case .wantsRead, .wantsWrite: break
        case .closed: throw .network("the server closed the connection")
        case .failed(let fault): throw Self.failure(fault)
        }
        return !unread.isEmpty
    }

    /// Waits until bytes have come.
    /// - Returns: false at the deadline.
    func waitForInput(until deadline: UInt64) throws(ClientError) -> Bool {
        while try !hasInput() {
            guard try cancellation.wait(descriptor, for: POLLIN, until: deadline) != nil else { return false }
        }
        return true
    }

    /// Hands unread bytes to `body`, which returns how many it took.
    func withInput(
        _ body: (UnsafeRawBufferPointer) throws(ClientError) -> Int
    ) throws(ClientError) {
        let count = try body(UnsafeRawBufferPointer(rebasing: buffer[unread]))
        unread = (unread.lowerBound + count)..<unread.upperBound
    }

    private func complete(
        _ doing: String, until deadline: UInt64, _ operation: () -> TLSOutcome
    ) throws(ClientError) {
        while true {
            let events: Int32
            switch operation() {
            case .done: return
            case .wantsRead: events = POLLIN
            case .wantsWrite: events = POLLOUT
            case .closed: throw .network("the server closed the connection")
            case .failed(let fault) where Self.isNetwork(fault.text): throw .network(fault.text)
            case .failed(let fault): throw .tls(fault)
            }
            guard try cancellation.wait(descriptor, for: events, until: deadline) != nil else {
                throw .timedOut(doing)
            }
        }
    }

    /// After the handshake a refusal by the server arrives as an alert (TLS 1.3 lets the client finish first);
    /// other failures are the network's.
    private static func failure(_ fault: TLSFault) -> ClientError {
        fault.isOwn || fault.text.contains("alert") ? .tls(fault) : .network(fault.text)
    }

    private static func isNetwork(_ reason: String) -> Bool {
        reason == "connection closed" || reason.contains("unexpected eof")
            || reason == SocketError.text(ECONNRESET) || reason == SocketError.text(EPIPE)
    }

    private static func connect(
        _ endpoint: SocketEndpoint, _ cancellation: CancellationSignal, until deadline: UInt64
    ) throws(ClientError) -> Int32 {
        var last = ClientError.network("\(endpoint.host) has no address")
        let addresses: [ResolvedAddress]
        do throws(SocketError) {
            addresses = try Socket.resolve(endpoint, listening: false)
        } catch {
            throw .network(error.description)
        }
        for address in addresses {
            let descriptor: Int32
            do throws(SocketError) {
                descriptor = try Socket.make(family: address.family)
            } catch {
                last = .network(error.description)
                continue
            }
            do throws(ClientError) {
                try connect(descriptor, address, endpoint, cancellation, until: deadline)
                Socket.setOption(descriptor, Int(IPPROTO_TCP), TCP_NODELAY)
                return descriptor
            } catch {
                Socket.close(descriptor)
                guard error != .cancelled else { throw error }
                last = error
            }
        }
        throw last
    }

    private static func connect(
        _ descriptor: Int32, _ address: ResolvedAddress, _ endpoint: SocketEndpoint,
        _ cancellation: CancellationSignal, until deadline: UInt64
    ) throws(ClientError) {
        let result = address.withPointer { Glibc.connect(descriptor, $0, $1) }
        if result == 0 { return }
        guard errno == EINPROGRESS else {
            throw .network(SocketError(doing: "connect to \(endpoint)").description)
        }
        guard try cancellation.wait(descriptor, for: POLLOUT, until: deadline) != nil else {
            throw .timedOut("connecting to \(endpoint)")
        }
        var code: Int32 = 0
        var count = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &count)
        guard code == 0 else {
            throw .network(SocketError(doing: "connect to \(endpoint)", code: code).description)
        }
    }
}
