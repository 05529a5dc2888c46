import Configuration
import Cryptography
import Foundation
import Glibc
import HTTPWire
import Notation
import Operations
import Synchronization
import TestSupport
import Testing

@testable import AggregationServer
@testable import Transport

/// What leaves for webhooks and commands, and what they make of it.
@Suite struct NoticeReceiverTests {
    /// Answers every request with one status and keeps what came.
    private final class Recorder: HTTPHandler {
        let status: Int
        private let requests = Mutex<[(headers: HTTPHeaders, body: [UInt8], path: String)]>([])
        var seen: [(headers: HTTPHeaders, body: [UInt8], path: String)] { requests.withLock { $0 } }

        init(status: Int) { self.status = status }

        func handle(_ request: HTTPRequest, _ responder: Responder) -> RequestDecision {
            let (headers, path) = (request.head.headers, "\(request.head.target)")
            let sink = CollectingSink { [self] body in
                requests.withLock { $0.append((headers, body, path)) }
                return .respond(HTTPResponse(status))
            }
            return .receive(limit: 1 << 20, reserving: nil, sink: sink)
        }
    }

    private let folder: TemporaryFolder
    private let authority: TestAuthority
    private let notice = Notice(
        .budget, occasion: "x", run: String(repeating: "a", count: 32), task: "test", time: 1_700_000_000,
        text: "ε is high", numbers: ["epsilon": 4.5])

    init() throws {
        folder = try TemporaryFolder()
        authority = try TestAuthority.shared.get()
        try Data("a-secret-of-thirty-two-characters\n".utf8).write(to: URL(fileURLWithPath: secretFile))
    }

    private var secretFile: String { folder.path + "/secret" }

    private func settings(_ text: String) throws -> NoticeSettings {
        let value = try JSONValue(json5: Data(text.utf8), source: "test")
        return try NoticeSettings(Section(value, path: "server.notices"), folder: folder.path)
    }

    private func webhook(_ url: String, authority name: String? = "authority.crt") throws -> WebhookReceiver {
        let ca = name.map { ", ca: \"\(authority.path($0))\"" } ?? ""
        let settings = try settings("{ webhooks: [{ url: \"\(url)\", secret_file: \"secret\"\(ca) }] }")
        return try WebhookReceiver(settings.webhooks[0]) { 1_700_000_123 }
    }

    private func server(_ recorder: Recorder) throws -> HTTPServer {
        let tls = try TLSContextSource(
            server: TLSServerConfiguration(
                credentials: TLSCredentials(
                    certificate: authority.path("server.crt"), key: authority.path("server.key")),
                authority: authority.path("authority.crt"), revocations: nil, clientCertificates: .none))
        let listen = try #require(SocketEndpoint("127.0.0.1:0"))
        return try HTTPServer(
            HTTPServerConfiguration(listen: listen, loops: 1), tls: tls, handler: recorder
        ) { _ in }
    }

    /// What arrives is the notice, signed with its time under the secret of the file; another secret does not fit.
    @Test func whatIsPostedIsSigned() throws {
        let recorder = Recorder(status: 204)
        let server = try server(recorder)
        defer { server.shutdown(withinMilliseconds: 200) }
        let receiver = try webhook("https://127.0.0.1:\(server.port)/hook?x=1")
        #expect(receiver.deliver(notice) == .delivered)
        let seen = try #require(recorder.seen.first)
        #expect(try seen.path.contains("/hook") && seen.body == notice.body)
        #expect(seen.headers["sordino-notice"] == notice.id)
        let time = try #require(seen.headers["sordino-timestamp"])
        #expect(time == "1700000123")
        let signature = try #require(seen.headers["sordino-signature"])
        let code = try #require(Hexadecimal.bytes(of: signature.dropFirst(3), count: 32))
        let message = Array("\(time).".utf8) + seen.body
        func isSigned(by secret: String) throws -> Bool {
            try MessageAuthentication.isValid(
                code, for: message, key: SecretBytes(copying: Array(secret.utf8)))
        }
        #expect(try signature.hasPrefix("v1=") && isSigned(by: "a-secret-of-thirty-two-characters"))
        #expect(try !isSigned(by: "a-secret-of-thirty-two-characterz"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(seen.body)) as? [String: Any])
        #expect(Set(object.keys) == ["event", "id", "numbers", "run", "task", "text", "time"])
    }

    @Test(arguments: [
        (200, "delivered"), (302, "failed"), (404, "failed"), (410, "refused"), (503, "failed"),
    ])
    func statusesMean(_ status: Int, _ meaning: String) throws {
        let recorder = Recorder(status: status)
        let server = try server(recorder)
        defer { server.shutdown(withinMilliseconds: 200) }
        let outcome = try webhook("https://127.0.0.1:\(server.port)/").deliver(notice)
        switch outcome {
        case .delivered: #expect(meaning == "delivered")
        case .refused: #expect(meaning == "refused")
        case .failed: #expect(meaning == "failed")
        }
    }

    /// Nothing is sent to a server of another authority, and a dead one is no trap.
    @Test func strangersGetNothing() throws {
        let recorder = Recorder(status: 200)
        let server = try server(recorder)
        defer { server.shutdown(withinMilliseconds: 200) }
        let stranger = try webhook("https://127.0.0.1:\(server.port)/", authority: "agent-0.crt")
        guard case .failed = stranger.deliver(notice) else {
            Issue.record("a stranger was told")
            return
        }
        #expect(recorder.seen.isEmpty)
        guard case .failed = try webhook("http://127.0.0.1:1/", authority: nil).deliver(notice) else {
            Issue.record("nobody listens there")
            return
        }
    }

