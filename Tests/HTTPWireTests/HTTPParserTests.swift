import Testing

@testable import HTTPWire

@Suite struct HTTPParserTests {
    @Test func readsAHeadInFull() throws {
        let bytes = Array(RequestCorpus.accepted[1].utf8)
        var parser = HTTPRequestParser()
        var position = 0
        let event = try bytes.withUnsafeBytes { try parser.next($0, &position) }
        guard case .head(let head) = event else {
            Issue.record("no head")
            return
        }
        #expect(head.method == .get)
        #expect(head.target.path == "/v1/models/12")
        #expect(head.target.segments == ["v1", "models", "12"])
        #expect(head.target.parameter("y") == " z")
        #expect(head.headers["RANGE"] == "bytes=5-")
        #expect(head.bodyLength == .none && head.keepsAlive && !head.expectsContinue)
    }

    @Test func readsBodiesWithoutTheirFraming() {
        let body = { (text: String) in
            ParserTranscript.ofRequests([Array(text.utf8)]).entries.compactMap {
                if case .body(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil }
            }.joined()
        }
        #expect(body(RequestCorpus.accepted[2]) == "hello")
        #expect(body(RequestCorpus.accepted[3]) == "abc0123456789")
        #expect(body(RequestCorpus.accepted[4]) == "ok")
    }

    @Test(arguments: RequestCorpus.accepted) func accepts(_ text: String) {
        let transcript = ParserTranscript.ofRequests([Array(text.utf8)])
        #expect(transcript.refusal == nil)
        #expect(transcript.entries.last == .end)
    }

    @Test(arguments: RequestCorpus.refused) func refuses(_ text: String, _ refusal: HTTPRefusal) {
        #expect(ParserTranscript.ofRequests([Array(text.utf8)]).refusal == refusal)
    }

    @Test(arguments: RequestCorpus.accepted + RequestCorpus.refused.map(\.0).filter { $0.utf8.count < 2000 })
    func splittingChangesNothing(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = ParserTranscript.ofRequests([bytes])
        #expect(ParserTranscript.ofRequests(bytes.map { [$0] }) == whole)
        for cut in 0...bytes.count {
            #expect(ParserTranscript.ofRequests([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole)
        }
    }

    @Test(arguments: RequestCorpus.accepted) func truncationIsNoticed(_ text: String) {
        let bytes = Array(text.utf8)
        let ends = ParserTranscript.ofRequests([bytes]).entries.filter { $0 == .end }.count
        for count in 1..<bytes.count {
            let transcript = ParserTranscript.ofRequests([Array(bytes[..<count])])
            let complete = transcript.entries.filter { $0 == .end }.count
            // A cut exactly between two requests is a clean end; everywhere else it is a truncation.
            #expect(transcript.refusal == .truncated || complete > 0 && complete < ends)
        }
    }

    @Test func staysRefused() {
        var parser = HTTPRequestParser()
        for _ in 0..<3 {
            #expect(throws: HTTPRefusal.bareLineFeed) {
                var position = 0
                _ = try Array("GET / HTTP/1.1\n".utf8).withUnsafeBytes { try parser.next($0, &position) }
            }
        }
    }

    @Test func bodyLimitIsEnforcedPerRoute() throws {
        var parser = HTTPRequestParser()
        var position = 0
        let head = Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        _ = try head.withUnsafeBytes { try parser.next($0, &position) }
        parser.bodyLimit = 5
        position = 0
        let body = Array("5\r\nabcde\r\n1\r\n".utf8)
        try body.withUnsafeBytes { input in
            guard case .body(3..<8) = try parser.next(input, &position) else {
                Issue.record("no body")
                return
            }
            #expect(throws: HTTPRefusal.bodyTooLarge) { _ = try parser.next(input, &position) }
        }
    }

    @Test func hostileBytesNeverTrap() {
        // Seeded mutations of the corpus, bytes drawn from those that matter to the grammar.
        var state: UInt64 = 0x5EED
        func draw(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let alphabet = Array("\r\n :;,%/?=&0123456789abcdefGETchunked\0\u{7f}".utf8) + [0x80, 0xFF]
        let corpus = (RequestCorpus.accepted + RequestCorpus.refused.map(\.0)).map { Array($0.utf8) }
        for _ in 0..<3000 {
            var bytes = corpus[draw(corpus.count)]
            for _ in 0...draw(4) where !bytes.isEmpty {
                switch draw(3) {
                case 0: bytes[draw(bytes.count)] = alphabet[draw(alphabet.count)]
                case 1: bytes.insert(alphabet[draw(alphabet.count)], at: draw(bytes.count + 1))
                default: bytes.remove(at: draw(bytes.count))
                }
            }
            let cut = draw(bytes.count + 1)
            let whole = ParserTranscript.ofRequests([bytes])
            #expect(ParserTranscript.ofRequests([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole)
        }
    }
}
