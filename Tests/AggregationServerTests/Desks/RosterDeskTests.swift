import Testing

@testable import AggregationServer

/// The roster: whose place is whose, and who was seen.
@Suite struct RosterDeskTests {
    private let folder: TemporaryFolder
    private var path: String { "\(folder.path)/agents.jsonl" }

    init() throws { folder = try TemporaryFolder() }

    private func desk(capacity: Int = 3, roster: [String]? = nil) throws -> RosterDesk {
        try RosterDesk(AgentRegistry(path: path, capacity: capacity, roster: roster, now: 1))
    }

    private func agent(_ name: String) -> AgentIdentity {
        AgentIdentity(name: name, fingerprint: "f-\(name)", certificateExpires: 99)
    }

    @Test func placesAreGivenInOrderAndLast() throws {
        let desk = try desk()
        #expect(try desk.admit(agent("b"), software: "1", at: 10) == .admitted(0))
        #expect(try desk.admit(agent("a"), software: "1", at: 11) == .admitted(1))
        #expect(try desk.admit(agent("b"), software: "2", at: 12) == .admitted(0))
        #expect(desk.count == 2 && desk.client(named: "a") == 1 && desk.client(named: "c") == nil)
        #expect(desk.name(of: 1) == "a" && desk.name(of: 2) == nil && desk.name(of: -1) == nil)
        #expect(desk.view(of: 0)?.software == "2" && desk.view(of: 0)?.fingerprint == "f-b")
        let again = try self.desk()
        #expect(again.count == 2 && again.digest == desk.digest && again.view(of: 0)?.software == "2")
    }

    @Test func aFullOrClosedRosterTurnsAway() throws {
        let full = try desk(capacity: 1)
        _ = try full.admit(agent("a"), software: nil, at: 1)
        #expect(throws: AgentRegistry.Refusal.full) { try full.admit(agent("b"), software: nil, at: 1) }
        let closed = try RosterDesk(
            AgentRegistry(path: "\(folder.path)/other.jsonl", capacity: 2, roster: ["x", "y"], now: 1))
        #expect(closed.count == 2)
        #expect(throws: AgentRegistry.Refusal.notInRoster) {
            try closed.admit(agent("b"), software: nil, at: 1)
        }
    }

    @Test func whoIsShutOutStaysOut() throws {
        let desk = try desk()
        _ = try desk.admit(agent("a"), software: nil, at: 1)
        _ = try desk.admit(agent("b"), software: nil, at: 1)
        try desk.revoke(0)
        try desk.revoke(17)
        #expect(try desk.admit(agent("a"), software: "new", at: 50) == .revoked)
        #expect(desk.isRevoked(0) && !desk.isRevoked(1) && !desk.isRevoked(17))
        #expect(desk.revokedNames == ["a"] && desk.view(of: 0)?.software == nil)
        #expect(desk.seen(since: 50).isEmpty)
        #expect(desk.allActive { $0 == 1 } && !desk.allActive { $0 == 0 })
        #expect(try self.desk().revokedNames == ["a"])
    }

    @Test func activityIsCounted() throws {
        let desk = try desk()
        for name in ["a", "b"] { _ = try desk.admit(agent(name), software: nil, at: 5) }
        desk.noteReport(of: 1, at: 9)
        desk.noteFailure(of: 0, outcome: "dropped")
        #expect(desk.seen(since: 5) == [0, 1] && desk.seen(since: 6) == [1] && desk.seen(since: 10).isEmpty)
        let views = desk.views
        #expect(views.map(\.reports) == [0, 1] && views.map(\.failures) == [1, 0])
        #expect(views.map(\.lastOutcome) == ["dropped", "reported"])
        #expect(desk.named([(1, "x"), (7, "y"), (0, "z")]) == ["b": "x", "a": "z"])
    }
}
