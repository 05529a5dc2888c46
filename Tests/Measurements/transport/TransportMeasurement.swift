// Measures the transport on loopback; built and run by the script `run` beside this file. Reads the certificates
// from the current directory. The server runs in a child process, so that its memory is its own.
import Foundation
import HTTPWire
import Operations
import Synchronization

/// Counts what it is given, and keeps long polls waiting.
private final class MeasuredHandler: HTTPHandler {
    final class Counter: BodySink {
        var count = 0
        func receive(_ bytes: UnsafeRawBufferPointer) -> BodyVerdict {
            count += bytes.count
            return .more
        }
        func finish() -> BodyOutcome { .respond(.text(200, "\(count)")) }
        func abandon() {}
    }

    private let waiting = Mutex<[Responder]>([])
    private let model = SharedBuffer([UInt8](repeating: 7, count: 256 << 20))

    func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
        switch request.head.target.path {
        case "/memory": return .respond(.text(200, "\(residentBytes())"))
        case "/wait":
            waiting.withLock { $0.append(responder) }
            return .later
        case "/model":
            return .respond(HTTPResponse(200, body: .shared(model, 0..<model.count)))
        default: return .receive(limit: .max, reserving: 0, sink: Counter())
        }
    }
}

/// Counts a response without keeping it.
private final class DiscardingSink: ResponseSink {
    var count = 0
    func begin(_ head: HTTPResponseHead) {}
    func receive(_ bytes: UnsafeRawBufferPointer) { count += bytes.count }
}

/// Resident memory of this process.
private func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (Int(text.split(separator: " ").dropFirst().first ?? "0") ?? 0) * 4096
}

private func clientContext() throws -> TLSContext {
    try TLSContext(
        client: TLSClientConfiguration(
            credentials: TLSCredentials(certificate: "agent.crt", key: "agent.key"),
            trust: .authority(path: "authority.crt")))
}

private func serverConfiguration() -> TLSServerConfiguration {
    TLSServerConfiguration(
        credentials: TLSCredentials(certificate: "server.crt", key: "server.key"), authority: "authority.crt")
}

/// Seconds of processor time that this process has used; unlike the clock it is the same on a busy machine.
private func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) * 1e-6 }
}

/// Megabytes a second.
private func rate(_ bytes: Int, _ work: () throws -> Void) rethrows -> Double {
    let start = MonotonicClock.microseconds()
    try work()
    return Double(bytes) / Double(MonotonicClock.microseconds() - start)
}

/// The floor: one thread encrypts and sends, another receives and decrypts, nothing else.
private func bareLoopback(_ bytes: Int) throws -> Double {
    let (listener, port) = try Socket.listen(on: SocketEndpoint(host: "127.0.0.1", port: 0))
    defer { Socket.close(listener) }
    let serverContext = try TLSContext(server: serverConfiguration())
    let receiver = try WorkerThread(name: "receiver") {
        var accepted: (descriptor: Int32, host: String)?
        while accepted == nil { accepted = try? Socket.accept(listener) }
        guard let descriptor = accepted?.descriptor,
            let session = try? TLSSession(serverOn: descriptor, context: serverContext)
        else { return }
        defer { Socket.close(descriptor) }
        while session.handshake() != .done(0) {}
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 64)
        defer { buffer.deallocate() }
        var left = bytes
        while left > 0 {
            switch session.read(into: buffer) {
            case .done(let count): left -= count
            case .wantsRead:
                var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                poll(&polled, 1, 1000)
            default: return
            }
        }
        _ = session.write(UnsafeRawBufferPointer(rebasing: buffer[..<1]))
    }
    let configuration = HTTPClientConfiguration(
        server: SocketEndpoint(host: "127.0.0.1", port: port), tls: try clientContext())
    let connection = try ClientConnection(configuration, resuming: nil, cancellation: CancellationSignal())
    let body = SharedBuffer([UInt8](repeating: 7, count: bytes))
    let result = try rate(bytes) {
        _ = try connection.send(body.bytes, stall: 10_000)
        _ = try connection.waitForInput(until: MonotonicClock.milliseconds() + 10_000)
    }
    receiver.join()
    return result
}

