package import HTTPWire

/// What a request carries.
package enum ClientBody: Sendable {
    /// Nothing.
    case empty
    /// Bytes in memory.
    case bytes([UInt8])
    /// Some of the bytes in memory, which are not copied.
    case slice(ArraySlice<UInt8>)
    /// A shared buffer, for instance a mapped file (`SharedBuffer(mappingFileAt:)`).
    case shared(SharedBuffer)

    /// Number of bytes.
    package var count: Int {
        switch self {
        case .empty: 0
        case .bytes(let bytes): bytes.count
        case .slice(let bytes): bytes.count
        case .shared(let buffer): buffer.count
        }
    }
}

/// A request to the server of an `HTTPClient`.
package struct ClientRequest: Sendable {
    /// The method.
    package var method: HTTPMethod
    /// The target as it goes on the wire.
    package let target: String
    /// Fields beside those that the client sets.
    package var headers: HTTPHeaders
    /// The body.
    package var body: ClientBody
    /// Milliseconds from the last byte sent to the first of the answer; more than a long poll's wait.
    package var answerTimeout: UInt64 = 90_000

    /// A request for a plain path, which is percent-encoded here, with query parameters.
    package init(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [],
        headers: HTTPHeaders = HTTPHeaders(), body: ClientBody = .empty
    ) {
        self.method = method
        var target = Self.encoded(path, keeping: UInt8(ascii: "/"))
        for (index, (name, value)) in query.enumerated() {
            target += (index == 0 ? "?" : "&") + Self.encoded(name) + "=" + Self.encoded(value)
        }
        self.target = target
        self.headers = headers
        self.body = body
    }

    /// Percent-encodes all but the unreserved characters of RFC 3986.
    private static func encoded(_ text: String, keeping kept: UInt8? = nil) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
            case kept: bytes.append(byte)
            default: bytes += Array("%".utf8) + Hexadecimal.text([byte]).uppercased().utf8
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// An answer with its body in memory.
package struct ClientResponse: Sendable, Equatable {
    /// Status and fields.
    package let head: HTTPResponseHead
    /// The body.
    package let body: [UInt8]

    /// The status.
    package var status: Int { head.status }

    /// The body's first line, at most 200 printable characters, for messages.
    package var reason: String {
        let line = body.prefix { $0 != 0x0A && $0 != 0x0D }.prefix(200)
        return String(decoding: line.map { HTTPCharacters.isFieldValue($0) ? $0 : 0x3F }, as: UTF8.self)
    }
}

/// Takes a response piece by piece.
package protocol ResponseSink: AnyObject {
    /// The final head has come. A thrown error ends the request and the connection.
    func begin(_ head: HTTPResponseHead) throws(ClientError)
    /// The next bytes of the body, valid during the call.
    func receive(_ bytes: UnsafeRawBufferPointer) throws(ClientError)
}
