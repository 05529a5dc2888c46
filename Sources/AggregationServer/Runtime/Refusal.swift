internal import HTTPWire
internal import Messages
internal import Transport

extension HTTPResponse {
    /// An answer that says no: a word for programs and, cut short and without control characters, words for people.
    static func refusal(_ status: Int, _ error: String, _ detail: String, retryAfter: Int? = nil)
        -> HTTPResponse
    {
        let plain = String(
            detail.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : Character($0) })
        let answer = ErrorAnswer(error: error, detail: String(plain.prefix(200)))
        var response = HTTPResponse.json(status, (try? answer.encoded()) ?? Array("{}".utf8))
        if let retryAfter { response.headers["Retry-After"] = String(retryAfter) }
        return response
    }
}