/// 200 agents upload 4 MB each, every one on a connection of its own that was open before, from four threads.
/// - Returns: megabytes a second over all.
private func manyUploads(_ configuration: HTTPClientConfiguration) throws -> Double {
    let (threads, agents, size) = (4, 50, 4_000_000)
    let state = MeasuredStart()
    let workers = try (0..<threads).map { index in
        try WorkerThread(name: "agents-\(index)") {
            let body = SharedBuffer([UInt8](repeating: 7, count: size))
            let clients = (0..<agents).compactMap { _ in try? HTTPClient(configuration) }
            for client in clients { _ = try? client.exchange(ClientRequest(.put, "/")) }
            state.ready.add(1, ordering: .relaxed)
            while !state.begin.load(ordering: .relaxed) { usleep(100) }
            for client in clients {
                let answer = try? client.exchange(ClientRequest(.put, "/", body: .shared(body)))
                if answer?.status != 200 { state.failures.add(1, ordering: .relaxed) }
            }
        }
    }
    while state.ready.load(ordering: .relaxed) < threads { usleep(100) }
    return rate(threads * agents * size) {
        state.begin.store(true, ordering: .relaxed)
        for worker in workers { worker.join() }
        precondition(state.failures.load(ordering: .relaxed) == 0, "an upload failed")
    }
}

/// Where the threads of `manyUploads` meet.
private final class MeasuredStart: Sendable {
    let ready = Atomic<Int>(0)
    let failures = Atomic<Int>(0)
    let begin = Atomic<Bool>(false)
}

private func serve() throws {
    var configuration = HTTPServerConfiguration(listen: SocketEndpoint(host: "127.0.0.1", port: 0))
    configuration.maximumConnectionsPerPeer = 20_000
    configuration.limits.bodyBytes = .max
    configuration.timeouts.answer = 600_000
    let source = try TLSContextSource(server: serverConfiguration())
    let server = try HTTPServer(configuration, tls: source, handler: MeasuredHandler())
    print(server.port)
    fflush(nil)
    _ = readLine()
    server.shutdown(withinMilliseconds: 0)
}

private func measure(connections: Int, bytes: Int) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
    process.arguments = ["serve"]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    defer { process.terminate() }
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let port = UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)) else { return }
    let configuration = HTTPClientConfiguration(
        server: SocketEndpoint(host: "127.0.0.1", port: port), tls: try clientContext())
    let client = try HTTPClient(configuration)
    let body = SharedBuffer([UInt8](repeating: 7, count: bytes))
    for _ in 0..<3 {
        let used = processorSeconds()
        let floor = try bareLoopback(bytes)
        let cost = (processorSeconds() - used) / Double(bytes) * 1e9
        let upload = try rate(bytes) {
            _ = try client.exchange(ClientRequest(.put, "/", body: .shared(body)))
        }
        let sink = DiscardingSink()
        let download = try rate(256 << 20) {
            _ = try client.exchange(ClientRequest(.get, "/model"), into: sink)
        }
        print(
            "MB/s: bare TLS \(Int(floor)) at \(Int(cost * 1000)) ps of processor time a byte, both ends; upload \(Int(upload)) (\(Int(upload / floor * 100)) %), "
                + "download \(Int(download)) (\(Int(download / floor * 100)) %)")
    }
    let memory = { () throws -> Int in
        Int(
            String(decoding: try client.exchange(ClientRequest(.get, "/memory")).body, as: UTF8.self)
                .trimmingCharacters(in: .newlines)) ?? 0
    }
    let many = try manyUploads(configuration)
    print("MB/s: 200 agents uploading 4 MB each \(Int(many)), server RSS \(try memory() >> 20) MB after")
    let before = try memory()
    let request = Array("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    let cancellation = try CancellationSignal()
    let start = MonotonicClock.microseconds()
    let open = try (0..<connections).map { _ in
        let connection = try ClientConnection(configuration, resuming: nil, cancellation: cancellation)
        _ = try request.withUnsafeBytes { try connection.send($0, stall: 10_000) }
        return connection
    }
    let seconds = Double(MonotonicClock.microseconds() - start) / 1e6
    let after = try memory()
    print(
        "\(open.count) long polls: \((after - before) / connections) bytes of server memory each, server RSS "
            + "\(before >> 20) -> \(after >> 20) MB, \(Int(Double(connections) / seconds)) full handshakes/s")
}

@main struct TransportMeasurement {
    static func main() throws {
        let arguments = CommandLine.arguments
        if arguments.count == 2, arguments[1] == "serve" { return try serve() }
        guard arguments.count == 3, let connections = Int(arguments[1]), let megabytes = Int(arguments[2])
        else {
            print("usage: measure CONNECTIONS MEGABYTES")
            exit(2)
        }
        try measure(connections: connections, bytes: megabytes << 20)
    }
}
