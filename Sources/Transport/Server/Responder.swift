internal import Synchronization

/// The right to answer one request, once, now or later, from any thread. A responder that is dropped without an
/// answer answers 500, so that no client hangs on a forgotten one.
package final class Responder: Sendable {
    private let claim: AnswerClaim
    private let mailbox: Mailbox
    private let exchange: ExchangeID
    /// What logs call the request.
    package let request: RequestID

    /// A responder that shares `claim` with the connection.
    init(_ claim: AnswerClaim, mailbox: Mailbox, exchange: ExchangeID, request: RequestID) {
        self.claim = claim
        self.mailbox = mailbox
        self.exchange = exchange
        self.request = request
    }

    deinit {
        if claim.take() { mailbox.post(.respond(exchange, .text(500, "the request was not answered"))) }
    }

    /// Answers.
    /// - Returns: false when it was answered before, or the client has gone.
    @discardableResult
    package func respond(_ response: HTTPResponse) -> Bool {
        claim.take() && mailbox.post(.respond(exchange, response))
    }

    /// Answers with a body of unknown length, sent as it is written.
    /// - Parameters:
    ///   - response: status and fields; its body must be empty.
    ///   - capacity: bytes that may wait for a slow client before `write` says `full`.
    /// - Returns: nil when it was answered before, or the client has gone.
    package func stream(_ response: HTTPResponse, capacity: Int = 256 << 10) -> ResponseStream? {
        guard claim.take() else { return nil }
        let stream = ResponseStream(mailbox: mailbox, exchange: exchange, capacity: capacity)
        return mailbox.post(.startStream(exchange, response, stream)) ? stream : nil
    }

    /// Calls `body` when the client goes before the answer: at once if it has gone, else on the loop. Replaces
    /// an earlier one.
    package func onDisconnect(_ body: @escaping @Sendable () -> Void) { claim.onDisconnect(body) }

    /// Whether an answer can still be given.
    package var isOpen: Bool { claim.isOpen }
}

/// Whether a request may still be answered, as its responder and its connection both know it.
final class AnswerClaim: Sendable {
    private struct State {
        var isTaken = false
        var isDisconnected = false
        var onDisconnect: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Whether nobody has answered and the client is there.
    var isOpen: Bool { state.withLock { !$0.isTaken && !$0.isDisconnected } }

    /// Takes the right to answer, if it is still there.
    func take() -> Bool {
        state.withLock { state in
            guard !state.isTaken, !state.isDisconnected else { return false }
            state.isTaken = true
            state.onDisconnect = nil
            return true
        }
    }

    /// Remembers what to do when the client goes; does it now if it has gone.
    func onDisconnect(_ body: @escaping @Sendable () -> Void) {
        let isGone = state.withLock { state in
            if !state.isTaken, !state.isDisconnected { state.onDisconnect = body }
            return state.isDisconnected
        }
        if isGone { body() }
    }

    /// The client has gone.
    func disconnect() {
        let body = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.isTaken, !state.isDisconnected else { return nil }
            state.isDisconnected = true
            defer { state.onDisconnect = nil }
            return state.onDisconnect
        }
        body?()
    }
}
