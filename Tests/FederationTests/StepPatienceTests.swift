import Testing

@testable import Federation

/// How long a masked round's step waits for those that are late.
@Suite struct StepPatienceTests {
    /// A step from 100 to 140 s whose last message came at `last`: of ten members `arrived` are there, two may be missing.
    @Test(arguments: [
        (0, 100.0, 140.0), (7, 101, 140), (8, 100.1, 110.1), (9, 104, 120), (9, 112, 140), (10, 100.1, 110.1),
    ])
    func theStepEnds(arrived: Int, last: Double, end: Double) {
        var patience = StepPatience(dropoutRate: 0.2, from: Instant(seconds: 50))
        patience.begin(at: Instant(seconds: 100))
        patience.note(at: Instant(seconds: last))
        patience.note(at: Instant(seconds: 99))
        let found = patience.end(of: 10, arrived: arrived, deadline: Instant(seconds: 140))
        #expect(abs(found.seconds - end) < 1e-6)
    }

    @Test func aStepOfSecondsKeepsTwo() {
        let patience = StepPatience(dropoutRate: 0.5, from: Instant(seconds: 10))
        #expect(patience.end(of: 2, arrived: 1, deadline: Instant(seconds: 14)).seconds == 12)
        #expect(patience.end(of: 2, arrived: 1, deadline: Instant(seconds: 11)).seconds == 11)
        #expect(patience.end(of: 3, arrived: 1, deadline: Instant(seconds: 14)).seconds == 14)
    }
}
