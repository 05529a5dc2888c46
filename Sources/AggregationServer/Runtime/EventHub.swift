internal import HTTPWire
internal import Synchronization
internal import Transport

/// Server-sent events for the dashboards that are open. Whoever is behind misses events and sees the next.
final class EventHub: Sendable {
    private static let mostStreams = 64

    /// What happened last.
    let recent = RecentEvents()

    private struct Listener {
        let stream: ResponseStream
        let isWelcome: @Sendable () -> Bool
    }

    private let streams = Mutex<[Listener]>([])

    /// Adds a listener for as long as `isWelcome` says so; false when there are too many.
    func add(_ stream: ResponseStream, while isWelcome: @escaping @Sendable () -> Bool) -> Bool {
        streams.withLock { streams in
            guard streams.count < Self.mostStreams else { return false }
            streams.append(Listener(stream: stream, isWelcome: isWelcome))
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
        for listener in all { listener.stream.finish() }
    }

    private func write(_ bytes: [UInt8]) {
        streams.withLock { streams in
            streams.removeAll { listener in
                guard listener.isWelcome() else {
                    listener.stream.finish()
                    return true
                }
                return listener.stream.write(bytes) == .closed
            }
        }
    }
}
