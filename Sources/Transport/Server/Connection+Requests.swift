internal import HTTPWire

extension Connection {
    /// Records read in one turn before other connections are served.
    private static let recordsPerTurn = 16

    // MARK: Reading

    /// Reads what has come, as far as the phase wants input.
    func readInput() {
        let session = socket.session
        for _ in 0..<Self.recordsPerTurn {
            guard phase.takesInput else { return }
            switch session.read(into: loop.readBuffer) {
            case .done(let count):
                consume(UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]))
            case .wantsRead, .wantsWrite: return
            case .closed, .failed: return close()
            }
        }
        if session.hasPending { loop.resume(socket.key) }
    }

    private func consume(_ input: UnsafeRawBufferPointer) {
        switch phase {
        case .answer, .stream:
            shared.observe(peer.refused(.pipelined))
            return close()
        default: break
        }
        if case .head = phase, reader.isIdle { setDeadline(loop.now + timeouts.head) }
        var position = 0
        while true {
            let step: RequestReader.Step
            do throws(HTTPRefusal) {
                step = try reader.next(input, &position)
            } catch {
                shared.observe(peer.refused(error))
                return refuse(.text(error.status, error.reason))
            }
            switch step {
            case .needsInput: return
            case .request(let head):
                dispatch(head)
                if head.bodyLength == .none { return }
            case .body(let range):
                guard case .body(let sink) = phase else { return }
                deadline.windowBytes += range.count
                exchange?.bytesIn += range.count
                if case .stop(let response) = sink.receive(UnsafeRawBufferPointer(rebasing: input[range])) {
                    // The sink has ended itself; it must not hear `abandon` too.
                    phase = .answer
                    return refuse(response)
                }
            case .bodyEnded:
                guard case .body(let sink) = phase else { return }
                phase = .answer
                return answer(by: sink)
            }
            // An early answer leaves the rest of the input unread.
            guard phase.isReading else { return }
        }
    }

    private func answer(by sink: any BodySink) {
        setDeadline(loop.now + timeouts.answer)
        if case .respond(let response) = sink.finish() { answerNow(response) }
        exchange?.responder = nil
    }

    /// Hands a checked request to the handler.
    private func dispatch(_ head: HTTPRequestHead) {
        requestCount += 1
        let exchange = Exchange(
            head, number: requestCount, keepsAlive: head.keepsAlive && !loop.isDraining)
        let responder = exchange.makeResponder(loop.mailbox, key: socket.key)
        self.exchange = exchange
        phase = .answer
        if let refusal = peer.refusal(asking: head.target.path, of: shared) { return refuse(refusal) }
        setDeadline(loop.now + timeouts.answer)
        let hasBody = head.bodyLength != .none
        let request = HTTPRequest(head: head, peer: peer.identity, address: peer.address)
        switch shared.handler.handle(request, responder) {
        case .respond(let response):
            if hasBody { self.exchange?.keepsAlive = false }
            answerNow(response)
        case .later where hasBody:
            shared.observe(
                .invalidResponse(path: head.target.path, reason: "'later' leaves a body unread"))
            refuse(.text(500, "internal fault"))
        case .later: break
        case .receive(_, _, let sink) where !hasBody: answer(by: sink)
        case .receive(let limit, let reserving, let sink):
            self.exchange?.responder = responder
            receive(head, limit, reserving, sink)
        }
    }

    private func receive(_ head: HTTPRequestHead, _ limit: Int, _ reserving: Int?, _ sink: any BodySink) {
        let limit = min(limit, shared.configuration.limits.bodyBytes)
        if let refusal = exchange?.admit(
            head.bodyLength, limit: limit, reserving: reserving, by: peer, to: shared)
        {
            sink.abandon()
            return refuse(refusal)
        }
        reader.bodyLimit = limit
        phase = .body(sink)
        beginWindow()
        if head.expectsContinue {
            output.appendContinue()
            flush()
        }
    }

    // MARK: Answering

    /// Answers a request that the handler kept, unless it is another one by now.
    func respond(_ number: UInt64, _ response: HTTPResponse) {
        guard exchange?.number == number, case .answer = phase else { return }
        send(response)
        updateInterest()
    }

    /// Answers within a call of the handler or its sink. Where it answered through the responder as well, that answer,
    /// already posted, counts.
    private func answerNow(_ response: HTTPResponse) {
        if exchange?.takeAnswer() == true { send(response) }
    }

    /// Answers and closes: input that may follow cannot be trusted, or is not wanted.
    func refuse(_ response: HTTPResponse) {
        if case .body(let sink) = phase { sink.abandon() }
        exchange?.keepsAlive = false
        _ = exchange?.takeAnswer()
        send(response)
    }

    private func send(_ response: HTTPResponse) {
        let keepsAlive = (exchange?.keepsAlive ?? false) && !loop.isDraining
        do throws(HTTPFieldError) {
            try output.append(response, to: exchange?.method, keepsAlive: keepsAlive)
        } catch {
            shared.observe(.invalidResponse(path: exchange?.path ?? "", reason: error.description))
            return send(.text(500, "internal fault"))
        }
        exchange?.keepsAlive = keepsAlive
        if let exchange {
            let bytesOut = exchange.method == .head ? 0 : response.body.count
            shared.observe(exchange.answered(response.status, bytesOut: bytesOut, by: peer))
        }
        exchange?.release(to: shared)
        phase = .send
        beginWindow()
        flush()
    }

    /// Sends what waits, as far as the socket takes it.
    func flush() {
        let progress = output.write(to: socket.session) { count, credit in
            deadline.windowBytes += count
            if credit > 0, case .stream(let stream, _) = phase { stream.sent(credit) }
        }
        switch progress {
        case .emptied: outputEmptied()
        case .waits: break
        case .closed: close()
        }
    }

    private func outputEmptied() {
        switch phase {
        case .send, .stream(_, finished: true):
            guard exchange?.keepsAlive == true else {
                exchange = nil
                return beginLinger()
            }
            reader.bodyLimit = shared.configuration.limits.bodyBytes
            expectHead()
            // A next request may have been decrypted already, and then the socket stays silent about it.
            if socket.session.hasPending { loop.resume(socket.key) }
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
        let wasIdle = output.isEmpty
        do throws(HTTPFieldError) {
            try output.appendHead(ofStream: response, keepsAlive: exchange?.keepsAlive ?? false)
        } catch {
            shared.observe(.invalidResponse(path: exchange?.path ?? "", reason: error.description))
            stream.disconnect()
            return respond(number, .text(500, "internal fault"))
        }
        exchange?.release(to: shared)
        phase = .stream(stream, finished: false)
        if wasIdle { beginWindow() }
        ready(.write)
    }

    /// Sends one chunk.
    func stream(_ number: UInt64, _ bytes: [UInt8]) {
        guard exchange?.number == number, case .stream(_, finished: false) = phase else { return }
        if output.isEmpty { beginWindow() }
        output.appendChunk(bytes)
        ready(.write)
    }

    /// Sends the end of the chunks.
    func finishStream(_ number: UInt64) {
        guard exchange?.number == number, case .stream(let stream, finished: false) = phase else { return }
        if let exchange { shared.observe(exchange.answered(200, bytesOut: 0, by: peer)) }
        phase = .stream(stream, finished: true)
        if output.isEmpty { beginWindow() }
        output.appendLastChunk()
        ready(.write)
    }
}
