import Foundation
import Operations
import Synchronization
import TestSupport
import Testing

@testable import AggregationServer

/// Receivers that fail, hang and come back: each gets what it wants, and nobody waits for another.
@Suite struct NoticeSenderTests {
    /// Does what the test says and remembers what it was given.
    private final class TestReceiver: NoticeReceiver {
        let name: String
        let events: Set<Notice.Event>
        private let outcome: Mutex<NoticeOutcome>
        private let isCancelled = Atomic(false)
        private let hangs: Bool
        private let told = Mutex<[String]>([])
        /// Identities of what it was given, in order.
        var given: [String] { told.withLock { $0 } }

        init(
            _ name: String, _ outcome: NoticeOutcome = .delivered, hangs: Bool = false,
            events: Set<Notice.Event> = Set(Notice.Event.allCases)
        ) {
            (self.name, self.hangs, self.events) = (name, hangs, events)
            self.outcome = Mutex(outcome)
        }

        func mend() { outcome.withLock { $0 = .delivered } }

        func deliver(_ notice: Notice) -> NoticeOutcome {
            told.withLock { $0.append(notice.id) }
            while hangs, !isCancelled.load(ordering: .relaxed) { usleep(1000) }
            return hangs ? .failed("cancelled") : outcome.withLock { $0 }
        }

        func cancel() { isCancelled.store(true, ordering: .relaxed) }
    }

    private let folder: TemporaryFolder
    private let logged = Logged()
    private var path: String { folder.path + "/notices.jsonl" }

    init() throws { folder = try TemporaryFolder() }

    private func sender(_ receivers: TestReceiver..., patience: Double = 3600) throws -> NoticeSender {
        let console = Console(isTerminal: false) { [logged] in logged.append($0) }
        return try NoticeSender(
            receivers, path: path,
            pauses: .init(first: 0.01, longest: 0.05, patience: patience),
            log: Logger(level: .debug, format: .json, console: console))
    }

    private func notice(_ number: Int, _ event: Notice.Event = .expiry, age: Double = 0) -> Notice {
        Notice(
            event, occasion: "\(number)", run: nil, task: "test",
            time: Date().timeIntervalSince1970 - age, text: "number \(number)")
    }

    @Test func eachGetsWhatItWantsInOrder() throws {
        let (all, some) = (TestReceiver("all"), TestReceiver("some", events: [.storage]))
        let sender = try sender(all, some)
        let notices = [notice(1), notice(2, .storage), notice(3)]
        for notice in notices + notices { sender.send(notice) }
        sender.close()
        #expect(all.given == notices.map(\.id))
        #expect(some.given == [notices[1].id])
    }

    /// A receiver that hangs holds up neither whoever sends nor another receiver.
    @Test func aHangingReceiverDelaysNobody() throws {
        let (slow, quick) = (TestReceiver("slow", hangs: true), TestReceiver("quick"))
        let sender = try sender(slow, quick)
        let start = ContinuousClock.now
        for number in 0..<200 { sender.send(notice(number)) }
        #expect(ContinuousClock.now - start < .seconds(1))
        #expect(eventually(within: 10) { quick.given.count == 200 })
        #expect(slow.given.count == 1)
        sender.close(drainingFor: 0)
        #expect(ContinuousClock.now - start < .seconds(15))
    }

    @Test func oneThatFailsIsTriedAgainUnderTheSameIdentity() throws {
        let receiver = TestReceiver("one", .failed("down"))
        let sender = try sender(receiver)
        sender.send(notice(1))
        #expect(eventually(within: 10) { receiver.given.count >= 3 })
        receiver.mend()
        #expect(eventually(within: 10) { sender.waiting == 0 })
        sender.close()
        #expect(Set(receiver.given) == [notice(1).id])
        let said = try logged.lines().count { ($0["message"] as? String)?.contains("cannot be told") == true }
        #expect(said == 1, "a failure is said once, not with every attempt")
    }

    /// What the process before did not get rid of goes out of the next.
    @Test func theNextProcessTellsWhatIsLeft() throws {
        let dead = TestReceiver("one", .failed("down"))
        let first = try sender(dead)
        first.send(notice(1))
        #expect(eventually(within: 10) { !dead.given.isEmpty })
        first.close(drainingFor: 0)
        let alive = TestReceiver("one")
        let second = try sender(alive)
        #expect(eventually(within: 10) { alive.given == [notice(1).id] })
        second.close()
        let third = try sender(alive)
        third.send(notice(1))
        third.close()
        #expect(alive.given.count == 1, "it was told")
    }

    @Test func whatIsRefusedOrTooOldIsGivenUp() throws {
        let refusing = TestReceiver("one", .refused("no"))
        let sender = try sender(refusing, patience: 60)
        sender.send(notice(1))
        sender.send(notice(2, age: 100))
        #expect(eventually(within: 10) { sender.waiting == 0 })
        sender.close()
        #expect(refusing.given == [notice(1).id], "the old one is not even tried")
    }

    @Test func afterTheEndNothingIsTaken() throws {
        let receiver = TestReceiver("one")
        let sender = try sender(receiver)
        sender.close()
        sender.send(notice(1))
        #expect(sender.waiting == 0 && receiver.given.isEmpty)
    }
}
