import HTTPWire
import Synchronization
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(10))) struct TransferPaceTests {
    /// A clock that a test sets, in milliseconds.
    private final class Clock: Sendable {
        let now = Atomic<UInt64>(5_000_000)
        func pass(_ milliseconds: UInt64) { now.add(milliseconds, ordering: .relaxed) }
        var reading: @Sendable () -> UInt64 { { self.now.load(ordering: .relaxed) } }
    }

    /// Bytes that a sender who never waits longer than it must moves in so many milliseconds.
    private func moved(_ bucket: TokenBucket, _ clock: Clock, within milliseconds: UInt64) -> (
        Int, waits: Int
    ) {
        let end = clock.now.load(ordering: .relaxed) + milliseconds
        var (sum, waits) = (0, 0)
        while clock.now.load(ordering: .relaxed) < end {
            switch bucket.allowance(of: 1 << 30) {
            case .bytes(let count):
                bucket.spend(count)
                sum += count
            case .after(let pause):
                clock.pass(pause)
                waits += 1
            case nil: return (.max, waits)
            }
        }
        return (sum, waits)
    }

    @Test(arguments: [1000, 200_000, 2e6, 5e9]) func theRateIsKeptAndNobodyIsBusy(rate: Double) {
        let clock = Clock()
        let bucket = TokenBucket(rate: { rate }, clock: clock.reading)
        let (bytes, waits) = moved(bucket, clock, within: 20_000)
        #expect(abs(Double(bytes) / 20 / rate - 1) < 0.02, "\(bytes)")
        #expect(waits <= 450, "a wait for each twentieth of a second")
    }

    @Test func aRestDoesNotSaveUpForAFlood() {
        let clock = Clock()
        let bucket = TokenBucket(rate: { 1000 }, clock: clock.reading)
        _ = bucket.allowance(of: 1)
        clock.pass(86_400_000)
        guard case .bytes(let count) = bucket.allowance(of: 1 << 20) else {
            Issue.record("nothing may move after a day")
            return
        }
        #expect(count == 250)
    }

    @Test func whatIsOverdrawnIsPaidForFirst() {
        let clock = Clock()
        let bucket = TokenBucket(rate: { 1000 }, clock: clock.reading)
        bucket.spend(2000)
        #expect(bucket.allowance(of: 1) == .after(1000), "never longer than a second: the rate may change")
        clock.pass(1000)
        #expect(bucket.allowance(of: 0) == .after(1000))
        clock.pass(1010)
        #expect(bucket.allowance(of: 1) == .bytes(1))
    }

    @Test func aRateThatChangesHoldsFromThenOn() {
        let clock = Clock()
        let rate = Mutex<Double?>(1000)
        let bucket = TokenBucket(rate: { rate.withLock { $0 } }, clock: clock.reading)
        #expect(moved(bucket, clock, within: 1000).0 <= 1000)
        rate.withLock { $0 = 100_000 }
        let (bytes, _) = moved(bucket, clock, within: 1000)
        #expect((90_000...100_000).contains(bytes))
        rate.withLock { $0 = nil }
        #expect(bucket.allowance(of: 1) == nil)
    }

    @Test func clocksThatGoBackGiveNothing() {
        let clock = Clock()
        let bucket = TokenBucket(rate: { 1000 }, clock: clock.reading)
        bucket.spend(100)
        clock.now.store(0, ordering: .relaxed)
        #expect(bucket.allowance(of: 100) != .bytes(100))
    }

    /// Uploads and downloads take at least as long as they must, and arrive whole.
    @Test func bodiesMoveNoFasterThanTheyMay() throws {
        let server = try TestServer()
        let client = try server.client()
        let pieces = Mutex(0)
        client.onProgress = { pieces.withLock { $0 += 1 } }
        client.pace = TransferPace(up: { 1e6 }, down: { 4e6 })
        let clock = ContinuousClock()
        let body = [UInt8](repeating: 3, count: 400_000)
        let sending = try clock.measure {
            let answer = try client.exchange(ClientRequest(.put, "/sink", body: .slice(body[...])))
            #expect(answer.text == "400000 1200000")
        }
        #expect(sending >= .seconds(0.3))
        let target = MemoryDownload(limit: 2 << 20)
        let loading = try clock.measure {
            let outcome = try client.download("/model", into: target)
            #expect(outcome == .complete)
        }
        #expect(target.bytes.elementsEqual(TestHandler.model.bytes))
        #expect(loading >= .seconds(0.2))
        #expect(pieces.withLock { $0 } > 10)
    }

    /// What the server says before the end of a paced body is heard at once.
    @Test func anEarlyAnswerEndsAPacedUpload() throws {
        let server = try TestServer()
        let client = try server.client()
        client.pace = TransferPace(up: { 200_000 }, down: { nil })
        let body = [UInt8](repeating: 3, count: 40 << 20)
        let answer = try client.exchange(ClientRequest(.put, "/stop", body: .bytes(body)))
        #expect(answer.status == 422)
    }

    @Test func aPauseCanBeCancelled() throws {
        let server = try TestServer()
        let client = try server.client()
        client.pace = TransferPace(up: { nil }, down: { 1000 })
        client.cancellation.signal()
        #expect(throws: ClientError.cancelled) {
            try client.download("/model", into: MemoryDownload(limit: 2 << 20))
        }
    }
}
