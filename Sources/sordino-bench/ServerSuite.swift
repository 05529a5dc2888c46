import Cryptography
import Foundation
internal import HTTPWire
internal import Operations
import Synchronization
import Transport

/// Uploads over mutual TLS on loopback, in the processor time of the server's process.
enum ServerSuite {
    private static let agents = 200
    private static let size = 4_000_000
    private static let threads = 2

    /// 200 agents send 4 MB each, every one over a connection of its own that was open before; then connections
    /// alone. Floor of an upload: its bytes under AES-256-GCM and one copy out of the socket.
    static func run(_ stopwatch: Stopwatch) throws -> [Figure] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "sordino-bench-\(ProcessInfo.processInfo.processIdentifier)"
        ).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try UploadServer.writeCertificates(to: folder)
        let child = try ChildProcess("receive-uploads", [folder])
        defer { child.end() }
        let client = HTTPClientConfiguration(
            server: SocketEndpoint(host: "127.0.0.1", port: UInt16(try child.number())),
            tls: try TLSContext(
                client: TLSClientConfiguration(
                    credentials: TLSCredentials(
                        certificate: folder + "/agent.crt", key: folder + "/agent.key"),
                    trust: .authority(path: folder + "/authority.crt"))))
        let probe = try HTTPClient(client)
        let body = SharedBuffer([UInt8](repeating: 7, count: size))
        var (processor, wall, handshakes): ([Double], [Double], [Double]) = ([], [], [])
        for _ in 0..<stopwatch.repetitions {
            let before = try number("/processor", of: probe)
            let clients = try connections(client)
            let opened = try number("/processor", of: probe)
            handshakes.append((opened - before) / Double(agents))
            let start = ContinuousClock.now
            try upload(body, over: clients)
            wall.append((ContinuousClock.now - start) / .seconds(1) / Double(agents))
            processor.append((try number("/processor", of: probe) - opened) / Double(agents))
        }
        let cipher = try Machine.sealingRate(stopwatch)
        let copy = Machine.memoryRate(byteCount: 2 * size, stopwatch) / 2
        let floor = Double(size) / cipher + Double(size) / copy
        let (used, elapsed, opening) = (
            Stopwatch.median(of: processor), Stopwatch.median(of: wall), Stopwatch.median(of: handshakes)
        )
        return [
            Figure(
                name: "server/upload-4MB", seconds: used.seconds, noise: used.noise, unit: "upload CPU",
                .floor(floor, "AES-GCM and a copy"),
                details: [
                    ("megabytes_per_core_second", 1e-6 * Double(size) / used.seconds),
                    ("aes_gcm_gigabytes_per_second", cipher / 1e9),
                    ("peak_rss_bytes", try number("/memory", of: probe)),
                ]),
            // Sender and receiver share the cores.
            Figure(
                name: "server/upload-4MB-wall", seconds: elapsed.seconds, noise: elapsed.noise,
                unit: "upload", .floor(floor, "AES-GCM and a copy"),
                details: [("megabytes_per_second", 1e-6 * Double(size) / elapsed.seconds)]),
            Figure(
                name: "server/connection", seconds: opening.seconds, noise: opening.noise,
                unit: "handshake CPU", nil),
        ]
    }

    private static func number(_ path: String, of client: HTTPClient) throws -> Double {
        let text = String(decoding: try client.exchange(ClientRequest(.get, path)).body, as: UTF8.self)
        guard let number = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw BenchFailure.childFailed
        }
        return number
    }

    /// A connection for each agent, with its handshake done.
    private static func connections(_ configuration: HTTPClientConfiguration) throws -> [HTTPClient] {
        try (0..<agents).map { _ in
            let client = try HTTPClient(configuration)
            _ = try client.exchange(ClientRequest(.put, "/"))
            return client
        }
    }

    private static func upload(_ body: SharedBuffer, over clients: [HTTPClient]) throws {
        let failures = Failures()
        let senders = try (0..<threads).map { thread in
            let share = Share(
                clients: stride(from: thread, to: clients.count, by: threads).map { clients[$0] })
            return try WorkerThread(name: "sender") {
                for client in share.clients {
                    let answer = try? client.exchange(ClientRequest(.put, "/", body: .shared(body)))
                    if answer?.status != 200 { failures.count.add(1, ordering: .relaxed) }
                }
            }
        }
        for sender in senders { sender.join() }
        guard failures.count.load(ordering: .relaxed) == 0 else { throw BenchFailure.childFailed }
    }

    /// Unchecked because a client is for one thread at a time: each share goes to one sender, which has ended when
    /// the clients are used again.
    private struct Share: @unchecked Sendable {
        let clients: [HTTPClient]
    }

    private final class Failures: Sendable {
        let count = Atomic<Int>(0)
    }
}
