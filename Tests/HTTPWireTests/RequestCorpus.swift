@testable import HTTPWire

/// Requests that the parser must accept, and requests that it must refuse with the reason: framing attacks
/// known from proxies and servers (request smuggling), and every rule of the subset.
enum RequestCorpus {
    static let accepted: [String] = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /v1/models/12?x=1&y=%20z HTTP/1.1\r\nHost: [::1]:8443\r\nRange: bytes=5-\r\n\r\n",
        "POST /v1/check-in HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\n\r\nhello",
        "PUT /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nabc\r\n0a\r\n0123456789\r\n0\r\n\r\n",
        "PUT /x HTTP/1.1\r\nHost:a\r\nContent-Length:2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nok",
        "POST /e HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\nX-Empty:\r\n\r\n",
        "HEAD /%C3%A4/b/ HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nAccept: b\r\n\r\n",
    ]

    private static func get(_ headers: String) -> String { "GET / HTTP/1.1\r\n\(headers)\r\n" }
    private static func post(_ headers: String, _ body: String = "") -> String {
        "POST / HTTP/1.1\r\nHost: a\r\n\(headers)\r\n\(body)"
    }
    private static func target(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n" }

    static let refused: [(String, HTTPRefusal)] =
        startLines + lengths + chunks + headers
        + malformedTargets.map { (target($0), HTTPRefusal.malformedTarget) }

    private static let startLines: [(String, HTTPRefusal)] = [
        ("GET / HTTP/1.1\nHost: a\n\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", .bareCarriageReturn),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedStartLine),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedStartLine),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .malformedStartLine),
        ("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", .malformedStartLine),
        ("GET /\r\nHost: a\r\n\r\n", .malformedStartLine),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedStartLine),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", .malformedStartLine),
        ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", .malformedStartLine),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", .unknownMethod),
        ("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", .unknownMethod),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", .unknownMethod),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", .unknownMethod),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedStartLine),
        ("\u{16}\u{3}\u{1} hello\r\n", .malformedStartLine),
        ("GET /\(String(repeating: "a", count: 5000)) HTTP/1.1\r\n", .startLineTooLong),
    ]

    private static let malformedTargets = [
        "*", "http://a/", "a", "/a//b", "//a", "/a/../b", "/..", "/a/.", "/%2e%2e/b", "/.%2E/b", "/a%2fb",
        "/a%5cb",
        "/a\\b", "/%", "/%1", "/%zz", "/%00", "/%0d%0a", "/%7f", "/%ff", "/%c0%af", "/%ed%a0%80", "/a#b",
        "/<", "/ä",
        "/a?%", "/a?b=%0a", "/a?b#c",
    ]

    private static let lengths: [(String, HTTPRefusal)] = [
        (post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), .ambiguousLength),
        (post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), .ambiguousLength),
        (post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), .repeatedHeader("content-length")),
        (post("Content-Length: 3\r\nContent-length: 4\r\n", "abc"), .repeatedHeader("content-length")),
        (post("Content-Length: 3, 3\r\n", "abc"), .malformedContentLength),
        (post("Content-Length: +3\r\n", "abc"), .malformedContentLength),
        (post("Content-Length: -3\r\n", "abc"), .malformedContentLength),
        (post("Content-Length: 0x3\r\n", "abc"), .malformedContentLength),
        (post("Content-Length: 3 \t4\r\n", "abc"), .malformedContentLength),
        (post("Content-Length:\r\n", "abc"), .malformedContentLength),
        (post("Content-Length: 99999999999999999999\r\n"), .malformedContentLength),
        (post("Content-Length: 999999999999999999\r\n"), .bodyTooLarge),
        (post("Transfer-Encoding: gzip, chunked\r\n"), .unsupportedTransferEncoding),
        (post("Transfer-Encoding: chunked, identity\r\n"), .unsupportedTransferEncoding),
        (post("Transfer-Encoding: xchunked\r\n"), .unsupportedTransferEncoding),
        (post("Transfer-Encoding: chunked;q=1\r\n"), .unsupportedTransferEncoding),
        (
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            .repeatedHeader("transfer-encoding")
        ),
        (get("Host: a\r\nContent-Length: 1\r\n"), .unexpectedBody),
        (get("Host: a\r\nTransfer-Encoding: chunked\r\n"), .unexpectedBody),
        (post("Expect: 200-ok\r\n"), .unsupportedExpectation),
        (post("Content-Length: 3\r\n", "ab"), .truncated),
    ]

    private static let chunks: [(String, HTTPRefusal)] = [
        ("\r\n\r\n", .malformedChunk), ("3;a=b\r\nabc\r\n0\r\n\r\n", .malformedChunk),
        ("3 \r\nabc\r\n0\r\n\r\n", .malformedChunk), (" 3\r\nabc\r\n0\r\n\r\n", .malformedChunk),
        ("0x3\r\nabc\r\n0\r\n\r\n", .malformedChunk), ("-1\r\n\r\n", .malformedChunk),
        ("g\r\n", .malformedChunk), ("3\nabc\r\n0\r\n\r\n", .bareLineFeed),
        ("3\r\nabcd\r\n", .malformedChunk),
        ("3\r\nabc\n0\r\n\r\n", .bareLineFeed), ("0\r\nX-Trailer: 1\r\n\r\n", .malformedChunk),
        ("100000000\r\n", .malformedChunk), ("ffffffff\r\n", .bodyTooLarge),
        ("0000000000003\r\nabc\r\n0\r\n\r\n", .malformedChunk), ("3\r\nabc\r\n0\r\n", .truncated),
        ("3\r\nabc\r\n0\r\n\rX", .malformedChunk),
    ].map { (post("Transfer-Encoding: chunked\r\n", $0), $1) }

    private static let headers: [(String, HTTPRefusal)] = [
        (get(""), .malformedHost), (get("Host:\r\n"), .malformedHost), (get("Host: a/b\r\n"), .malformedHost),
        (get("Host: a@b\r\n"), .malformedHost), (get("Host: a\r\nHost: b\r\n"), .repeatedHeader("host")),
        (get("Host : a\r\n"), .malformedHeader), (get("Host: a\r\n folded\r\n"), .malformedHeader),
        (get("Host: a\r\n\tfolded\r\n"), .malformedHeader), (get("Host: a\r\n: x\r\n"), .malformedHeader),
        (get("Host: a\r\nno colon\r\n"), .malformedHeader), (get("Host: a\r\nX(: b\r\n"), .malformedHeader),
        (get("Host: a\r\nX: \u{0}\r\n"), .malformedHeader), (get("Host: a\r\nX: ä\r\n"), .malformedHeader),
        (get("Host: a\r\nX: a\u{7f}\r\n"), .malformedHeader),
        (get("Host: a\r\nX: a\nY: b\r\n"), .bareLineFeed),
        (get("Host: a\r\nX: a\rY: b\r\n"), .bareCarriageReturn),
        (get("Host: a\r\nTransfer-Encoding\u{b}: chunked\r\n"), .malformedHeader),
        (get("Host: a\r\n" + String(repeating: "X: y\r\n", count: 64)), .headersTooLarge),
        (get("Host: a\r\nX: " + String(repeating: "y", count: 20_000) + "\r\n"), .headersTooLarge),
    ]
}
