import HTTPWire
import Messages

@testable import Transport

/// A request over a connection of its own, of which the test says which bytes leave when.
final class HeldRequest {
    /// What the server answered.
    struct Answer {
        let status: Int
        let body: [UInt8]

        /// The word of a refusal.
        var word: String? { (try? ErrorAnswer(decoding: body))?.error }
    }

    private let connection: ClientConnection
    private let bytes: [UInt8]
    private var sent = 0
    private var parser: HTTPResponseParser
    private let stall: UInt64

    /// Connects as `client` does, and sends the first `count` bytes.
    init(_ client: HTTPClient, _ request: ClientRequest, first count: Int) throws {
        let configuration = client.configuration
        stall = configuration.stallTimeout
        bytes = try Self.bytes(client, request)
        parser = HTTPResponseParser(limits: configuration.limits, answering: .other)
        connection = try ClientConnection(
            configuration, resuming: nil, cancellation: client.cancellation)
        try send(min(count, bytes.count))
    }

    /// All bytes of a request, its head first.
    static func bytes(_ client: HTTPClient, _ request: ClientRequest) throws -> [UInt8] {
        var content: [UInt8] = []
        if case .bytes(let body) = request.body { content = body }
        let head = try HTTPSerializer.head(
            method: request.method.rawValue, target: request.target,
            host: client.configuration.server.description, headers: request.headers,
            length: content.isEmpty ? .none : .fixed(content.count))
        return head + content
    }

    private func send(_ end: Int) throws {
        _ = try bytes[sent..<end].withUnsafeBytes { try connection.send($0, stall: stall) }
        sent = end
    }

    /// Sends what is left and waits for the answer; nil where the server has closed the connection.
    func finish() throws -> Answer? {
        do {
            try send(bytes.count)
            return try answer()
        } catch is ClientError {
            return nil
        }
    }

    private func answer() throws -> Answer? {
        var status: Int?
        var body: [UInt8] = []
        var isComplete = false
        while !isComplete {
            guard try connection.waitForInput(until: MonotonicClock.milliseconds() + 10_000) else {
                return nil
            }
            try connection.withInput { (input) throws(ClientError) in
                var position = 0
                while true {
                    let event: HTTPEvent<HTTPResponseHead>
                    do throws(HTTPRefusal) {
                        event = try parser.next(input, &position)
                    } catch {
                        throw .protocolViolation(error)
                    }
                    switch event {
                    case .needsInput: return position
                    case .head(let head): status = head.status
                    case .body(let range): body += input[range]
                    case .end:
                        isComplete = true
                        return position
                    }
                }
            }
        }
        return status.map { Answer(status: $0, body: body) }
    }
}
