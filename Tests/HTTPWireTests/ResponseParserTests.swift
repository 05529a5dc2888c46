import Testing

@testable import HTTPWire

@Suite struct ResponseParserTests {
    static let accepted = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ]

    static let refused: [(String, HTTPRefusal)] = [
        ("HTTP/1.1 200\r\n\r\n", .malformedStartLine), ("HTTP/1.1  200 OK\r\n\r\n", .malformedStartLine),
        ("HTTP/1.1 099 X\r\n\r\n", .malformedStartLine), ("HTTP/1.1 600 X\r\n\r\n", .malformedStartLine),
        ("HTTP/1.1 2x0 X\r\n\r\n", .malformedStartLine), ("HTTP/1.0 200 OK\r\n\r\n", .unsupportedVersion),
        ("HTTP/1.1 200 \u{1}\r\n\r\n", .malformedStartLine), ("HTTP/1.1 200 OK\r\n\r\n", .missingLength),
        ("HTTP/1.1 200 OK\n\n", .bareLineFeed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", .ambiguousLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", .truncated),
    ]

    @Test(arguments: accepted) func accepts(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = ParserTranscript.ofResponses([bytes])
        #expect(whole.refusal == nil)
        #expect(whole.entries.last == .end)
        #expect(ParserTranscript.ofResponses(bytes.map { [$0] }) == whole)
        for cut in 0...bytes.count {
            #expect(ParserTranscript.ofResponses([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole)
        }
    }

    @Test(arguments: refused) func refuses(_ text: String, _ refusal: HTTPRefusal) {
        let bytes = Array(text.utf8)
        #expect(ParserTranscript.ofResponses([bytes]).refusal == refusal)
        #expect(ParserTranscript.ofResponses(bytes.map { [$0] }).refusal == refusal)
    }

    @Test func answersToHeadAndConnectHaveNoBody() {
        let head = ParserTranscript.ofResponses(
            [Array("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n".utf8)], answering: .head)
        #expect(head.refusal == nil && head.entries.last == .end)
        let connect = ParserTranscript.ofResponses(
            [Array("HTTP/1.0 200 Connection established\r\n\r\n".utf8)], answering: .connect)
        #expect(connect.refusal == nil && connect.entries.last == .end)
    }
}
