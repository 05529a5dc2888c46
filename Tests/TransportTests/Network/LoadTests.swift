import Foundation
import HTTPWire
import TestSupport
import Testing

@testable import Transport

extension Tag {
    /// Takes seconds rather than milliseconds.
    @Tag static var slow: Self
}

@Suite(.timeLimit(.minutes(10)), .tags(.slow)) struct LoadTests {
    @Test func aThousandConnectionsWaitAtOnce() throws {
        let server = try TestServer { $0.maximumConnectionsPerPeer = 2000 }
        let clients = try (0..<1000).map { _ in try server.client() }
        for client in clients { #expect(try client.exchange(ClientRequest(.get, "/hello")).status == 200) }
        #expect(server.server.connectionCount == 1000)
        for client in clients { #expect(try client.exchange(ClientRequest(.get, "/hello")).status == 200) }
        #expect(clients.allSatisfy { $0.connectionsMade.all == 1 })
        for client in clients { client.disconnect() }
        #expect(eventually { server.server.connectionCount == 0 })
    }

    @Test func sixtyFourMegabytesTravelBothWays() throws {
        let server = try TestServer()
        let client = try server.client()
        let count = 64 << 20
        let body = SharedBuffer([UInt8](repeating: 5, count: count))
        let answer = try client.exchange(ClientRequest(.put, "/sink", body: .shared(body)))
        #expect(answer.text == "\(count) \(5 * count)")
        let large = try client.exchange(ClientRequest(.get, "/large"), limit: count)
        #expect(large.body.count == count && large.body.allSatisfy { $0 == 9 })
        #expect(client.connectionsMade.all == 1)
    }
}

@Suite struct TimerWheelTests {
    @Test func entriesFireOnceAndNeverEarly() {
        var wheel = TimerWheel(now: 1000)
        var due: [UInt64: UInt64] = [:]
        for key in 0..<200 as Range<UInt64> {
            let time = 1000 + key * 97
            due[key] = time
            _ = wheel.add(key, at: time)
        }
        var now: UInt64 = 1000
        while now < 25_000 {
            now += wheel.pause(from: now, limit: 500) + 1
            for (key, _) in wheel.advance(to: now) {
                let time = due.removeValue(forKey: key)
                #expect(time.map { $0 <= now && now <= $0 + 4 * TimerWheel.tick } ?? false)
            }
        }
        #expect(due.isEmpty)
    }

    @Test func farDeadlinesWaitAtTheEndOfTheWheel() {
        var wheel = TimerWheel(now: 0)
        let tick = wheel.add(1, at: .max)
        #expect(wheel.advance(to: tick * TimerWheel.tick - 1).isEmpty)
        #expect(wheel.advance(to: tick * TimerWheel.tick).map(\.key) == [1])
    }
}

@Suite struct OutputQueueTests {
    @Test func bytesLeaveInOrderWhateverTheSocketTakes() {
        var queue = OutputQueue()
        let shared = SharedBuffer((0..<20_000).map { UInt8(truncatingIfNeeded: $0) })
        var expected: [UInt8] = []
        for index in 0..<100 {
            let bytes = [UInt8](repeating: UInt8(index), count: index)
            queue.append(bytes, credit: index)
            expected += bytes
        }
        queue.append(head: [1, 2], body: .shared(shared, 10..<19_000))
        queue.append(head: [3], body: .shared(shared, 0..<5))
        expected += [1, 2] + shared.bytes[10..<19_000] + [3] + shared.bytes[0..<5]
        var sent: [UInt8] = []
        var credit = 0
        var step = 0
        while !queue.isEmpty {
            step = step % 7 + 1
            let taken = queue.withFront { Array($0.prefix(step)) }
            sent += taken
            credit += queue.consume(taken.count)
        }
        #expect(sent == expected && credit == 99 * 100 / 2)
    }
}
