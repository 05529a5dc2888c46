import Messages
import Testing

@testable import AggregationServer

/// Whose turn it is where runs want the same agents.
@Suite struct RunSharesTests {
    private static func wish(_ wanted: Int, of present: Int) -> RunShares.Wish {
        RunShares.Wish(needed: 1, wanted: wanted, present: present)
    }

    @Test func aRunAloneIsNeverKept() {
        let shares = RunShares()
        shares.join("a", priority: -5)
        for round in 0..<5 {
            #expect(shares.mayOpen("a", Self.wish(10, of: 10), at: Double(round)))
            shares.note("a", agents: 10, seconds: 1e6)
        }
        #expect(shares.mayOpen("unknown", Self.wish(10, of: 10), at: 9))
    }

    @Test func enoughForBothIsEnough() {
        let shares = RunShares()
        for run in ["a", "b"] { shares.join(run, priority: 0) }
        shares.note("a", agents: 10, seconds: 5)
        _ = shares.mayOpen("b", Self.wish(3, of: 10), at: 0)
        #expect(shares.mayOpen("a", Self.wish(7, of: 10), at: 0))
    }

    /// Runs that ask for the same ten agents again and again, in this order every hundredth of a second; a round takes as long
    /// as its run says. How many agent-seconds each has had.
    private static func play(
        _ runs: [(name: String, priority: Int, seconds: Double)], until end: Double
    ) -> [String: Double] {
        let shares = RunShares()
        for run in runs { shares.join(run.name, priority: run.priority) }
        var had: [String: Double] = [:]
        var open: (name: String, began: Double, ends: Double)?
        for now in stride(from: 0, to: end, by: 0.01) {
            if let round = open, now >= round.ends {
                shares.note(round.name, agents: 10, seconds: now - round.began)
                had[round.name, default: 0] += now - round.began
                open = nil
            }
            for run in runs {
                guard open == nil else {
                    // The agents are not there for it.
                    shares.forgetWish(run.name, at: now)
                    continue
                }
                guard shares.mayOpen(run.name, wish(10, of: 10), at: now) else { continue }
                open = (run.name, now, now + run.seconds)
            }
        }
        return had
    }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    func allGetAsMuchOfTheAgentsTimeWhoeverAsksFirst(order: [Int]) {
        let runs = [("a", 0, 0.05), ("b", 0, 1.0), ("c", 0, 0.3)].map {
            (name: $0.0, priority: $0.1, seconds: $0.2)
        }
        let had = Self.play(order.map { runs[$0] }, until: 200)
        for run in runs { #expect(abs((had[run.name] ?? 0) - 66) < 12, "\(had)") }
    }

    @Test func theUrgentOneHasAllOfIt() {
        let had = Self.play([("a", 0, 0.1), ("b", 1, 0.1)], until: 60)
        #expect((had["a"] ?? 0) < 0.2 && (had["b"] ?? 0) > 40, "\(had)")
    }

    @Test func aWishThatIsTakenBackKeepsNobody() {
        let shares = RunShares()
        shares.join("a", priority: 0)
        shares.join("c", priority: 9)
        #expect(shares.mayOpen("c", Self.wish(8, of: 10), at: 0))
        #expect(shares.mayOpen("a", Self.wish(8, of: 10), at: 0.1))
        shares.note("a", agents: 8, seconds: 1)
        shares.note("c", agents: 8, seconds: 1)
        #expect(!shares.mayOpen("a", Self.wish(8, of: 10), at: 2))
        #expect(shares.mayOpen("a", Self.wish(8, of: 10), at: 2.2))
    }

    @Test func whoJoinsLateGetsNoArrears() {
        let shares = RunShares()
        shares.join("a", priority: 0)
        shares.note("a", agents: 100, seconds: 100)
        shares.join("b", priority: 0)
        shares.note("b", agents: 1, seconds: 1)
        #expect(shares.mayOpen("a", Self.wish(8, of: 10), at: 0))
    }
}

extension RunSharesTests {
    /// A run that was paused for a day does not have the others wait for a day.
    @Test func whoWasAwayGetsNoArrears() {
        let shares = RunShares()
        for run in ["a", "b"] { shares.join(run, priority: 0) }
        _ = shares.mayOpen("b", RunShares.Wish(needed: 1, wanted: 8, present: 10), at: 0)
        for hour in 0..<24 {
            let now = 100 + Double(hour) * 3600
            shares.forgetWish("a", at: now)
            _ = shares.mayOpen("a", RunShares.Wish(needed: 1, wanted: 8, present: 10), at: now + 0.1)
            shares.note("a", agents: 8, seconds: 3600)
        }
        let later = 100 + 24.0 * 3600
        shares.forgetWish("a", at: later)
        _ = shares.mayOpen("b", RunShares.Wish(needed: 1, wanted: 8, present: 10), at: later + 1)
        shares.note("b", agents: 8, seconds: 1)
        // It had its turn, and now it is the other's.
        var opened = false
        for step in 0..<20 where !opened {
            let now = later + 2 + Double(step) / 100
            shares.forgetWish("b", at: now)
            opened = shares.mayOpen("a", RunShares.Wish(needed: 1, wanted: 8, present: 10), at: now)
        }
        #expect(opened)
    }
}

/// Agents that rounds of other runs have.
@Suite struct AgentReservationsTests {
    private static let (first, second) = (
        String(repeating: "a", count: 32), String(repeating: "b", count: 32)
    )

    @Test func whoIsTakenIsTakenForOthersOnly() {
        let agents = AgentReservations()
        agents.take(["x", "y"], run: Self.first, round: 3, until: 100)
        #expect(agents.takenByOthers(than: Self.second, at: 50) == ["x", "y"])
        #expect(agents.takenByOthers(than: Self.first, at: 50).isEmpty)
        #expect(agents.takenByOthers(than: Self.second, at: 100).isEmpty)
    }

    @Test(arguments: [(2, false), (3, true), (4, true)])
    func whoSaysThatItHasConcludedTheRoundIsFree(last: Int, isFree: Bool) {
        let agents = AgentReservations()
        agents.take(["x"], run: Self.first, round: 3, until: 100)
        agents.note("x", CheckInRequest(software: "test", served: [Self.first: last]))
        #expect(agents.takenByOthers(than: Self.second, at: 50).isEmpty == isFree)
    }

    @Test func aRoundThatEndsFreesItsAgents() {
        let agents = AgentReservations()
        agents.take(["x"], run: Self.first, round: 3, until: 100)
        agents.take(["y"], run: Self.first, round: 4, until: 100)
        agents.take(["z"], run: Self.second, round: 1, until: 100)
        agents.release(run: Self.first, round: 3)
        #expect(agents.takenByOthers(than: Self.second, at: 50) == ["y"])
        #expect(agents.takenByOthers(than: Self.first, at: 50) == ["z"])
    }
}
