import Foundation
import Operations
import Testing

@testable import ClientAgent

/// The page for browsers of the agent's own host.
@Suite("The status page") struct StatusPageTests {
    let authority: TestAuthority
    let federation: TestFederation

    init() throws {
        authority = try TestAuthority()
        federation = try TestFederation(authority)
    }

    /// What the page answers to these bytes, whole.
    private func exchange(_ port: UInt16, _ request: String, splitAt place: Int? = nil) -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return "not connected" }
        let bytes = Array(request.utf8)
        for part in place.map({ [bytes[..<$0], bytes[$0...]] }) ?? [bytes[...]] {
            _ = Array(part).withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if place != nil { usleep(20_000) }
        }
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &piece, piece.count)
            guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
            answer += piece[..<count]
        }
    }

    private func withPage(_ body: (UInt16) throws -> Void) throws {
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        let agent = try TestAgent(federation, set: ["status_page=\"127.0.0.1:0\""])
        let port = try #require(agent.configuration.statusPort)
        let page = try StatusPage(agent.configuration, port: port)
        let stop = try StopSignal()
        let thread = try WorkerThread(name: "page") { page.serve(until: stop) }
        defer {
            stop.request()
            thread.join()
        }
        try body(page.port)
    }

    @Test("Says what status says, as text and as JSON, without a script") func pages() throws {
        try withPage { port in
            let page = exchange(port, "GET / HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n", splitAt: 9)
            #expect(page.hasPrefix("HTTP/1.1 200 ") && page.contains("no process works"))
            #expect(page.contains("Content-Security-Policy: default-src 'none'") && !page.contains("<script"))
            let json = exchange(port, "GET /status.json HTTP/1.1\r\nHost: localhost:\(port)\r\n\r\n")
            #expect(json.hasPrefix("HTTP/1.1 200 ") && json.contains("\"running\" : false"))
        }
    }

    @Test("Another host's name, another method, another path or no request at all is refused") func refusals()
        throws
    {
        try withPage { port in
            for (request, status) in [
                ("GET / HTTP/1.1\r\nHost: evil.example:\(port)\r\n\r\n", "421"),
                ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "421"),
                ("POST / HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Length: 0\r\n\r\n", "405"),
                ("GET /../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n", "40"),
                ("GET /x HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n", "404"),
                ("nonsense\r\n\r\n", "400"), ("GET /" + String(repeating: "a", count: 20_000), "400"),
            ] {
                let answer = exchange(port, request)
                #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(request.prefix(40)): \(answer.prefix(40))")
                #expect(!answer.contains("<pre>"))
            }
        }
    }

    @Test("Is for this host alone", arguments: ["0.0.0.0:1", "192.0.2.1:1", "[::]:1", "host:1", "127.0.0.1"])
    func addresses(address: String) throws {
        defer { federation.shutdown() }
        #expect(throws: (any Error).self) { try TestAgent(federation, set: ["status_page=\"\(address)\""]) }
    }

    @Test func textIsNoMarkup() {
        defer { federation.shutdown() }
        #expect(StatusPage.escaped("<b a=\"1\" c='2'>&") == "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;")
    }
}
