package import HTTPWire

extension HTTPResponse {
    /// The answer to a GET or HEAD of an immutable representation: 200, 206 for a `Range` (with `If-Range`
    /// honoured), 304 when `If-None-Match` names it, 416 outside it.
    /// - Parameters:
    ///   - buffer: the representation.
    ///   - tag: its entity tag without quotes, for instance its SHA-256 in hexadecimal.
    ///   - contentType: its media type.
    ///   - headers: the request's fields.
    /// - Returns: the response, which refers to `buffer` without a copy.
    package static func representation(
        _ buffer: SharedBuffer, tag: String, contentType: String, request headers: HTTPHeaders
    ) -> HTTPResponse {
        let quoted = "\"\(tag)\""
        var fields: HTTPHeaders = ["ETag": quoted, "Accept-Ranges": "bytes"]
        if headers.list("if-none-match", contains: quoted) || headers["if-none-match"] == "*" {
            return HTTPResponse(304, headers: fields)
        }
        fields["Content-Type"] = contentType
        let condition = headers["if-range"]
        let asked = condition == nil || condition == quoted ? headers["range"] : nil
        switch ByteRange(asked, of: buffer.count) {
        case .whole:
            return HTTPResponse(200, headers: fields, body: .shared(buffer, 0..<buffer.count))
        case .part(let range):
            fields["Content-Range"] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(buffer.count)"
            return HTTPResponse(206, headers: fields, body: .shared(buffer, range))
        case .unsatisfiable:
            return HTTPResponse(416, headers: ["ETag": quoted, "Content-Range": "bytes */\(buffer.count)"])
        }
    }
}
