internal import Synchronization

/// How fast a client's bodies may move in each direction.
package final class TransferPace: Sendable {
    /// What is sent.
    package let up: TokenBucket
    /// What is received.
    package let down: TokenBucket

    /// Each closure gives the bytes a second that may move now, nil for any number; it is asked again and again.
    package init(up: @escaping @Sendable () -> Double?, down: @escaping @Sendable () -> Double?) {
        self.up = TokenBucket(rate: up)
        self.down = TokenBucket(rate: down)
    }
}

/// A bucket that fills with so many bytes a second, up to a quarter of that; who moves bytes takes them out. It may be
/// overdrawn: then nothing moves until it has filled again.
package final class TokenBucket: Sendable {
    /// What may be moved.
    package enum Allowance: Equatable, Sendable {
        /// At most so many bytes now.
        case bytes(Int)
        /// Nothing before so many milliseconds.
        case after(UInt64)
    }

    private struct State {
        var bytes = 0.0
        var filled: UInt64?
    }

    private let rate: @Sendable () -> Double?
    private let clock: @Sendable () -> UInt64
    private let state = Mutex(State())

    /// Seconds of the rate that the bucket holds, and that move at once.
    private static let depth = 0.25
    private static let piece = 0.05

    /// A bucket that is empty at first. `rate` gives bytes a second, nil for no bound; `clock` gives milliseconds.
    package init(
        rate: @escaping @Sendable () -> Double?,
        clock: @escaping @Sendable () -> UInt64 = { MonotonicClock.milliseconds() }
    ) {
        self.rate = rate
        self.clock = clock
    }

    /// What of `wanted` bytes may move; nil where nothing bounds them.
    package func allowance(of wanted: Int) -> Allowance? {
        guard let rate = rate(), rate > 0 else { return nil }
        return state.withLock { state in
            fill(&state, rate)
            let piece = min(Double(wanted), max(1, rate * Self.piece))
            guard state.bytes < piece else { return .bytes(min(wanted, Int(state.bytes))) }
            return .after(UInt64(min(1000, ((piece - state.bytes) / rate * 1000).rounded(.up))))
        }
    }

    /// Takes out bytes that have moved.
    package func spend(_ count: Int) {
        guard let rate = rate(), rate > 0 else { return }
        state.withLock { state in
            fill(&state, rate)
            state.bytes -= Double(count)
        }
    }

    /// Takes out bytes that have come, and waits until the bucket is not overdrawn. Throws `ClientError.cancelled`.
    func pause(after count: Int, _ cancellation: CancellationSignal) throws(ClientError) {
        guard count > 0 else { return }
        spend(count)
        while case .after(let milliseconds) = allowance(of: 0) {
            try cancellation.sleep(milliseconds: milliseconds)
        }
    }

    private func fill(_ state: inout State, _ rate: Double) {
        let now = clock()
        let passed = Double(now - min(now, state.filled ?? now)) / 1000
        state.filled = now
        state.bytes = min(state.bytes + passed * rate, max(1, rate * Self.depth))
    }
}
