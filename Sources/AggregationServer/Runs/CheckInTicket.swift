internal import HTTPWire
internal import Messages
internal import Synchronization
internal import Transport

/// A check-in in the hands of one run. Where several runs could use the agent each has such a share of the same check-in:
/// the first that has work gives the answer, and where none has, the last that says so.
final class CheckInTicket: Sendable {
    /// What all shares of one check-in have in common.
    private final class Shared: Sendable {
        struct State {
            /// Shares that have not said what they have.
            var waiting: Int
            /// The share that looks for work of its run, or has given it.
            var holder: Int?
            /// The best of the answers without work.
            var fallback: HTTPResponse?
            var onDisconnect: [@Sendable () -> Void] = []
        }

        let responder: Responder
        let state: Mutex<State>

        init(_ responder: Responder, shares: Int) {
            self.responder = responder
            state = Mutex(State(waiting: shares))
        }
    }

    private let shared: Shared
    private let number: Int
    private let isSpent = Mutex(false)

    private init(_ shared: Shared, number: Int) {
        self.shared = shared
        self.number = number
    }

    /// The check-in in the hands of the only run that it is for.
    convenience init(_ responder: Responder) { self.init(Shared(responder, shares: 1), number: 0) }

    deinit { conclude(nil) }

    /// One share for each of `count` runs, at least one.
    static func shares(of responder: Responder, count: Int) -> [CheckInTicket] {
        let shared = Shared(responder, shares: count)
        return (0..<count).map { CheckInTicket(shared, number: $0) }
    }

    /// What logs call the request.
    var request: RequestID { shared.responder.request }

    /// Whether work can still be given for it.
    var isOpen: Bool {
        shared.responder.isOpen && shared.state.withLock { $0.holder == nil || $0.holder == number }
    }

    /// Whether the agent still waits for an answer, whichever run looks for it.
    var isWaiting: Bool { shared.responder.isOpen && !isSpent.withLock { $0 } }

    /// Takes the right to give work: until ``release()`` no other run can.
    /// - Returns: false where another run has it, or the agent has had its answer.
    func reserve() -> Bool {
        guard shared.responder.isOpen else { return false }
        return shared.state.withLock { state in
            guard state.holder == nil || state.holder == number else { return false }
            state.holder = number
            return true
        }
    }

    /// Gives the right back: this run has no work after all.
    func release() {
        shared.state.withLock { if $0.holder == number { $0.holder = nil } }
    }

    /// Answers: work (200) at once, to be called with the right to give it; anything else once no other run has work.
    /// - Returns: whether the agent has or may yet have this answer.
    @discardableResult
    func respond(_ response: HTTPResponse) -> Bool {
        guard response.status == 200 else { return conclude(response) }
        isSpent.withLock { $0 = true }
        return shared.responder.respond(response)
    }

    /// Calls `body` when the agent goes before it has an answer.
    func onDisconnect(_ body: @escaping @Sendable () -> Void) {
        let all = shared.state.withLock { state in
            state.onDisconnect.append(body)
            return state.onDisconnect
        }
        shared.responder.onDisconnect { for body in all { body() } }
    }

    /// This run has no work for it. The last one to say so answers.
    @discardableResult
    private func conclude(_ response: HTTPResponse?) -> Bool {
        let isFirst = isSpent.withLock { spent in
            defer { spent = true }
            return !spent
        }
        guard isFirst else { return false }
        let answer = shared.state.withLock { state -> HTTPResponse? in
            state.waiting -= 1
            if state.holder == number { state.holder = nil }
            if let response { state.fallback = Self.better(state.fallback, response) }
            return state.waiting <= 0 && state.holder == nil ? state.fallback : nil
        }
        guard let answer else { return shared.responder.isOpen }
        return shared.responder.respond(answer)
    }

    /// Of two answers without work the one that an agent should have: to come again soon, before to come later, before a
    /// refusal.
    private static func better(_ first: HTTPResponse?, _ second: HTTPResponse) -> HTTPResponse {
        guard let first else { return second }
        func rank(_ response: HTTPResponse) -> Int {
            guard response.status == 204 else { return response.status == 503 ? 2 : 3 }
            return response.headers[AgentProtocol.runStateHeader] == "finished" ? 1 : 0
        }
        func seconds(_ response: HTTPResponse) -> Int {
            response.headers["retry-after"].flatMap { Int($0) } ?? .max
        }
        return (rank(second), seconds(second)) < (rank(first), seconds(first)) ? second : first
    }
}
