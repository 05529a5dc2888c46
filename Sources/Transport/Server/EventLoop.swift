internal import Synchronization

/// One thread's share of a server: accepts, and drives its connections. Made and used on that thread only.
final class EventLoop {
    private static let listenerKey = UInt64.max
    private static let mailboxKey = UInt64.max - 1
    /// Connections accepted in one turn before others are served.
    private static let acceptBatch = 32

    /// What the loops share.
    let shared: ServerShared
    /// The way in from other threads.
    let mailbox: Mailbox
    /// Watches the sockets.
    let queue: EventQueue
    /// Plain bytes of at most one TLS record; used by one connection at a time.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 64)
    /// Milliseconds of the monotonic clock at the begin of this turn.
    private(set) var now = MonotonicClock.milliseconds()
    /// Whether connections end with their next answer.
    private(set) var isDraining = false

    private var connections: [Connection?] = []
    private var generations: [UInt32] = []
    private var freeSlots: [Int] = []
    private var timers: TimerWheel
    private var unfinished: [UInt64] = []
    private var isAccepting = false
    private var drainDeadline = UInt64.max
    private var nextHousekeeping: UInt64 = 0
    /// One loop looks after files and pauses for all.
    private let isFirst: Bool

    /// A loop that watches listener and mailbox; runs with `run`.
    init(shared: ServerShared, mailbox: Mailbox, isFirst: Bool) throws(SocketError) {
        self.shared = shared
        self.mailbox = mailbox
        self.isFirst = isFirst
        timers = TimerWheel(now: MonotonicClock.milliseconds())
        queue = try EventQueue()
        try queue.add(mailbox.descriptor, key: Self.mailboxKey, for: .read)
        try accept(true)
    }

    deinit { readBuffer.deallocate() }

    /// Serves until the server is drained.
    func run() {
        while !(isDraining && (liveCount == 0 || now >= drainDeadline)) {
            var pause = unfinished.isEmpty ? timers.pause(from: now, limit: 1000) : 0
            if isDraining { pause = min(pause, 50) }
            let again = unfinished
            unfinished = []
            var hasMail = false
            queue.wait(milliseconds: Int32(pause)) { key, readiness in
                now = MonotonicClock.milliseconds()
                switch key {
                case Self.listenerKey: acceptBatch()
                case Self.mailboxKey: hasMail = true
                default: connection(key)?.ready(readiness)
                }
            }
            now = MonotonicClock.milliseconds()
            for key in again { connection(key)?.ready(.read) }
            if hasMail { for mail in mailbox.take() { perform(mail) } }
            fireTimers()
            if now >= nextHousekeeping { housekeep() }
        }
        end()
    }

    private var liveCount: Int { connections.count - freeSlots.count }

    private func end() {
        for connection in connections { connection?.close() }
        for case .adopt(let descriptor, _) in mailbox.end() {
            Socket.close(descriptor)
            shared.dismissConnection()
        }
    }

    // MARK: Connections

    private func connection(_ key: UInt64) -> Connection? {
        let slot = Int(key & 0xFFFF_FFFF)
        guard slot < connections.count, generations[slot] == UInt32(key >> 32) else { return nil }
        return connections[slot]
    }

    private func acceptBatch() {
        guard isAccepting else { return }
        for _ in 0..<Self.acceptBatch {
            do throws(SocketError) {
                guard let (descriptor, address) = try Socket.accept(shared.listener) else { return }
                guard shared.admitConnection() else {
                    Socket.close(descriptor)
                    shared.observe(.turnedAway(address: address, reason: "too many connections"))
                    continue
                }
                shared.observe(.accepted)
                let target = shared.lightest(mailbox)
                target.load.add(1, ordering: .relaxed)
                if target === mailbox {
                    adopt(descriptor, address)
                } else if !target.post(.adopt(descriptor: descriptor, address: address)) {
                    Socket.close(descriptor)
                    shared.dismissConnection()
                }
            } catch {
                shared.observe(.acceptPaused(reason: error.description))
                try? accept(false)
                return
            }
        }
    }

    private func adopt(_ descriptor: Int32, _ address: String) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = connections.count
            connections.append(nil)
            generations.append(0)
        }
        generations[slot] &+= 1
        let key = UInt64(generations[slot]) << 32 | UInt64(slot)
        do {
            let session = try TLSSession(serverOn: descriptor, context: shared.tls.current)
            try queue.add(descriptor, key: key, for: [.read, .peerClosed])
            let socket = ConnectionSocket(descriptor, session: session, key: key, queue: queue)
            let connection = Connection(loop: self, socket: socket, address: address)
            connections[slot] = connection
            connection.start()
        } catch {
            shared.observe(.handshakeFailed(address: address, reason: "\(error)"))
            Socket.close(descriptor)
            release(key)
        }
    }

    /// Frees the slot of a closed connection and counts it out.
    func release(_ key: UInt64) {
        let slot = Int(key & 0xFFFF_FFFF)
        connections[slot] = nil
        generations[slot] &+= 1
        freeSlots.append(slot)
        mailbox.load.subtract(1, ordering: .relaxed)
        shared.dismissConnection()
        shared.observe(.closed)
    }

    /// Comes back to a connection that has more to do in the next turn, though its socket may stay silent.
    func resume(_ key: UInt64) { unfinished.append(key) }

    // MARK: Mail and time

    private func perform(_ mail: Mail) {
        switch mail {
        case .adopt(let descriptor, let address): adopt(descriptor, address)
        case .respond(let exchange, let response):
            connection(exchange.connection)?.respond(exchange.number, response)
        case .startStream(let exchange, let response, let stream):
            guard let connection = connection(exchange.connection) else { return stream.disconnect() }
            connection.startStream(exchange.number, response, stream)
        case .stream(let exchange, let bytes):
            connection(exchange.connection)?.stream(exchange.number, bytes)
        case .finishStream(let exchange): connection(exchange.connection)?.finishStream(exchange.number)
        case .drain(let deadline):
            isDraining = true
            drainDeadline = deadline
            try? accept(false)
            for connection in connections { connection?.drain() }
        }
    }

    /// Sees to it that `Connection.timerFired` is called about `deadline`.
    func arm(_ key: UInt64, at deadline: UInt64) -> UInt64 { timers.add(key, at: deadline) }

    private func fireTimers() {
        for (key, tick) in timers.advance(to: now) { connection(key)?.timerFired(tick) }
    }

    private func housekeep() {
        nextHousekeeping = now + 1000
        if !isAccepting, !isDraining { try? accept(true) }
        guard isFirst else { return }
        do throws(TLSError) {
            if try shared.tls.reloadIfChanged() { shared.observe(.tlsReloaded) }
        } catch {
            shared.observe(.tlsReloadFailed(reason: error.description))
        }
    }

    private func accept(_ wanted: Bool) throws(SocketError) {
        guard wanted != isAccepting else { return }
        if wanted {
            try queue.add(shared.listener, key: Self.listenerKey, for: [.read, .exclusive])
        } else {
            queue.remove(shared.listener)
        }
        isAccepting = wanted
    }
}
