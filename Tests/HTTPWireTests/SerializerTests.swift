import Testing

@testable import HTTPWire

@Suite struct SerializerTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func writesAResponseHead() throws {
        let headers: HTTPHeaders = ["Retry-After": "30", "Content-Type": "text/plain; charset=utf-8"]
        let head = try HTTPSerializer.head(
            status: 503, headers: headers, length: .fixed(5), keepAlive: false, date: 784_111_777)
        #expect(
            text(head)
                == "HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                + "Content-Length: 5\r\nConnection: close\r\nRetry-After: 30\r\n"
                + "Content-Type: text/plain; charset=utf-8\r\n\r\n")
    }

    @Test func whatItWritesTheParserReads() throws {
        let head = try HTTPSerializer.head(
            method: "PUT", target: "/a%20b?c=d", host: "[::1]:1", headers: ["X-Round": "7"],
            length: .fixed(3),
            expectsContinue: true)
        let transcript = ParserTranscript.ofRequests([head + Array("abc".utf8)])
        #expect(transcript.entries.count == 3 && transcript.refusal == nil)
    }

    @Test(arguments: [
        ("X", "a\r\nSet-Cookie: b"), ("X", "a\nb"), ("X", "a\rb"), ("X", "a\0"), ("X", "ä"), ("X\r\nY", "a"),
        ("X Y", "a"), ("", "a"), ("X:", "a"), ("Content-Length", "3"), ("transfer-encoding", "chunked"),
        ("Connection", "close"),
    ])
    func injectionIsRefused(_ name: String, _ value: String) {
        var headers = HTTPHeaders()
        headers.append(name, value)
        #expect(throws: HTTPFieldError.self) {
            try HTTPSerializer.head(
                status: 200, headers: headers, length: .none, keepAlive: true, date: 0)
        }
        #expect(throws: HTTPFieldError.self) {
            try HTTPSerializer.head(method: "GET", target: "/", host: "a", headers: headers, length: .none)
        }
    }

    @Test(arguments: ["/a b", "/a\r\n", "", "/ä"]) func targetInjectionIsRefused(_ target: String) {
        #expect(throws: HTTPFieldError.self) {
            try HTTPSerializer.head(method: "GET", target: target, host: "a", headers: [:], length: .none)
        }
    }

    @Test func datesRoundTrip() {
        #expect(HTTPDate.format(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(HTTPDate.format(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
        #expect(HTTPDate.parse("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        for seconds in stride(from: Int64(0), to: 253_402_300_799, by: 1_234_567_891) {
            #expect(HTTPDate.parse(HTTPDate.format(seconds)) == seconds)
        }
        for bad in [
            "", "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
        ] {
            #expect(HTTPDate.parse(bad) == nil)
        }
    }

    @Test(arguments: [
        ("bytes=0-4", ByteRange.part(0..<5)), ("bytes=5-", .part(5..<10)), ("bytes=-3", .part(7..<10)),
        ("bytes=0-99", .part(0..<10)), ("bytes=-99", .part(0..<10)), ("bytes=10-", .unsatisfiable),
        ("bytes=-0", .unsatisfiable), ("bytes=4-3", .whole), ("bytes=0-1,3-4", .whole), ("items=0-1", .whole),
        ("bytes=a-b", .whole), ("bytes=-", .whole), ("bytes=99999999999999999999-", .whole),
    ])
    func ranges(_ value: String, _ expected: ByteRange) { #expect(ByteRange(value, of: 10) == expected) }
}
