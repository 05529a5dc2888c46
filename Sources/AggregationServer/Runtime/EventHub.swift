internal import HTTPWire
internal import Synchronization
internal import Transport

/// Server-sent events for the dashboards that are open. Whoever is behind misses events and sees the next.
final class EventHub: Sendable {
    private static let mostStreams = 64

    /// What happened last.
    let recent = RecentEvents()

    private let streams = Mutex<[ResponseStream]>([])

    /// Adds a listener; false when there are too many.
    func add(_ stream: ResponseStream) -> Bool {
        streams.withLock { streams in
            guard streams.count < Self.mostStreams else { return false }
            streams.append(stream)
            return true
        }
    }

    /// Whether anybody listens.
    var hasListeners: Bool { streams.withLock { !$0.isEmpty } }

    /// Sends an event to all who listen.
    func send(_ event: ServerSentEvent) { write(event.bytes) }

    /// Keeps idle streams open, and forgets those that have gone.
    func keepAlive() { write(ServerSentEvent.keepAlive) }

    /// Ends all streams.
    func close() {
        let all = streams.withLock { streams in
            defer { streams = [] }
            return streams
        }
        for stream in all { stream.finish() }
    }

    private func write(_ bytes: [UInt8]) {
        streams.withLock { streams in streams.removeAll { $0.write(bytes) == .closed } }
    }
}
