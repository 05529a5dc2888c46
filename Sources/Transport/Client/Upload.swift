internal import HTTPWire

/// A body that may go in several requests, each with all that is missing, to a server that keeps what has come.
package struct ResumableUpload: Sendable {
    /// Where the body goes.
    package var path: String
    /// Query of each request that carries a part of it.
    package var query: [(String, String)]
    /// The whole body.
    package var body: [UInt8]
    /// Asks how much of it is there.
    package var question: ClientRequest
    /// Reads the answer: bytes from the beginning, fewer than all; nil where it makes no sense.
    package var received: @Sendable ([UInt8]) -> Int?
    /// Field of a refusal whose sender has lost parts, or has others.
    package var offsetField: String

    package init(
        path: String, query: [(String, String)], body: [UInt8], question: ClientRequest, offsetField: String,
        received: @escaping @Sendable ([UInt8]) -> Int?
    ) {
        self.path = path
        self.query = query
        self.body = body
        self.question = question
        self.offsetField = offsetField
        self.received = received
    }

    /// The request with what follows the first `count` bytes.
    fileprivate func part(after count: Int) -> ClientRequest {
        ClientRequest(
            .put, path, query: query,
            headers: [
                "Content-Type": "application/octet-stream",
                "Content-Range": "bytes \(count)-\(body.count - 1)/\(body.count)",
            ], body: .slice(body[count...]))
    }

    /// The request with all of it, as servers take it that keep no parts.
    fileprivate var whole: ClientRequest {
        ClientRequest(
            .put, path, query: query, headers: ["Content-Type": "application/octet-stream"],
            body: .bytes(body))
    }
}

extension HTTPClient {
    /// Uploads a body: whole at first, or in what is missing where `asks`; after a failure always the latter. A server that
    /// keeps no parts gets it whole. Attempts that bring the server nothing new are limited by the retry policy.
    /// - Returns: the answer to the last part, or what the server said instead of how much is there.
    package func upload(
        _ upload: ResumableUpload, asks: Bool, limit: Int = 64 << 10
    ) throws(ClientError) -> ClientResponse {
        var progress = UploadProgress(asks: asks)
        return try retrying { failures throws(ClientError) in
            guard progress.asks, progress.keepsParts else {
                progress.asks = true
                return try accepted(upload.whole, limit)
            }
            let answer = try accepted(upload.question, limit)
            switch answer.status {
            case 200: break
            case 404, 405:
                progress.keepsParts = false
                return try accepted(upload.whole, limit)
            default: return answer
            }
            guard let count = upload.received(answer.body), (0..<upload.body.count).contains(count) else {
                throw .network("the server does not say how much of the upload it has")
            }
            if count > progress.most { (progress.most, failures) = (count, 0) }
            let response = try accepted(upload.part(after: count), limit)
            guard response.status >= 400, response.head.headers[upload.offsetField] != nil else {
                return response
            }
            // What came was not these bytes: then in one piece, for better or worse.
            if response.status == 422 { progress.keepsParts = false }
            throw .status(503, reason: response.reason)
        }
    }

    private func accepted(_ request: ClientRequest, _ limit: Int) throws(ClientError) -> ClientResponse {
        let response = try exchange(request, limit: limit)
        try accept(response)
        return response
    }
}

/// What an upload has learnt of the server.
private struct UploadProgress {
    /// Whether the server is asked first.
    var asks: Bool
    var keepsParts = true
    /// The greatest number of bytes that were there.
    var most = 0
}
