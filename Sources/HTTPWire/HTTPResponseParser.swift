/// The head of a response as it was received and checked.
package struct HTTPResponseHead: Sendable, Equatable {
    /// The status, 100 to 599.
    package let status: Int
    /// All fields, names in lower case.
    package let headers: HTTPHeaders
    /// How the body is framed.
    package let bodyLength: BodyLength
    /// Whether the connection may carry another request after this one.
    package let keepsAlive: Bool
}

/// Strict incremental parser of HTTP/1.1 responses, the client's half of `HTTPRequestParser`.
package struct HTTPResponseParser: Sendable {
    /// The request that is answered, as far as it decides whether the answer has a body (RFC 9112, section 6.3).
    package enum Answering: Sendable {
        case head
        case connect
        case other
    }

    private var reader: HTTPMessageReader
    private var status: Int?
    private let answering: Answering

    /// A parser of the answer to one kind of request, storing at most what `limits` allow.
    package init(limits: HTTPLimits = HTTPLimits(), answering: Answering = .other) {
        reader = HTTPMessageReader(limits: limits)
        self.answering = answering
    }

    /// Whether no byte of a next response was seen.
    package var isIdle: Bool { reader.isIdle }

    /// The next event in `input[position...]`; advances `position`. An interim response (status 1xx) is a head
    /// without `end`, after which the final one follows.
    /// - Throws: `HTTPRefusal`; from then on always the same.
    package mutating func next(
        _ input: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(HTTPRefusal) -> HTTPEvent<HTTPResponseHead> {
        while true {
            switch try reader.next(input, &position) {
            case .needsInput: return .needsInput
            case .body(let range): return .body(range)
            case .end: return .end
            case .startLine(let line):
                do throws(HTTPRefusal) { status = try parse(line) } catch { throw reader.refuse(error) }
            case .headers(let headers):
                do throws(HTTPRefusal) { return .head(try head(headers)) } catch {
                    throw reader.refuse(error)
                }
            }
        }
    }

    /// Says that the connection ended here.
    /// - Throws: `truncated` when it ended inside a response.
    package func finish() throws(HTTPRefusal) { guard isIdle else { throw .truncated } }

    private func parse(_ line: [UInt8]) throws(HTTPRefusal) -> Int {
        guard line.count >= 13, line[8] == 0x20, line[12] == 0x20,
            line[13...].allSatisfy(HTTPCharacters.isFieldValue),
            let status = HTTPCharacters.decimal(line[9..<12]), (100...599).contains(status)
        else { throw .malformedStartLine }
        // Many proxies answer CONNECT as HTTP/1.0; it has no body there, so nothing can be misread.
        if answering == .connect, line[..<8].elementsEqual("HTTP/1.0".utf8) { return status }
        try HTTPVersion.check(line[..<8])
        return status
    }

    private mutating func head(_ headers: HTTPHeaders) throws(HTTPRefusal) -> HTTPResponseHead {
        guard let status else { throw .malformedStartLine }
        let stated = try HTTPMessageReader.bodyLength(headers)
        let length: BodyLength
        if status < 200 || status == 204 || status == 304 || answering == .head {
            length = .none
        } else if answering == .connect {
            // The tunnel begins right after a success; after a refusal the connection is closed.
            length = .none
        } else {
            guard let stated else { throw .missingLength }
            length = stated
        }
        if status < 200 { reader.expectStartLine() } else { try reader.expectBody(length) }
        self.status = nil
        return HTTPResponseHead(
            status: status, headers: headers, bodyLength: length,
            keepsAlive: !headers.list("connection", contains: "close"))
    }
}
