import Foundation
import HTTPWire
import Synchronization
import TestSupport
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(10))) struct ClientTests {
    @Test func retriesWhatIsBusyUntilItIsNot() throws {
        let server = try TestServer()
        let client = try server.client()
        var delays: [UInt64] = []
        client.onRetry = { error, delay in
            #expect(error == .status(503, reason: "busy"))
            delays.append(delay)
        }
        #expect(try client.perform(ClientRequest(.get, "/busy")).text == "done")
        #expect(delays.count == 2)
    }

    @Test func givesUpAfterTheAllowedAttempts() throws {
        let server = try TestServer()
        server.handler.busyAnswers.store(100, ordering: .relaxed)
        let client = try server.client()
        var retries = 0
        client.onRetry = { _, _ in retries += 1 }
        #expect(throws: ClientError.status(503, reason: "busy")) {
            try client.perform(ClientRequest(.get, "/busy"))
        }
        #expect(retries == 3)
    }

    @Test func anUnreachableServerIsANetworkError() throws {
        let server = try TestServer()
        let client = try server.client()
        client.configuration.server = SocketEndpoint(host: "127.0.0.1", port: 1)
        let error = #expect(throws: ClientError.self) { try client.exchange(ClientRequest(.get, "/hello")) }
        #expect(error?.isTransient == true)
        client.configuration.server = SocketEndpoint(host: "nowhere.invalid", port: 1)
        #expect(throws: ClientError.self) { try client.exchange(ClientRequest(.get, "/hello")) }
    }

    @Test func responsesAreBounded() throws {
        let server = try TestServer()
        let client = try server.client()
        #expect(throws: ClientError.responseTooLarge(limit: 1000)) {
            try client.exchange(ClientRequest(.get, "/model"), limit: 1000)
        }
        #expect(try client.exchange(ClientRequest(.get, "/hello")).status == 200)
    }

    @Test func aStaleConnectionIsReplaced() throws {
        let server = try TestServer { $0.timeouts.idle = 100 }
        let client = try server.client()
        for _ in 0..<2 {
            #expect(try client.exchange(ClientRequest(.get, "/hello")).status == 200)
            #expect(eventually { server.server.connectionCount == 0 })
        }
        #expect(client.connectionsMade.all == 2)
    }

    @Test(arguments: ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n"])
    func tunnelsThroughAProxy(_ answer: String) throws {
        let server = try TestServer()
        let proxy = try TestProxy(to: server.server.port, answer: answer)
        let client = try server.client(proxy: SocketEndpoint(host: "127.0.0.1", port: proxy.port))
        #expect(try client.exchange(ClientRequest(.get, "/whoami")).text == "agent")
        let name = "127.0.0.1:\(server.server.port)"
        #expect(proxy.asked == "CONNECT \(name) HTTP/1.1\r\nHost: \(name)\r\n\r\n")
        client.disconnect()
    }

    /// Whoever reads a proxy's refusal learns who can mend it.
    @Test(arguments: [
        ("407 Proxy Authentication Required", "password"), ("302 Found", "log-in"),
        ("511 Network Authentication Required", "log-in"), ("403 Forbidden", "not allow"),
        ("405 Method Not Allowed", "CONNECT"),
    ])
    func aProxysRefusalIsSaidInWords(status: String, mention: String) throws {
        let server = try TestServer()
        let answer =
            "HTTP/1.1 \(status)\r\nContent-Type: text/html\r\nLocation: http://portal/\r\nContent-Length: 6\r\n\r\n<html>"
        let proxy = try TestProxy(to: server.server.port, answer: answer)
        let client = try server.client(proxy: SocketEndpoint(host: "127.0.0.1", port: proxy.port))
        let failure = #expect(throws: ClientError.self) { try client.perform(ClientRequest(.get, "/hello")) }
        #expect(failure?.description.contains(mention) == true, "\(failure?.description ?? "")")
        #expect(failure?.description.contains(String(status.prefix(3))) == true)
    }

    /// A portal that opens any tunnel and answers with its page is no TLS.
    @Test func aPageInPlaceOfTLSIsSaidInWords() throws {
        let server = try TestServer()
        let page =
            "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in</html>"
        let proxy = try TestProxy(to: server.server.port, answer: page)
        let client = try server.client(proxy: SocketEndpoint(host: "127.0.0.1", port: proxy.port))
        let failure = #expect(throws: ClientError.self) { try client.perform(ClientRequest(.get, "/hello")) }
        #expect(failure?.description.contains("does not speak TLS") == true, "\(failure?.description ?? "")")
    }

    @Test func aProxyMayRefuse() throws {
        let server = try TestServer()
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
        let proxy = try TestProxy(to: server.server.port, answer: refusal)
        let client = try server.client(proxy: SocketEndpoint(host: "127.0.0.1", port: proxy.port))
        #expect(throws: ClientError.proxy(status: 407)) { try client.perform(ClientRequest(.get, "/hello")) }
    }

    @Test func aDownloadGoesOnWhereItWasCut() throws {
        let server = try TestServer()
        let proxy = try TestProxy(to: server.server.port, cuts: [200_000, 300_000])
        let client = try server.client()
        client.configuration.server = SocketEndpoint(host: "127.0.0.1", port: proxy.port)
        let target = MemoryDownload(limit: 2 << 20)
        var retries = 0
        client.onRetry = { _, _ in retries += 1 }
        #expect(try client.download("/model", into: target) == .complete)
        #expect(target.bytes.elementsEqual(TestHandler.model.bytes))
        #expect(retries == 2)
        let statuses = server.log.all.compactMap {
            if case .answered(let answer) = $0 { answer.status } else { nil }
        }
        #expect(statuses == [200, 206, 206])
        #expect(
            try client.download("/model", headers: ["If-None-Match": "\"m\""], into: target) == .unchanged)
        client.disconnect()
    }

    @Test func aDownloadOfAnotherVersionBeginsAnew() throws {
        let server = try TestServer()
        let client = try server.client()
        let target = MemoryDownload(limit: 2 << 20)
        try target.begin(tag: "\"old\"", total: 10)
        try [UInt8](repeating: 0, count: 10).withUnsafeBytes { try target.append($0) }
        #expect(try client.download("/model", into: target) == .complete)
        #expect(target.bytes.elementsEqual(TestHandler.model.bytes))
        #expect(throws: ClientError.responseTooLarge(limit: 10)) {
            try client.download("/model", into: MemoryDownload(limit: 10))
        }
        #expect(try client.download("/none", into: target) == .refused(status: 404, reason: "no such path"))
    }

    @Test func delaysAreJitteredBoundedAndObeyTheServer() {
        let policy = RetryPolicy(attempts: 9, base: 100, maximum: 1000, maximumRetryAfter: 5000)
        #expect(
            (1...6).map { policy.delay(after: $0, retryAfter: nil, random: 0.999_999) } == [
                99, 199, 399, 799, 999, 999,
            ])
        #expect(policy.delay(after: 1_000_000, retryAfter: nil, random: 0.5) == 500)
        #expect(policy.delay(after: 3, retryAfter: nil, random: 0) == 0)
        #expect(policy.delay(after: 1, retryAfter: 2000, random: 0.5) == 2050)
        #expect(policy.delay(after: 1, retryAfter: 60_000, random: 0) == 5000)
        #expect(RetryPolicy.retryAfter("120", now: 0) == 120_000)
        #expect(RetryPolicy.retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now: 784_111_770) == 7000)
        #expect(RetryPolicy.retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now: 900_000_000) == 0)
        for bad in ["", "-1", "soon", "99999999999999999999"] {
            #expect(RetryPolicy.retryAfter(bad, now: 0) == nil)
        }
    }

    @Test func targetsAreEncoded() {
        let request = ClientRequest(.get, "/a b/ü", query: [("q", "1&2"), ("r", "/")])
        #expect(request.target == "/a%20b/%C3%BC?q=1%262&r=%2F")
    }

    @Test(
        arguments: [
            ("127.0.0.1:80", "127.0.0.1"), ("[::1]:0", "::1"), ("a.example:65535", "a.example"),
            ("a:65536", nil), ("a", nil), (":1", nil), ("::1:5", nil), ("a b:1", nil), ("a\r\n:1", nil),
        ] as [(String, String?)])
    func endpointsAreParsed(_ text: String, _ host: String?) {
        let endpoint = SocketEndpoint(text)
        #expect(endpoint?.host == host)
        if let endpoint { #expect(endpoint.description == text) }
    }
}
