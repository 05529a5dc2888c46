internal import Dispatch
internal import Operations
internal import Synchronization

/// A bounded queue of values that a few threads of its own take one by one.
final class WorkQueue<Value: Sendable>: Sendable {
    private struct State {
        var values: [Value] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let available = DispatchSemaphore(value: 0)
    private let capacity: Int
    private let threads = Mutex<[WorkerThread]>([])

    /// Starts `threads` threads that call `body` with each value.
    init(
        name: String, threads count: Int, capacity: Int, _ body: @escaping @Sendable (Value) -> Void
    ) throws {
        self.capacity = capacity
        for index in 0..<count {
            let thread = try WorkerThread(name: "\(name)-\(index)") { [self] in
                while let value = take() { body(value) }
            }
            threads.withLock { $0.append(thread) }
        }
    }

    /// Adds a value; false when the queue is full or closed.
    func add(_ value: Value) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isClosed, state.values.count < capacity else { return false }
            state.values.append(value)
            return true
        }
        if isTaken { available.signal() }
        return isTaken
    }

    /// Number of values that wait.
    var depth: Int { state.withLock { $0.values.count } }

    /// Takes no more values, works off those that wait, and returns when the threads have ended.
    func close() {
        state.withLock { $0.isClosed = true }
        let all = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for _ in all { available.signal() }
        for thread in all { thread.join() }
    }

    private func take() -> Value? {
        available.wait()
        return state.withLock { $0.values.isEmpty ? nil : $0.values.removeFirst() }
    }
}

/// The way to the round's owner from any thread.
final class OwnerMailbox: Sendable {
    private let mail = Mutex<[OwnerMail]>([])
    private let available = DispatchSemaphore(value: 0)

    func post(_ item: OwnerMail) {
        let wakes = mail.withLock { mail in
            mail.append(item)
            return mail.count == 1
        }
        if wakes { available.signal() }
    }

    /// All mail; waits up to `seconds` when there is none.
    func take(waiting seconds: Double) -> [OwnerMail] {
        let now = takeAll()
        if !now.isEmpty { return now }
        _ = available.wait(timeout: .now() + seconds)
        return takeAll()
    }

    var depth: Int { mail.withLock { $0.count } }

    private func takeAll() -> [OwnerMail] {
        mail.withLock { mail in
            defer { mail = [] }
            return mail
        }
    }
}
