package import HTTPWire

/// What a response carries.
package enum HTTPBody: Sendable {
    /// Nothing.
    case empty
    /// Bytes of its own.
    case bytes([UInt8])
    /// A range of a shared buffer, sent without copying. The range must lie within the buffer.
    case shared(SharedBuffer, Range<Int>)

    /// Number of bytes.
    package var count: Int {
        switch self {
        case .empty: 0
        case .bytes(let bytes): bytes.count
        case .shared(_, let range): range.count
        }
    }
}

/// An answer. `Content-Length`, `Date` and `Connection` are added on the way out and must not be set.
package struct HTTPResponse: Sendable {
    /// The status, 200 to 599.
    package var status: Int
    /// Fields beside those that the serializer adds.
    package var headers: HTTPHeaders
    /// The body.
    package var body: HTTPBody

    /// An answer with any body.
    package init(_ status: Int, headers: HTTPHeaders = HTTPHeaders(), body: HTTPBody = .empty) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// One line of plain text.
    package static func text(
        _ status: Int, _ line: String, headers: HTTPHeaders = HTTPHeaders()
    ) -> HTTPResponse {
        var headers = headers
        headers["Content-Type"] = "text/plain; charset=utf-8"
        return HTTPResponse(status, headers: headers, body: .bytes(Array((line + "\n").utf8)))
    }

    /// A JSON document.
    package static func json(_ status: Int, _ document: [UInt8]) -> HTTPResponse {
        HTTPResponse(status, headers: ["Content-Type": "application/json"], body: .bytes(document))
    }

    /// "Come back later": 503, or another status, with `Retry-After` in whole seconds.
    package static func retry(_ status: Int = 503, afterSeconds seconds: Int, _ line: String) -> HTTPResponse
    {
        text(status, line, headers: ["Retry-After": String(max(0, seconds))])
    }
}

extension HTTPSerializer {
    /// The head of a response; see ``head(status:headers:length:keepAlive:date:)``.
    /// - Throws: `HTTPFieldError` for a field that must not be sent.
    package static func head(
        of response: HTTPResponse, length: BodyLength, keepAlive: Bool, date: Int64
    ) throws(HTTPFieldError) -> [UInt8] {
        try head(
            status: response.status, headers: response.headers, length: length, keepAlive: keepAlive,
            date: date)
    }
}
