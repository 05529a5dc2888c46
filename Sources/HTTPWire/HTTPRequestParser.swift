/// The head of a request as it was received and checked.
package struct HTTPRequestHead: Sendable, Equatable {
    /// The method.
    package let method: HTTPMethod
    /// Path and query, decoded.
    package let target: RequestTarget
    /// All fields, names in lower case.
    package let headers: HTTPHeaders
    /// How the body is framed.
    package let bodyLength: BodyLength
    /// Whether the connection may serve another request after this one.
    package let keepsAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body.
    package let expectsContinue: Bool
}

/// Strict incremental parser of HTTP/1.1 requests (RFC 9112, a subset: see `HTTPRefusal` for what it turns away).
///
///     while true {
///         switch try parser.next(input, &position) { … }
///     }
package struct HTTPRequestParser: Sendable {
    private var reader: HTTPMessageReader
    private var startLine: (method: HTTPMethod, target: RequestTarget)?

    /// A parser that stores at most what `limits` allow.
    package init(limits: HTTPLimits = HTTPLimits()) { reader = HTTPMessageReader(limits: limits) }

    /// Most body bytes of the current request; a handler may narrow it once it has seen the head.
    package var bodyLimit: Int {
        get { reader.limits.bodyBytes }
        set { reader.limits.bodyBytes = newValue }
    }

    /// Whether no byte of a next request was seen.
    package var isIdle: Bool { reader.isIdle }

    /// The next event in `input[position...]`; advances `position` over what was consumed.
    /// - Throws: `HTTPRefusal`; from then on always the same.
    package mutating func next(
        _ input: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(HTTPRefusal) -> HTTPEvent<HTTPRequestHead> {
        while true {
            switch try reader.next(input, &position) {
            case .needsInput: return .needsInput
            case .body(let range): return .body(range)
            case .end: return .end
            case .startLine(let line):
                do throws(HTTPRefusal) { startLine = try Self.parse(line) } catch {
                    throw reader.refuse(error)
                }
            case .headers(let headers):
                do throws(HTTPRefusal) { return .head(try head(headers)) } catch {
                    throw reader.refuse(error)
                }
            }
        }
    }

    /// Says that the connection ended here.
    /// - Throws: `truncated` when it ended inside a request.
    package func finish() throws(HTTPRefusal) { guard isIdle else { throw .truncated } }

    private static func parse(
        _ line: [UInt8]
    ) throws(HTTPRefusal) -> (method: HTTPMethod, target: RequestTarget) {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(HTTPCharacters.isToken) else {
            throw .malformedStartLine
        }
        try HTTPVersion.check(parts[2])
        guard let method = HTTPMethod(rawValue: String(decoding: parts[0], as: UTF8.self)) else {
            throw .unknownMethod
        }
        return (method, try RequestTarget(parsing: parts[1]))
    }

    private mutating func head(_ headers: HTTPHeaders) throws(HTTPRefusal) -> HTTPRequestHead {
        guard let (method, target) = startLine else { throw .malformedStartLine }
        guard let host = headers["host"], !host.isEmpty, host.utf8.allSatisfy(HTTPCharacters.isHost) else {
            throw .malformedHost
        }
        let length = try HTTPMessageReader.bodyLength(headers) ?? .none
        if length != .none, method == .get || method == .head { throw .unexpectedBody }
        let expectation = headers["expect"]
        if let expectation,
            !expectation.utf8.map(HTTPCharacters.lowercased).elementsEqual("100-continue".utf8)
        {
            throw .unsupportedExpectation
        }
        try reader.expectBody(length)
        startLine = nil
        return HTTPRequestHead(
            method: method, target: target, headers: headers, bodyLength: length,
            keepsAlive: !headers.list("connection", contains: "close"),
            expectsContinue: expectation != nil && length != .none)
    }
}

/// The version of the protocol: HTTP/1.1 and nothing else.
enum HTTPVersion {
    /// Refuses any version but HTTP/1.1; a well-formed other one differently from garbage.
    static func check(_ bytes: ArraySlice<UInt8>) throws(HTTPRefusal) {
        if bytes.elementsEqual("HTTP/1.1".utf8) { return }
        let digits = [bytes.dropFirst(5).first, bytes.last]
        let isVersion =
            bytes.count == 8 && bytes.starts(with: "HTTP/".utf8)
            && bytes.dropFirst(6).first == UInt8(ascii: ".")
            && digits.allSatisfy { (0x30...0x39).contains($0 ?? 0) }
        throw isVersion ? .unsupportedVersion : .malformedStartLine
    }
}
