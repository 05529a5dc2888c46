import Testing

@testable import Ledger

@Suite("Round numbers as ranges") struct RoundNumbersTests {
    @Test(arguments: 0..<20) func theyAreASet(seed: UInt64) {
        var random = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: UInt64) -> Int {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((random >> 33) % bound)
        }
        var numbers = RoundNumbers()
        var expected: Set<Int> = []
        for _ in 0..<80 {
            let number = next(60) + 1
            numbers.insert(number)
            expected.insert(number)
            #expect(numbers.count == expected.count && numbers.last == expected.max())
            #expect((0...62).allSatisfy { numbers.contains($0) == expected.contains($0) })
            #expect(
                zip(numbers.ranges, numbers.ranges.dropFirst()).allSatisfy {
                    $0.upperBound + 1 < $1.lowerBound
                })
            #expect(RoundNumbers(numbers.ranges) == numbers)
            let last = expected.filter { $0 <= 40 }.sorted().suffix(7)
            #expect(numbers.last(7, through: 40) == Set(last))
        }
    }

    @Test(arguments: [[0...3], [1...3, 4...5], [1...3, 2...5], [7...8, 1...2], [1...Int.max]])
    func rangesThatNoNumbersHaveAreRefused(ranges: [ClosedRange<Int>]) {
        #expect(RoundNumbers(ranges) == nil)
    }
}
