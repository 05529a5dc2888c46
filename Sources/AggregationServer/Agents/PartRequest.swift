internal import HTTPWire
internal import Notation
internal import Transport

/// What a request says of the report that it brings a part of, or asks about. Strict: the part is all that is missing.
struct PartRequest {
    /// SHA-256 of the whole report, lower-case hexadecimal.
    let sha256: String
    /// Bytes of the whole report.
    let bytes: Int
    /// Bytes before the part; 0 in a question.
    let offset: Int

    /// Why a request is none.
    struct Problem: Error {
        let detail: String
        init(_ detail: String) { self.detail = detail }
    }

    /// Whether a `PUT` brings a part rather than a whole report.
    static func isOne(_ request: HTTPRequest) -> Bool { request.head.headers["content-range"] != nil }

    /// Reads a question.
    init(question request: HTTPRequest) throws(Problem) {
        sha256 = try Self.digest(request)
        let text = request.head.target.parameter("bytes") ?? ""
        guard let bytes = HTTPCharacters.decimal(text.utf8), bytes > 0 else {
            throw Problem("the query must say the bytes of the whole report")
        }
        self.bytes = bytes
        offset = 0
    }

    /// Reads the head of a part: `Content-Range: bytes N-LAST/COUNT` to the report's end, and as many bytes.
    init(part request: HTTPRequest) throws(Problem) {
        sha256 = try Self.digest(request)
        let text = request.head.headers["content-range"] ?? ""
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let ends = (parts.first ?? "").split(separator: "-", omittingEmptySubsequences: false)
        guard text.hasPrefix("bytes "), parts.count == 2, ends.count == 2,
            let first = HTTPCharacters.decimal(ends[0].dropFirst("bytes ".count).utf8),
            let last = HTTPCharacters.decimal(ends[1].utf8),
            let count = HTTPCharacters.decimal(parts[1].utf8), first <= last, last == count - 1
        else { throw Problem("Content-Range must be \"bytes N-LAST/COUNT\" up to the last byte") }
        guard request.head.bodyLength == .fixed(count - first) else {
            throw Problem("Content-Length and Content-Range do not agree")
        }
        (bytes, offset) = (count, first)
    }

    private static func digest(_ request: HTTPRequest) throws(Problem) -> String {
        guard let digest = request.head.target.parameter("sha256"), Hexadecimal.isText(digest, ofBytes: 32)
        else { throw Problem("the query must say the report's sha256 in lower-case hexadecimal") }
        return digest
    }
}
