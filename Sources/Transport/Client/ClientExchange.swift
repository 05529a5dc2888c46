internal import HTTPWire

/// One request and its answer on one connection.
final class ClientExchange {
    /// A body up to this size leaves with its head in one record.
    private static let coalesced = 8192
    /// Milliseconds to wait for `100 Continue` before the body is sent regardless (RFC 9110, 10.1.1).
    private static let continueTimeout: UInt64 = 2_000

    private let request: ClientRequest
    private let configuration: HTTPClientConfiguration
    private let pace: TransferPace?
    private let cancellation: CancellationSignal
    private let moved: () -> Void
    private var parser: HTTPResponseParser
    private var wasSent = true

    /// Whether any byte of an answer came.
    private(set) var sawResponse = false
    /// Whether the connection can carry another request.
    private(set) var keepsAlive = false

    /// An exchange that was not begun. `moved` is called whenever bytes of a body have moved.
    init(
        _ request: ClientRequest, _ configuration: HTTPClientConfiguration, pace: TransferPace?,
        _ cancellation: CancellationSignal, _ moved: @escaping () -> Void
    ) {
        self.request = request
        self.configuration = configuration
        self.pace = pace
        self.cancellation = cancellation
        self.moved = moved
        let answering: HTTPResponseParser.Answering = request.method == .head ? .head : .other
        parser = HTTPResponseParser(limits: configuration.limits, answering: answering)
    }

    /// Sends the request and streams the answer into `sink`.
    func run(
        on connection: ClientConnection, _ sink: any ResponseSink
    ) throws(ClientError) -> HTTPResponseHead {
        let count = request.body.count
        let expects = count > configuration.expectAbove
        let head: [UInt8]
        do throws(HTTPFieldError) {
            head = try HTTPSerializer.head(
                method: request.method.rawValue, target: request.target,
                host: configuration.server.description, headers: request.headers,
                length: count > 0 ? .fixed(count) : .none, expectsContinue: expects)
        } catch {
            throw .invalidRequest(error.description)
        }
        if let early = try send(head, expects, on: connection) {
            return try finish(early, on: connection, sink)
        }
        let answer = try nextHead(
            on: connection, until: MonotonicClock.milliseconds() + request.answerTimeout)
        guard let answer else { throw .timedOut("waiting for the answer") }
        return try finish(answer, on: connection, sink)
    }

    /// Sends head and body.
    /// - Returns: a final answer that came before the body was sent.
    private func send(
        _ head: [UInt8], _ expects: Bool, on connection: ClientConnection
    ) throws(ClientError) -> HTTPResponseHead? {
        if case .bytes(let bytes) = request.body, bytes.count <= Self.coalesced {
            _ = try send(head + bytes, on: connection)
            return nil
        }
        _ = try send(head, on: connection)
        if expects {
            let deadline = MonotonicClock.milliseconds() + Self.continueTimeout
            if let answer = try nextHead(on: connection, until: deadline, stoppingAtContinue: true),
                answer.status != 100
            {
                wasSent = false
                return answer
            }
        }
        switch request.body {
        case .empty: break
        case .bytes(let bytes): wasSent = try sendPaced(bytes[...], on: connection)
        case .slice(let bytes): wasSent = try sendPaced(bytes, on: connection)
        case .shared(let buffer): wasSent = try sendPaced(buffer.bytes, on: connection)
        }
        return nil
    }

    private func send(_ bytes: [UInt8], on connection: ClientConnection) throws(ClientError) -> Bool {
        try bytes.withUnsafeBufferPointer { (buffer) throws(ClientError) in
            try connection.send(UnsafeRawBufferPointer(buffer), stall: configuration.stallTimeout)
        }
    }

    private func sendPaced(
        _ bytes: ArraySlice<UInt8>, on connection: ClientConnection
    ) throws(ClientError) -> Bool {
        try bytes.withUnsafeBufferPointer { (buffer) throws(ClientError) in
            try sendPaced(UnsafeRawBufferPointer(buffer), on: connection)
        }
    }

    /// Bytes of a body between two signs of life.
    private static let piece = 1 << 20

    /// Sends a body, no faster than it may go. Returns whether all was sent: the server may answer before the end.
    private func sendPaced(
        _ bytes: UnsafeRawBufferPointer, on connection: ClientConnection
    ) throws(ClientError) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let allowed: Int
            switch pace?.up.allowance(of: rest.count) {
            case nil: allowed = Self.piece
            case .bytes(let count): allowed = min(count, Self.piece)
            case .after(let milliseconds):
                let pause = MonotonicClock.milliseconds() + milliseconds
                if try connection.waitForInput(until: pause) { return false }
                continue
            }
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(allowed))
            guard try connection.send(part, stall: configuration.stallTimeout) else { return false }
            pace?.up.spend(part.count)
            moved()
            rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
        }
        return true
    }

    /// Waits for the next head: a final one or, if asked, `100 Continue`.
    /// - Returns: nil at the deadline.
    private func nextHead(
        on connection: ClientConnection, until deadline: UInt64, stoppingAtContinue: Bool = false
    ) throws(ClientError) -> HTTPResponseHead? {
        while try connection.waitForInput(until: deadline) {
            sawResponse = true
            var found: HTTPResponseHead?
            try connection.withInput { (input) throws(ClientError) in
                var position = 0
                while found == nil {
                    let event = try next(input, &position)
                    guard case .head(let head) = event else { break }
                    if head.status >= 200 || stoppingAtContinue && head.status == 100 { found = head }
                }
                return position
            }
            if let found { return found }
        }
        return nil
    }

    private func next(
        _ input: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(ClientError) -> HTTPEvent<HTTPResponseHead> {
        do throws(HTTPRefusal) {
            return try parser.next(input, &position)
        } catch {
            throw .protocolViolation(error)
        }
    }

    /// Reads the body after `head`.
    private func finish(
        _ head: HTTPResponseHead, on connection: ClientConnection, _ sink: any ResponseSink
    ) throws(ClientError) -> HTTPResponseHead {
        try sink.begin(head)
        var isComplete = false
        while true {
            var count = 0
            try connection.withInput { (input) throws(ClientError) in
                var position = 0
                while true {
                    switch try next(input, &position) {
                    case .needsInput: return position
                    case .head: throw .protocolViolation(.pipelined)
                    case .body(let range):
                        count += range.count
                        try sink.receive(UnsafeRawBufferPointer(rebasing: input[range]))
                    case .end:
                        isComplete = true
                        return position
                    }
                }
            }
            if count > 0 { moved() }
            try pace?.down.pause(after: count, cancellation)
            if isComplete { break }
            let deadline = MonotonicClock.milliseconds() + configuration.stallTimeout
            guard try connection.waitForInput(until: deadline) else { throw .timedOut("reading the answer") }
        }
        keepsAlive = head.keepsAlive && wasSent
        return head
    }
}