    /// One that accepts and then says nothing is given up when the sender ends.
    @Test(.timeLimit(.minutes(1))) func aSilentReceiverIsLeft() throws {
        let (listener, port) = try Socket.listen(on: #require(SocketEndpoint("127.0.0.1:0")))
        defer { Socket.close(listener) }
        let receiver = try webhook("http://localhost:\(port)/", authority: nil)
        let thread = try WorkerThread(name: "cancels") {
            usleep(200_000)
            receiver.cancel()
        }
        let start = ContinuousClock.now
        guard case .failed = receiver.deliver(notice) else {
            Issue.record("it never answered")
            return
        }
        #expect(ContinuousClock.now - start < .seconds(5))
        thread.join()
    }

    /// What small servers and others answer on the loopback address.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("HTTP/1.0 204 No Content\r\n\r\n", "delivered"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "delivered"),
            ("HTTP/1.1 410\r\n", "refused"), ("HTTP/2 200 OK\r\n", "failed"), ("nonsense\r\n", "failed"),
            ("HTTP/1.1 2x0 OK\r\n", "failed"), ("", "failed"), ("HTTP/1.1 20", "failed"),
        ])
    func plainAnswers(answer: String, meaning: String) throws {
        let (listener, port) = try Socket.listen(on: #require(SocketEndpoint("127.0.0.1:0")))
        defer { Socket.close(listener) }
        let thread = try WorkerThread(name: "answers") {
            var polled = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            poll(&polled, 1, 10_000)
            let client = accept(listener, nil, nil)
            var bytes = [UInt8](repeating: 0, count: 4096)
            _ = read(client, &bytes, bytes.count)
            _ = answer.withCString { write(client, $0, strlen($0)) }
            shutdown(client, Int32(SHUT_WR))
            usleep(100_000)
            Socket.close(client)
        }
        let outcome = try webhook("http://127.0.0.1:\(port)/", authority: nil).deliver(notice)
        thread.join()
        switch outcome {
        case .delivered: #expect(meaning == "delivered")
        case .refused: #expect(meaning == "refused")
        case .failed: #expect(meaning == "failed")
        }
    }

    @Test func plainHTTPReachesThisHostOnly() throws {
        #expect(NoticeAddress("http://127.0.0.1:8080/x")?.usesTLS == false)
        #expect(NoticeAddress("https://alerts.example/x")?.endpoint.port == 443)
        #expect(NoticeAddress("https://[::1]:9/x?y=1")?.target == "/x?y=1")
        #expect(NoticeAddress("https://alerts.example")?.target == "/")
        for bad in [
            "http://alerts.example/", "http://127.0.0.1.evil.example/", "http://0x7f000001/", "ftp://x/",
            "https://", "https://user@host/", "https://host:0/", "https://host/a b", "https://host/#x", "",
        ] { #expect(NoticeAddress(bad) == nil, "\(bad)") }
    }

    @Test(arguments: [
        ("{ webhooks: [{ secret_file: \"secret\" }] }", "webhooks[0].url"),
        ("{ webhooks: [{ url: \"https://x/\" }] }", "secret_file"),
        ("{ webhooks: [{ url: \"http://x/\", secret_file: \"secret\" }] }", "loopback"),
        ("{ webhooks: [{ url: \"https://x/\", secret_file: \"secret\", events: [\"budgets\"] }] }", "budget"),
        ("{ command: [\"notify\"] }", "absolute path"), ("{ command: [] }", "absolute path"),
        ("{ budget_share: 1.5 }", "budget_share"), ("{ agent_gone_days: 0 }", "agent_gone_days"),
        ("{ webhook: [] }", "webhooks"),
    ])
    func otherSettingsAreRefused(text: String, word: String) throws {
        let refusal = #expect(throws: ConfigurationError.self) { try settings(text) }
        #expect("\(refusal.map { "\($0)" } ?? "")".contains(word), "\(String(describing: refusal))")
    }

    @Test(arguments: ["short", nil]) func aSecretThatSignsNothingIsRefused(content: String?) throws {
        try FileManager.default.removeItem(atPath: secretFile)
        if let content { try Data(content.utf8).write(to: URL(fileURLWithPath: secretFile)) }
        let refusal = #expect(throws: Failure.self) { try webhook("https://x/") }
        #expect(refusal?.exitCode == .invalidInput && refusal?.message.contains(secretFile) == true)
        #expect(refusal?.message.contains("short") == false)
    }

    // MARK: Commands

    @Test func aCommandReadsTheNotice() throws {
        let file = folder.path + "/told"
        let receiver = CommandReceiver(["/bin/sh", "-c", "cat >\"$0\"; echo noise", file])
        #expect(receiver.deliver(notice) == .delivered)
        #expect(try FileManager.default.contents(atPath: file).map(Array.init) == notice.body + [0x0A])
    }

    /// Arguments reach the program as they are: no shell reads them.
    @Test func noShellIsBetween() throws {
        let file = folder.path + "/$(touch x)"
        #expect(CommandReceiver(["/usr/bin/touch", file]).deliver(notice) == .delivered)
        #expect(FileManager.default.fileExists(atPath: file))
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ["/bin/sh", "-c", "exit 3"], ["/bin/sh", "-c", "kill -9 $$"], ["/nonexistent"],
            ["/bin/sleep", "100"],
        ])
    func aCommandThatFailsIsTriedAgain(command: [String]) throws {
        let start = ContinuousClock.now
        guard case .failed = CommandReceiver(command, seconds: 0.3).deliver(notice) else {
            Issue.record("\(command)")
            return
        }
        #expect(ContinuousClock.now - start < .seconds(10))
    }
}
