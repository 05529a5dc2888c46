package import HTTPWire

/// What a server has to tell, for logs and counters. Reported on event loops: the observer must not block.
package enum TransportEvent: Sendable, Equatable {
    /// A connection was accepted.
    case accepted
    /// A connection ended.
    case closed
    /// A connection was turned away, for one of the connection limits.
    case turnedAway(address: String, reason: String)
    /// A handshake succeeded. `peer` is the certificate's fingerprint in hexadecimal.
    case handshake(address: String, peer: String?, resumed: Bool, microseconds: UInt64)
    /// A handshake failed; the reason is OpenSSL's, with the verifier's.
    case handshakeFailed(address: String, reason: String)
    /// Bytes that are no acceptable request.
    case refused(address: String, peer: String?, refusal: HTTPRefusal)
    /// A request by a certificate that is revoked or expired, on a connection made before, or by a client without
    /// one (`peer` is empty) where one is needed.
    case identityRefused(address: String, peer: String, reason: String)
    /// A body was turned away because too many bytes are in flight.
    case overloaded(address: String, bytes: Int)
    /// A connection was closed for slowness, in the named phase.
    case timedOut(address: String, phase: String)
    /// A request was answered.
    case answered(Answered)
    /// A handler gave a response that may not be sent; the peer got 500.
    case invalidResponse(path: String, reason: String)
    /// Certificates, keys or revocations were loaded anew.
    case tlsReloaded
    /// They could not be; the old ones stay in use.
    case tlsReloadFailed(reason: String)
    /// Accepting pauses for a moment: the process is out of descriptors or memory.
    case acceptPaused(reason: String)

    /// One answered request.
    package struct Answered: Sendable, Equatable {
        /// The method.
        package let method: HTTPMethod
        /// The decoded path.
        package let path: String
        /// The status of the answer.
        package let status: Int
        /// Body bytes received.
        package let bytesIn: Int
        /// Body bytes of the answer; zero for a stream.
        package let bytesOut: Int
        /// From the end of the head to the answer being handed to the connection.
        package let microseconds: UInt64
        /// Fingerprint of the certificate in hexadecimal.
        package let peer: String?
        /// Numeric address of the client.
        package let address: String
        /// What logs call the request.
        package let request: RequestID
    }
}
