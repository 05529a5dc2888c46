import Configuration
import Testing

@testable import Federation

/// What is read of a published vector of statistics, whatever noise made of it.
@Suite struct StatisticsReadingTests {
    /// Where nothing was counted, or less than the noise hides, there is no answer, and no trap.
    @Test(arguments: [StatisticsTaskTests.central, "{ mode: 'none' }"]) func nothingIsNoAnswer(
        _ privacy: String
    ) throws {
        let plan = try StatisticsTaskTests.plan(privacy: privacy)
        let reading = try StatisticsReading(plan, values: [Float](repeating: 0, count: plan.dimension))
        for answer in reading.answers where !answer.kind.isTotal {
            #expect(!answer.isAnswered, "\(answer.kind)")
        }
        for values in [[Float](repeating: .nan, count: plan.dimension), [1]] {
            #expect(throws: ConfigurationError.self) { try StatisticsReading(plan, values: values) }
        }
    }

    /// Whatever noise makes of the numbers, what is told as an answer can be one.
    @Test(arguments: [0, 1, 2, 3, 4, 5, 6, 7]) func noiseMakesNoImpossibleAnswers(_ seed: UInt64) throws {
        let plan = try StatisticsTaskTests.plan(privacy: StatisticsTaskTests.central)
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        let scale = Float(sign: .plus, exponent: 12 * Int(seed) - 10, significand: 1)
        let values = (0..<plan.dimension).map { _ -> Float in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (Float(state >> 40) / Float(1 << 24) - 0.3) * scale
        }
        for answer in try StatisticsReading(plan, values: values).answers where answer.isAnswered {
            if let range = answer.range { #expect(range.low <= range.high, "\(answer.kind)") }
            for part in answer.parts { #expect((0...1.000_001).contains(part.share), "\(answer.kind)") }
            let quantiles = answer.quantiles.map(\.value)
            #expect(
                quantiles == quantiles.sorted()
                    || answer.quantiles.map(\.rank) != answer.quantiles.map(\.rank).sorted())
            if answer.kind == .variance, let value = answer.value { #expect(value >= 0) }
        }
    }
}
