internal import HTTPWire

extension Connection {
    /// Records written in one turn before other connections are served.
    private static let recordsPerTurn = 32

    /// Answers a request that the handler kept, unless it is another one by now.
    func respond(_ number: UInt64, _ response: HTTPResponse) {
        guard exchange?.number == number, case .answer = phase else { return }
        send(response)
        updateInterest()
    }

    /// Answers within a call of the handler or its sink.
    func answerNow(_ response: HTTPResponse) {
        guard exchange?.claim.take() == true else {
            // It answered through the responder as well; that answer, already posted, counts.
            return
        }
        send(response)
    }

    /// Answers and closes: input that may follow cannot be trusted, or is not wanted.
    func refuse(_ response: HTTPResponse) {
        if case .body(let sink) = phase { sink.abandon() }
        exchange?.keepsAlive = false
        _ = exchange?.claim.take()
        send(response)
    }

    private func send(_ response: HTTPResponse) {
        let keepsAlive = (exchange?.keepsAlive ?? false) && !loop.isDraining
        let length = response.body.count
        let isHead = exchange?.method == .head
        do throws(HTTPFieldError) {
            let head = try HTTPSerializer.head(
                of: response, length: length > 0 ? .fixed(length) : .none, keepAlive: keepsAlive,
                date: MonotonicClock.secondsSince1970())
            output.append(head: head, body: isHead ? .empty : response.body)
        } catch {
            shared.observe(.invalidResponse(path: exchange?.path ?? "", reason: error.description))
            return send(.text(500, "internal fault"))
        }
        exchange?.keepsAlive = keepsAlive
        report(response.status, bytesOut: isHead ? 0 : length)
        releaseReservation()
        phase = .send
        beginWindow()
        flush()
    }

    private func report(_ status: Int, bytesOut: Int) {
        guard let exchange else { return }
        shared.observe(
            .answered(
                TransportEvent.Answered(
                    method: exchange.method, path: exchange.path, status: status, bytesIn: exchange.bytesIn,
                    bytesOut: bytesOut, microseconds: MonotonicClock.microseconds() - exchange.startedAt,
                    peer: peer?.fingerprintText, address: address, request: exchange.id)))
    }

    /// Sends what waits, as far as the socket takes it.
    func flush() {
        var records = 0
        while !output.isEmpty {
            guard records < Self.recordsPerTurn else { return }
            records += 1
            switch output.withFront(session.write) {
            case .done(let count):
                windowBytes += count
                let credit = output.consume(count)
                if credit > 0, case .stream(let stream, _) = phase { stream.sent(credit) }
            case .wantsRead, .wantsWrite: return
            case .closed, .failed: return close()
            }
        }
        outputEmptied()
    }

    private func outputEmptied() {
        switch phase {
        case .send, .stream(_, finished: true):
            guard exchange?.keepsAlive == true else {
                exchange = nil
                return beginLinger()
            }
            parser.bodyLimit = shared.configuration.limits.bodyBytes
            expectHead()
            // A next request may have been decrypted already, and then the socket stays silent about it.
            if session.hasPending { loop.resume(key) }
        case .stream: setDeadline(.max)
        default: break
        }
    }

    // MARK: Streams

    /// Begins a response in chunks.
    func startStream(_ number: UInt64, _ response: HTTPResponse, _ stream: ResponseStream) {
        guard exchange?.number == number, case .answer = phase else { return stream.disconnect() }
        guard exchange?.method != .head else {
            stream.disconnect()
            return respond(number, .text(405, "a stream has no length to tell"))
        }
        let head: [UInt8]
        do throws(HTTPFieldError) {
            head = try HTTPSerializer.head(
                of: response, length: .chunked, keepAlive: exchange?.keepsAlive ?? false,
                date: MonotonicClock.secondsSince1970())
        } catch {
            shared.observe(.invalidResponse(path: exchange?.path ?? "", reason: error.description))
            stream.disconnect()
            return respond(number, .text(500, "internal fault"))
        }
        releaseReservation()
        phase = .stream(stream, finished: false)
        queue(head, credit: 0)
    }

    /// Sends one chunk.
    func stream(_ number: UInt64, _ bytes: [UInt8]) {
        guard exchange?.number == number, case .stream(_, finished: false) = phase else { return }
        queue(HTTPSerializer.chunkHeader(bytes.count) + bytes + [0x0D, 0x0A], credit: bytes.count)
    }

    /// Sends the end of the chunks.
    func finishStream(_ number: UInt64) {
        guard exchange?.number == number, case .stream(let stream, finished: false) = phase else { return }
        report(200, bytesOut: 0)
        phase = .stream(stream, finished: true)
        queue(Array("0\r\n\r\n".utf8), credit: 0)
    }

    private func queue(_ bytes: [UInt8], credit: Int) {
        if output.isEmpty { beginWindow() }
        output.append(bytes, credit: credit)
        ready(.write)
    }
}
