import Foundation
import HTTPWire
import Synchronization
import TestSupport

@testable import Transport

/// Remembers what a server reported.
final class EventLog: Sendable {
    private let events = Mutex<[TransportEvent]>([])

    func append(_ event: TransportEvent) { events.withLock { $0.append(event) } }

    var all: [TransportEvent] { events.withLock { $0 } }

    /// Waits until an event fits; false after ten seconds.
    func waits(_ fits: (TransportEvent) -> Bool) -> Bool { eventually { self.all.contains(where: fits) } }
}

/// Counts the bytes of a body and adds them up, and can stop early.
private final class CountingSink: BodySink {
    private var count = 0
    private var sum: UInt64 = 0
    private let stopAfter: Int
    private let abandoned: @Sendable () -> Void

    init(stopAfter: Int = .max, abandoned: @escaping @Sendable () -> Void) {
        self.stopAfter = stopAfter
        self.abandoned = abandoned
    }

    func receive(_ bytes: UnsafeRawBufferPointer) -> BodyVerdict {
        count += bytes.count
        for byte in bytes { sum &+= UInt64(byte) }
        return count > stopAfter ? .stop(.text(422, "wrong shape")) : .more
    }

    func finish() -> BodyOutcome { .respond(.text(200, "\(count) \(sum)")) }
    func abandon() { abandoned() }
}

/// Routes for the tests.
final class TestHandler: HTTPHandler {
    /// 1 MiB that depends on its position.
    static let model = SharedBuffer(
        (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) })

    let responders = Mutex<[Responder]>([])
    let streams = Mutex<[ResponseStream]>([])
    let disconnects = Atomic<Int>(0)
    let abandonments = Atomic<Int>(0)
    let busyAnswers = Atomic<Int>(2)

    func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        let count: @Sendable () -> Void = { self.abandonments.add(1, ordering: .relaxed) }
        switch (request.head.method, request.head.target.path) {
        case (.get, "/hello"): return .respond(.text(200, "hello"))
        case (.get, "/whoami"): return .respond(.text(200, request.peer?.commonName ?? "nobody"))
        case (.get, "/model"), (.head, "/model"):
            return .respond(
                .representation(
                    Self.model, tag: "m", contentType: "application/octet-stream",
                    request: request.head.headers))
        case (.get, "/large"):
            let buffer = SharedBuffer([UInt8](repeating: 9, count: 64 << 20))
            return .respond(HTTPResponse(200, body: .shared(buffer, 0..<buffer.count)))
        case (.post, "/echo"):
            return .receive(
                limit: 1000, reserving: nil,
                sink: CollectingSink { .respond(HTTPResponse(200, body: .bytes($0))) })
        case (.put, "/sink"):
            return .receive(limit: 128 << 20, reserving: nil, sink: CountingSink(abandoned: count))
        case (.put, "/stop"):
            let sink = CountingSink(stopAfter: 100_000, abandoned: count)
            return .receive(limit: 128 << 20, reserving: 0, sink: sink)
        case (.get, "/later"):
            responder.onDisconnect { self.disconnects.add(1, ordering: .relaxed) }
            responders.withLock { $0.append(responder) }
            return .later
        case (.get, "/forgotten"): return .later
        case (.get, "/stream"):
            if let stream = responder.stream(
                HTTPResponse(200, headers: ["Content-Type": "text/event-stream"]), capacity: 1000)
            {
                streams.withLock { $0.append(stream) }
            }
            return .later
        case (.get, "/busy"):
            let left = busyAnswers.subtract(1, ordering: .relaxed).newValue
            return .respond(left >= 0 ? .retry(afterSeconds: 0, "busy") : .text(200, "done"))
        case (.get, "/injection"): return .respond(HTTPResponse(200, headers: ["X": "a\r\nSet-Cookie: b"]))
        default: return .respond(.text(404, "no such path"))
        }
    }
}

/// A server on an ephemeral port with the handler and log of one test.
final class TestServer {
    let certificates: TestCertificates
    let handler = TestHandler()
    let log = EventLog()
    let source: TLSContextSource
    let server: HTTPServer

    init(
        clients: ClientCertificates = .required, revocations: String? = nil,
        _ adjust: (inout HTTPServerConfiguration) -> Void = { _ in }
    ) throws {
        certificates = try TestCertificates.shared.get()
        source = try TLSContextSource(
            server: TLSServerConfiguration(
                credentials: certificates.credentials("server"),
                authority: certificates.path("authority.crt"),
                revocations: revocations, clientCertificates: clients))
        var configuration = HTTPServerConfiguration(listen: SocketEndpoint(host: "127.0.0.1", port: 0))
        adjust(&configuration)
        let log = self.log
        server = try HTTPServer(configuration, tls: source, handler: handler) { log.append($0) }
    }

    deinit { server.shutdown(withinMilliseconds: 0) }

    /// A client with a certificate of the shared set, or none.
    func client(
        as name: String? = "agent", trust: TLSTrust? = nil, host: String = "127.0.0.1",
        proxy: SocketEndpoint? = nil
    ) throws -> HTTPClient {
        let trust = trust ?? .authority(path: certificates.path("authority.crt"))
        let tls = try TLSContext(
            client: TLSClientConfiguration(credentials: name.map(certificates.credentials), trust: trust))
        var configuration = HTTPClientConfiguration(
            server: SocketEndpoint(host: host, port: server.port), tls: tls, proxy: proxy)
        configuration.retry = RetryPolicy(attempts: 4, base: 1, maximum: 2)
        return try HTTPClient(configuration)
    }

    /// Sends raw bytes through `openssl s_client` as "agent" and returns all that it printed.
    func raw(_ text: String, _ arguments: [String] = []) throws -> String {
        try TestCertificates.run(
            "/usr/bin/openssl",
            [
                "s_client", "-connect", "127.0.0.1:\(server.port)", "-CAfile",
                certificates.path("authority.crt"), "-cert", certificates.path("agent.crt"), "-key",
                certificates.path("agent.key"), "-quiet", "-no_ign_eof",
            ] + arguments, certificates.directory, text)
    }
}

extension ClientResponse {
    /// The body as text without its final line end.
    var text: String { String(decoding: body, as: UTF8.self).trimmingCharacters(in: .newlines) }
}
