import Testing

@testable import AggregationServer

/// What the desks share.
@Suite struct DeskContextTests {
    private struct DiskIsFull: Error {}

    /// A disk that stays full is complained of every half minute, each complaint by itself.
    @Test func complaintsAreRepeatedNowAndThen() throws {
        let fixture = try DeskFixture()
        let said = "cannot write; will try again"
        for (seconds, count) in [(0.0, 1), (29.9, 1), (0.1, 2), (1, 2)] {
            fixture.clock.now += seconds
            fixture.context.storageFailed("write", DiskIsFull())
            #expect(try fixture.messages.count { $0 == said } == count)
        }
        fixture.context.storageFailed("read", DiskIsFull())
        #expect(try fixture.messages.last == "cannot read; will try again")
        #expect(!fixture.context.board.read { $0.isHealthy })
    }

    @Test func nobodyHasToListen() throws {
        let fixture = try DeskFixture()
        fixture.context.boardChanged()
        fixture.context.statusChanged()
        #expect(fixture.boardChanges == 1 && fixture.statusChanges == 1)
        fixture.context.observer = nil
        fixture.context.boardChanged()
        #expect(fixture.boardChanges == 1)
    }
}
