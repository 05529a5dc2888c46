import Testing

@testable import AggregationServer

@Suite struct RefusalCounterTests {
    private func refusal(_ from: String, name: String? = nil, action: String = "status") -> AuditEntry {
        AuditEntry(name: name, action: action, from: from, outcome: .refused(401))
    }

    @Test func theFirstHasALineAndTheOthersShareOne() {
        var counter = RefusalCounter()
        #expect(counter.note(refusal("1.2.3.4"), at: 0).count == 1)
        for second in 1..<1000 {
            #expect(counter.note(refusal("1.2.3.4", action: "x\(second)"), at: Double(second)).isEmpty)
        }
        #expect(counter.due(at: RefusalCounter.window - 1).isEmpty)
        let due = counter.due(at: RefusalCounter.window)
        #expect(due.map(\.count) == [999] && due.first?.action == "x999")
        #expect(counter.note(refusal("1.2.3.4"), at: RefusalCounter.window + 1).count == 1)
        #expect(counter.flush().isEmpty)
    }

    /// Known people are told apart by what they tried.
    @Test func aPersonsAttemptsAreToldApart() {
        var counter = RefusalCounter()
        #expect(counter.note(refusal("h", name: "vera", action: "pause"), at: 0).count == 1)
        #expect(counter.note(refusal("h", name: "vera", action: "stop"), at: 0).count == 1)
        #expect(counter.note(refusal("h", name: "paul", action: "stop"), at: 0).count == 1)
        #expect(counter.note(refusal("h", name: "vera", action: "stop"), at: 1).isEmpty)
        #expect(counter.flush().map(\.name) == ["vera"])
    }

    /// However many addresses there are, an hour has a bounded number of lines, and no attempt is uncounted.
    @Test func linesAreBoundedAndNothingIsLost() {
        var counter = RefusalCounter()
        var lines: [AuditEntry] = []
        var attempts = 0
        for second in 0..<Int(RefusalCounter.window) {
            for address in 0..<20 {
                lines += counter.note(refusal("10.0.\(second).\(address)"), at: Double(second))
                attempts += 1
            }
        }
        lines += counter.flush()
        #expect(lines.count <= 2 * RefusalCounter.mostKinds + 1)
        #expect(lines.reduce(0) { $0 + ($1.count ?? 1) } == attempts)
    }

    @Test func aClockThatGoesBackLosesNothing() {
        var counter = RefusalCounter()
        _ = counter.note(refusal("a"), at: 1e6)
        _ = counter.note(refusal("a"), at: 1e6)
        #expect(counter.due(at: 5).map(\.count) == [1])
    }
}

@Suite struct ActionPaceTests {
    /// How many of so many actions at once are admitted.
    private func admitted(
        _ pace: inout ActionPace, _ name: String = "otto", at now: Double, of tries: Int = 1
    ) -> Int {
        var count = 0
        for _ in 0..<tries where pace.admits(name, at: now) { count += 1 }
        return count
    }

    @Test func aPersonActsAsOftenAsPeopleDo() {
        var pace = ActionPace()
        let burst = Int(ActionPace.burst)
        let steps: [(name: String, at: Double, of: Int, admitted: Int)] = [
            ("otto", 100, burst + 50, burst), ("otto", 100.4, 1, 0), ("vera", 100.4, 3, 3),
            ("otto", 100.9, 3, 1), ("otto", 100.95, 1, 0),
            // A clock that goes back gives nothing, and a day gives no more than a burst.
            ("otto", 0, 1, 0), ("otto", 86_400, burst + 50, burst),
        ]
        for step in steps {
            let count = admitted(&pace, step.name, at: step.at, of: step.of)
            #expect(count == step.admitted, "\(step)")
        }
    }
}
