import Testing

@testable import ClientAgent

/// The time of a report tells no more of local work than its frame does.
@Suite struct LeaveTimesTests {
    @Test(arguments: [(0.0, 0.1), (0.1, 0.1), (0.11, 0.2), (0.4, 0.4), (0.41, 0.8), (100.0, 102.4)])
    func theGridIsOfPowersOfTwo(elapsed: Double, leaves: Double) {
        var times = LeaveTimes()
        #expect(
            abs(times.leaving(after: elapsed, task: "t", reportAfter: nil, deadline: 1e4) - leaves) < 1e-9)
    }

    @Test func aFastFailureLeavesWithTheSlowestSuccess() {
        var times = LeaveTimes()
        func leaves(_ elapsed: Double, _ task: String = "t") -> Double {
            times.leaving(after: elapsed, task: task, reportAfter: nil, deadline: 1e4)
        }
        #expect(leaves(3) == leaves(0.001))
        #expect(leaves(2.9) == leaves(3.1))
        #expect(leaves(0.001, "other") == 0.1)
        #expect(leaves(0.001) == 3.2)
    }

    /// Whatever work took, as long as it left time for noise, `report_after` is when the report leaves.
    @Test func reportAfterIsExact() {
        var times = LeaveTimes()
        for elapsed in [0.0, 0.5, 1.9, 2] {
            #expect(times.leaving(after: elapsed, task: "t", reportAfter: 2, deadline: 60) == 2)
        }
        #expect(times.leaving(after: 2.01, task: "t", reportAfter: 2, deadline: 60) == 4)
        #expect(LeaveTimes.limitOfWork(reportAfter: 2) == 1.6)
        #expect(LeaveTimes.limitOfWork(reportAfter: nil) == nil)
    }

    /// The grid must not carry a report past its round: close to the deadline it ends, for all alike.
    @Test(arguments: [51.3, 52, 53.9]) func theGridEndsBeforeTheDeadline(elapsed: Double) {
        var times = LeaveTimes()
        #expect(times.leaving(after: elapsed, task: "t", reportAfter: nil, deadline: 60) == 54)
        #expect(times.leaving(after: 0.1, task: "t", reportAfter: nil, deadline: 60) == 54)
        #expect(times.leaving(after: 55, task: "t", reportAfter: nil, deadline: 60) >= 55)
    }
}

/// No answer of a server makes an agent ask in a hurry.
@Suite struct PacingTests {
    @Test func nothingIsAskedForTwiceWithinASecond() {
        var pacing = Pacing()
        let pauses = (0..<8).map { _ in pacing.nothing(elapsed: 0) }
        #expect(pauses == [1, 2, 4, 8, 15, 15, 15, 15])
        pacing.delivered()
        #expect(pacing.nothing(elapsed: 0.25) == 0.75)
    }

    @Test func whatTheServerAsksForIsKept() {
        var pacing = Pacing()
        #expect(pacing.later(7, isFinished: false, elapsed: 0) == 7)
        #expect(pacing.later(0, isFinished: false, elapsed: 50) == 0)
        #expect(pacing.later(0, isFinished: false, elapsed: 0) == 1)
        #expect(pacing.later(0, isFinished: false, elapsed: 0) == 2)
        #expect(pacing.later(400, isFinished: true, elapsed: 0) == 400)
    }

    @Test(arguments: [0.0, 1, 59]) func afterTheEndFewerThanThreeCheckInsAMinute(asked: Double) {
        var pacing = Pacing()
        #expect(pacing.later(asked, isFinished: true, elapsed: 0) == 60)
    }

    @Test func looksAtUnsuitableDataGrowRare() {
        var pacing = Pacing()
        #expect((0..<8).map { _ in pacing.unsuitable() } == [60, 120, 240, 480, 600, 600, 600, 600])
    }

    @Test func aServerCannotTryManyTasksOnOneSite() {
        var suitability = Suitability()
        var looks = 0
        for number in 0..<100 {
            for _ in 0..<2 {
                let verdict = suitability.verdict("task \(number)", at: 1_000 + number) { looks += 1 }
                if number >= Suitability.tasksADay, case .tooManyTasks = verdict { continue }
                guard case .suitable = verdict, number < Suitability.tasksADay else {
                    Issue.record("\(number): \(verdict)")
                    return
                }
            }
        }
        #expect(looks == Suitability.tasksADay)
        guard case .suitable = suitability.verdict("tomorrow", at: 100_000, {}) else {
            Issue.record("the next day counts anew")
            return
        }
    }

    @Test func theOwnerIsToldOnce() {
        var suitability = Suitability()
        var news: [Bool] = []
        for problem in ["a", "a", "b", "b", "a"] {
            let verdict = suitability.verdict("t", at: 1) { throw TrainerFailure(problem) }
            if case .unsuitable(_, let isNews) = verdict { news.append(isNews) }
        }
        #expect(news == [true, false, true, false, true])
    }
}
