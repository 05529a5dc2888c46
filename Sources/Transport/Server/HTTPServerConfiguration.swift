package import HTTPWire

/// How long a server waits for whom. All in milliseconds.
package struct ServerTimeouts: Sendable, Equatable {
    /// From accepting a connection to the end of the handshake.
    package var handshake: UInt64 = 10_000
    /// From the first byte of a head to its last, however slowly they drip.
    package var head: UInt64 = 10_000
    /// Between two requests on one connection.
    package var idle: UInt64 = 90_000
    /// In each such window at least `minimumBytes` of a body must arrive, or of a response leave.
    package var window: UInt64 = 10_000
    /// Fewest bytes in a window.
    package var minimumBytes = 4096
    /// From the end of a request to the handler's answer, long polls included.
    package var answer: UInt64 = 120_000
    /// From the last byte of the last response to the peer's close.
    package var linger: UInt64 = 2_000

    /// The defaults above.
    package init() {}
}

/// What a server listens on and what it may use.
package struct HTTPServerConfiguration: Sendable, Equatable {
    /// Numeric address and port.
    package var listen: SocketEndpoint
    /// Event loops, each with its thread; one per core is right.
    package var loops: Int
    /// Limits of one request; a handler narrows the body's further.
    package var limits = HTTPLimits()
    /// Waiting times.
    package var timeouts = ServerTimeouts()
    /// Most connections at once; more are closed before any handshake.
    package var maximumConnections = 10_000
    /// Most connections of one certificate, or of one address among those without.
    package var maximumConnectionsPerPeer = 16
    /// Most request-body bytes that handlers hold at once; beyond it bodies are answered with 503.
    package var bodyBytesInFlight = 256 << 20
    /// `Retry-After` of such answers, in seconds.
    package var retryAfterSeconds = 5

    /// The only paths that answer a client without a certificate, where certificates are optional (enrolment);
    /// nil when the handler decides.
    package var pathsWithoutCertificate: Set<String>?

    /// Listens on `listen` with `loops` threads.
    package init(listen: SocketEndpoint, loops: Int = 2) {
        self.listen = listen
        self.loops = loops
    }
}
