internal import Cryptography
internal import HTTPWire
internal import Messages
internal import Operations
internal import Transport

/// Large reports go on where a broken line stopped them.
extension ServerLink {
    /// Bytes of the longest report that goes in one piece always: of a shorter one little is lost.
    static let longestWhole = 1 << 20

    /// Sends a report. With `asks`, or after an earlier upload was cut off, the server is asked first how much of it is there.
    func put(_ entry: OutboxEntry, asks: Bool) throws -> ClientResponse {
        let path = paths.update(round: entry.round)
        guard entry.body.count > Self.longestWhole else {
            return try client.perform(
                ClientRequest(
                    .put, path, headers: ["Content-Type": "application/octet-stream"],
                    body: .bytes(entry.body)))
        }
        return try send(upload(entry.body, to: path, run: entry.run, round: entry.round), asks: asks)
    }

    /// Uploads in parts from the beginning where the line broke since the last upload.
    func send(_ upload: ResumableUpload, asks: Bool = false) throws -> ClientResponse {
        let asks = asks || isLineBroken
        isLineBroken = false
        return try client.upload(upload, asks: asks)
    }

    /// A report on its way to `path` in parts. Throws where it cannot be hashed.
    func upload(_ body: [UInt8], to path: String, run: String, round: Int) throws -> ResumableUpload {
        let digest = try SHA256.text(of: body)
        let question = ClientRequest(
            .get, paths.update(round: round),
            query: [("run", run), ("sha256", digest), ("bytes", String(body.count))])
        return ResumableUpload(
            path: path, query: [("run", run), ("sha256", digest)], body: body, question: question,
            offsetField: AgentProtocol.uploadOffsetHeader
        ) { [log] answer in
            guard let received = try? ReceivedBytes(decoding: answer).received else { return nil }
            log.info(
                "sending what is missing of a report",
                [
                    "round": .integer(round), "there": .integer(received), "bytes": .integer(body.count),
                ])
            return received
        }
    }
}
