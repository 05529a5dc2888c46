internal import Dispatch
internal import Foundation
internal import Operations
internal import Synchronization

/// Tells receivers of notices, each on a thread of its own: one that is slow or gone delays neither rounds nor the others.
/// What was given to ``send(_:)`` survives the process, and is told again, under the same identity, until the receiver has
/// it, refuses it, or three days are over.
final class NoticeSender: Sendable {
    /// Pauses between attempts, in seconds.
    struct Pauses: Sendable {
        /// Before the second attempt; each that follows is twice as long.
        var first = 1.0
        /// The longest one.
        var longest = 300.0
        /// After which a notice is given up, since it was made.
        var patience = 3 * 86_400.0
    }

    private struct State {
        var queue: NoticeQueue
        var isClosed = false
    }

    private let state: Mutex<State>
    private let receivers: [any NoticeReceiver]
    private let wakes: [DispatchSemaphore]
    private let threads = Mutex<[WorkerThread]>([])
    private let pauses: Pauses
    private let metrics: ServerMetrics?
    private let log: Logger

    /// What the settings call for; nil where they name nobody. Throws a `Failure` where the queue's file or a secret cannot
    /// be read.
    convenience init?(
        _ settings: NoticeSettings, stateDirectory: String, metrics: ServerMetrics, log: Logger
    ) throws {
        var receivers: [any NoticeReceiver] = try settings.webhooks.map { try WebhookReceiver($0) }
        if let command = settings.command { receivers.append(CommandReceiver(command)) }
        guard !receivers.isEmpty else { return nil }
        try self.init(
            receivers, path: "\(stateDirectory)/notices.jsonl", metrics: metrics, log: log)
    }

    /// Begins with what the file at `path` has, at once. Throws a `Failure` where it cannot be read, or `ThreadError`.
    init(
        _ receivers: [any NoticeReceiver], path: String, pauses: Pauses = Pauses(),
        metrics: ServerMetrics? = nil, log: Logger
    ) throws {
        self.receivers = receivers
        self.pauses = pauses
        self.metrics = metrics
        self.log = log
        state = Mutex(State(queue: try NoticeQueue(path: path, receivers: Set(receivers.map(\.name)))))
        wakes = receivers.map { _ in DispatchSemaphore(value: 0) }
        for index in receivers.indices {
            let thread = try WorkerThread(name: "notices-\(index)") { [self] in work(index) }
            threads.withLock { $0.append(thread) }
        }
    }

    /// Notices that somebody waits for.
    var waiting: Int { state.withLock { $0.queue.count } }

    /// Takes a notice over and returns at once, on any thread. One with the identity of an earlier one is not told again.
    func send(_ notice: Notice) {
        let names = Set(receivers.filter { $0.events.contains(notice.event) }.map(\.name))
        var (dropped, complaint): (Notice?, (any Error)?) = (nil, nil)
        state.withLock { state in
            guard !state.isClosed else { return }
            do { dropped = try state.queue.add(notice, for: names).dropped } catch { complaint = error }
        }
        if let dropped {
            metrics?.notices.increment(labels: ["dropped"])
            log.error(
                "too many notices wait; the oldest is not told",
                ["event": .text(dropped.event.rawValue), "notice": .text(dropped.id)])
        }
        if let complaint {
            log.error("a notice would not survive this process", ["error": .text("\(complaint)")])
        }
        for wake in wakes { wake.signal() }
    }

    /// Waits up to `seconds` for what is on its way, and ends; the rest goes out at the next start. To be called once.
    func close(drainingFor seconds: Double = 3) {
        let end = ContinuousClock.now + .seconds(seconds)
        while waiting > 0, ContinuousClock.now < end { usleep(20_000) }
        state.withLock { $0.isClosed = true }
        for receiver in receivers { receiver.cancel() }
        for wake in wakes { wake.signal() }
        for thread in threads.withLock({ $0 }) { thread.join() }
    }

    // MARK: A receiver's thread

    private func work(_ index: Int) {
        let receiver = receivers[index]
        var failures = 0
        while !isClosed {
            guard let notice = next(for: receiver) else {
                wakes[index].wait()
                continue
            }
            switch attempt(notice, receiver) {
            case .delivered:
                failures = 0
                settle(notice, receiver, "delivered")
            case .refused(let reason):
                log.warning(
                    "a notice was refused",
                    ["receiver": .text(receiver.name), "notice": .text(notice.id), "reason": .text(reason)])
                settle(notice, receiver, "refused")
            case .failed(let reason):
                guard !isClosed else { return }
                metrics?.notices.increment(labels: ["failed"])
                if failures == 0 {
                    log.warning(
                        "a notice cannot be told; will try again",
                        [
                            "receiver": .text(receiver.name), "event": .text(notice.event.rawValue),
                            "reason": .text(reason),
                        ])
                }
                pause(index, after: failures)
                failures += 1
            }
        }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    /// The receiver's next notice, on the device by now as far as that can be.
    private func next(for receiver: any NoticeReceiver) -> Notice? {
        let (notice, complaint) = state.withLock { state -> (Notice?, (any Error)?) in
            guard let notice = state.queue.next(for: receiver.name) else { return (nil, nil) }
            do {
                try state.queue.synchronise()
                return (notice, nil)
            } catch {
                return (notice, error)
            }
        }
        metrics?.noticesWaiting.set(Double(waiting))
        if let complaint { log.debug("notices are not on the device", ["error": .text("\(complaint)")]) }
        return notice
    }

    private func attempt(_ notice: Notice, _ receiver: any NoticeReceiver) -> NoticeOutcome {
        if Date().timeIntervalSince1970 - notice.time > pauses.patience {
            return .refused("it is older than \(Int(pauses.patience / 3600)) hours")
        }
        return receiver.deliver(notice)
    }

    private func settle(_ notice: Notice, _ receiver: any NoticeReceiver, _ outcome: String) {
        metrics?.notices.increment(labels: [outcome])
        let complaint = state.withLock { state -> (any Error)? in
            do { try state.queue.settle(notice.id, for: receiver.name) } catch { return error }
            return nil
        }
        metrics?.noticesWaiting.set(Double(waiting))
        if let complaint {
            log.warning("a notice may be told twice", ["error": .text("\(complaint)")])
        }
    }

    private func pause(_ index: Int, after failures: Int) {
        let seconds = min(pauses.longest, pauses.first * pow(2, Double(min(failures, 40))))
        let end = DispatchTime.now() + seconds * .random(in: 0.9...1)
        while !isClosed, wakes[index].wait(timeout: end) == .success {}
    }
}
