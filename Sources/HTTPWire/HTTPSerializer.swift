/// A header that must not go on the wire; names the field and never the value.
package struct HTTPFieldError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The offending field's name, with what is no token character replaced.
    package let field: String
    /// What, for a log.
    package var description: String { "the header \(field) is not allowed or contains control characters" }
}

/// Writes heads. The only way to the wire: names must be tokens, values free of CR, LF and other control
/// characters, and framing fields come from the serializer alone, so nothing a caller passes in can add a
/// header or split a message.
package enum HTTPSerializer {
    private static let framing: Set<String> = [
        "connection", "content-length", "date", "host", "transfer-encoding", "expect",
    ]

    /// The head of a response.
    /// - Parameters:
    ///   - status: the status code; its reason phrase follows from it.
    ///   - headers: fields beside those that the serializer adds.
    ///   - length: how the body will be framed; `.none` writes `Content-Length: 0` where a length belongs.
    ///   - keepAlive: whether the connection stays open behind the response.
    ///   - date: seconds since 1970 for `Date`.
    /// - Returns: the head's bytes up to its empty line.
    /// - Throws: `HTTPFieldError` for a field that must not be sent.
    package static func head(
        status: Int, headers: HTTPHeaders, length: BodyLength, keepAlive: Bool, date: Int64
    ) throws(HTTPFieldError) -> [UInt8] {
        var lines = "HTTP/1.1 \(status) \(reason(status))\r\n"
        lines += "Date: \(HTTPDate.format(date))\r\n"
        switch length {
        case .chunked: lines += "Transfer-Encoding: chunked\r\n"
        case .fixed(let count): lines += "Content-Length: \(count)\r\n"
        case .none where status == 204 || status == 304: break
        case .none: lines += "Content-Length: 0\r\n"
        }
        if !keepAlive { lines += "Connection: close\r\n" }
        return Array(try append(headers, to: &lines).utf8)
    }

    /// The head of a request.
    /// - Parameters:
    ///   - method: the method, a token.
    ///   - target: absolute path and query, already percent-encoded; for `CONNECT` host and port.
    ///   - host: the value of `Host`.
    ///   - headers: fields beside those that the serializer adds.
    ///   - length: how the body will be framed.
    ///   - keepAlive: whether the connection stays open behind the exchange.
    ///   - expectsContinue: whether the body waits for `100 Continue`.
    /// - Returns: the head's bytes up to its empty line.
    /// - Throws: `HTTPFieldError` for a field, target or host that must not be sent.
    package static func head(
        method: String, target: String, host: String, headers: HTTPHeaders, length: BodyLength,
        keepAlive: Bool = true, expectsContinue: Bool = false
    ) throws(HTTPFieldError) -> [UInt8] {
        guard method.utf8.allSatisfy(HTTPCharacters.isToken), !method.isEmpty else {
            throw HTTPFieldError(field: "method")
        }
        guard !target.isEmpty, target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw HTTPFieldError(field: "target")
        }
        guard !host.isEmpty, host.utf8.allSatisfy(HTTPCharacters.isHost) else {
            throw HTTPFieldError(field: "host")
        }
        var lines = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n"
        switch length {
        case .chunked: lines += "Transfer-Encoding: chunked\r\n"
        case .fixed(let count): lines += "Content-Length: \(count)\r\n"
        case .none:
            if method == "POST" || method == "PUT" { lines += "Content-Length: 0\r\n" }
        }
        if !keepAlive { lines += "Connection: close\r\n" }
        if expectsContinue { lines += "Expect: 100-continue\r\n" }
        return Array(try append(headers, to: &lines).utf8)
    }

    /// The size line before a chunk of `count` bytes; the chunk is followed by CRLF.
    package static func chunkHeader(_ count: Int) -> [UInt8] {
        Array((String(count, radix: 16) + "\r\n").utf8)
    }

    private static func append(
        _ headers: HTTPHeaders, to lines: inout String
    ) throws(HTTPFieldError) -> String {
        for field in headers.fields {
            let name = field.name.utf8
            guard !name.isEmpty, name.allSatisfy(HTTPCharacters.isToken),
                field.value.utf8.allSatisfy(HTTPCharacters.isFieldValue),
                !framing.contains(field.name.lowercased())
            else {
                let shown = name.map { HTTPCharacters.isToken($0) ? $0 : UInt8(ascii: "?") }
                throw HTTPFieldError(field: String(decoding: shown, as: UTF8.self))
            }
            lines += "\(field.name): \(field.value)\r\n"
        }
        lines += "\r\n"
        return lines
    }

    /// The phrase of RFC 9110 for `status`, or "Status".
    package static func reason(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: "Status"
        }
    }
}
