/// A connection's socket with its TLS session, and what the loop watches it for.
struct ConnectionSocket {
    /// The TLS session on the socket.
    let session: TLSSession
    /// The loop's name for the connection.
    let key: UInt64
    private let descriptor: Int32
    private unowned let queue: EventQueue
    private var interest: EventQueue.Readiness = [.read, .peerClosed]
    /// Bytes thrown away while lingering.
    private var discardedBytes = 0

    /// Bytes thrown away at most while lingering.
    private static let lingerLimit = 64 << 20

    /// An accepted socket that `queue` watches for reading under `key`.
    init(_ descriptor: Int32, session: TLSSession, key: UInt64, queue: EventQueue) {
        self.descriptor = descriptor
        self.session = session
        self.key = key
        self.queue = queue
    }

    /// Watches the socket for what is wanted now.
    mutating func watch(for wanted: EventQueue.Readiness) {
        guard wanted != interest else { return }
        interest = wanted
        queue.change(descriptor, key: key, for: wanted)
    }

    /// Throws away what a peer sends that was told to go.
    /// - Returns: whether the peer has closed, or sent more than anybody should.
    mutating func discardInput(into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        while let count = Socket.receive(descriptor, into: buffer) {
            discardedBytes += count
            if count == 0 || discardedBytes > Self.lingerLimit { return true }
        }
        return false
    }

    /// Says that nothing more will be sent.
    func endOutput() { Socket.endOutput(descriptor) }

    /// Closes the socket; the value is of no use then.
    func close() {
        queue.remove(descriptor)
        Socket.close(descriptor)
    }
}
