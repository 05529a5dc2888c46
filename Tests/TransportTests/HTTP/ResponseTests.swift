import HTTPWire
import Testing

@testable import Transport

@Suite struct ResponseTests {
    @Test func writesItsStatusAndHeaders() throws {
        let response = HTTPResponse.retry(afterSeconds: 30, "busy")
        let head = try HTTPSerializer.head(
            of: response, length: .fixed(5), keepAlive: false, date: 784_111_777)
        #expect(
            String(decoding: head, as: UTF8.self)
                == "HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                + "Content-Length: 5\r\nConnection: close\r\nRetry-After: 30\r\n"
                + "Content-Type: text/plain; charset=utf-8\r\n\r\n")
    }

    @Test func representationsHonourConditions() {
        let buffer = SharedBuffer(Array(0..<10))
        let answer = { (headers: HTTPHeaders) in
            HTTPResponse.representation(buffer, tag: "t", contentType: "x/y", request: headers)
        }
        #expect(answer([:]).status == 200 && answer([:]).body.count == 10)
        #expect(answer(["if-none-match": "\"t\""]).status == 304)
        #expect(answer(["if-none-match": "\"u\""]).status == 200)
        let part = answer(["range": "bytes=4-", "if-range": "\"t\""])
        #expect(part.status == 206 && part.headers["content-range"] == "bytes 4-9/10" && part.body.count == 6)
        #expect(answer(["range": "bytes=4-", "if-range": "\"old\""]).status == 200)
        #expect(answer(["range": "bytes=10-"]).status == 416)
    }
}
