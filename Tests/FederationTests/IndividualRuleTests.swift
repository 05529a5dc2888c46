import Compute
import Configuration
import Encoding
import Federation
import Testing

/// What every rule of the catalog promises; one without an example fails.
@Suite struct IndividualRuleTests {
    struct Example: Sendable {
        let text: String
        let result: [Double]
    }

    static let square: [[Float]] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]

    /// The test vectors of the library ByzFL 0.0.11 on ``square`` where it has the rule; norms and buckets by hand.
    static let examples: [String: [Example]] = [
        "mean": [Example(text: "{rule: 'mean'}", result: [4, 5, 6])],
        "median": [
            Example(text: "{rule: 'median', hostile: 1}", result: [4, 5, 6]),
            // Of the rows' pairwise means 2.5, 2.5 and 5.5.
            Example(text: "{rule: 'median', hostile: 1, mixing: true}", result: [2.5, 3.5, 4.5]),
        ],
        "trimmed-mean": [
            Example(text: "{rule: 'trimmed-mean', hostile: 1}", result: [4, 5, 6]),
            Example(text: "{rule: 'trimmed-mean', hostile: 1, mixing: true}", result: [2.5, 3.5, 4.5]),
        ],
        // No neighbours are left to count: a tie, which goes to the first.
        "krum": [Example(text: "{rule: 'krum', hostile: 1}", result: [1, 2, 3])],
        "multi-krum": [
            Example(text: "{rule: 'multi-krum', hostile: 1}", result: [2.5, 3.5, 4.5]),
            Example(text: "{rule: 'multi-krum', hostile: 1, keep: 1}", result: [1, 2, 3]),
        ],
        // One chosen row, and of it the one value nearest its median.
        "bulyan": [Example(text: "{rule: 'bulyan', hostile: 1}", result: [1, 2, 3])],
        "geometric-median": [
            Example(
                text: "{rule: 'geometric-median', passes: 3, smoothing: 0.1, start: 'zero'}",
                result: [3.78788764, 4.78788764, 5.78788764]),
            // The mean is a row, and stays.
            Example(text: "{rule: 'geometric-median', passes: 3, smoothing: 0.1}", result: [4, 5, 6]),
        ],
        "centred-clipping": [
            Example(text: "{rule: 'centred-clipping', radius: 100, passes: 1}", result: [4, 5, 6])
        ],
        // Rows of norm 3.7416…, 8.7749… and 13.9283…, each cut to 2: the mean of 0.53452248, 0.91168461 and 1.00514142 …
        "norm-bound": [
            Example(
                text: "{rule: 'norm-bound', norm: 2}",
                result: [0.817116172519, 1.119127928667, 1.421139684816])
        ],
    ]

    @Test func everyRuleHasAnExample() {
        let names = IndividualRuleCatalog.all.map { $0.name }
        #expect(Set(names).count == names.count && Set(names) == Set(Self.examples.keys))
    }

    @Test(arguments: examples.values.joined().map { $0 })
    func examplesHold(_ example: Example) throws {
        let found = try RobustFixture.combine(example.text, Self.square)
        for (value, expected) in zip(found, example.result) {
            #expect(abs(value - expected) < 1e-8, "\(example.text): \(found)")
        }
    }

    @Test(arguments: examples.values.joined().map { $0.text })
    func settingsReadBack(_ text: String) throws {
        let rule = try RobustFixture.aggregation(text)
        let again = try RobustAggregation(Section(rule.json, path: "task.robust"))
        #expect(again.json == rule.json)
    }

    /// Every rule with keys of its own that make sense for rows of normal numbers.
    static let all: [String] = IndividualRuleCatalog.all.flatMap { entry -> [String] in
        let own: String =
            switch entry.name {
            case "centred-clipping": ", radius: 8"
            case "norm-bound": ", norm: 8"
            default: ""
            }
        let rule = "rule: '\(entry.name)', hostile: 3\(own)"
        return [
            "{\(rule)}", "{\(rule), mixing: true}", "{\(rule), bucketing: 2}",
            "{\(rule), bucketing: 2, mixing: true}",
        ]
    }

    /// What is not finite or overflows counts for nothing, and nothing traps.
    @Test(arguments: all) func hostileValuesDoNotReachTheResult(_ text: String) throws {
        let honest = RobustFixture.rows(32, 70, seed: 7, centre: 1)
        for poison: Float in [.nan, .infinity, -.infinity, 3e38, -3e38] {
            var rows = honest
            rows[0] = [Float](repeating: poison, count: 70)
            rows[5][3] = poison
            rows[9][69] = poison
            let result = try RobustFixture.combine(text, rows)
            if text.contains("mean'") && !text.contains("trimmed"), poison.isFinite { continue }
            #expect(
                result.allSatisfy { abs($0) < 10 },
                "\(text) with \(poison): \(result.map { abs($0) }.max() ?? 0)")
        }
    }

    /// With no more hostile clients than it was told, a rule stays near the honest ones wherever those are.
    @Test(arguments: all.filter { !$0.contains("'mean'") }) func fewHostileClientsDoNotMoveIt(_ text: String)
        throws
    {
        var rows = RobustFixture.rows(32, 50, seed: 8, centre: 1)
        for place in [1, 11, 30] { rows[place] = rows[place].map { $0 - 1000 } }
        let result = try RobustFixture.combine(text, rows)
        let mean = result.reduce(0, +) / 50
        // Of centre 1; cut norms reach 8/√50 a coordinate, the plain mean −93.
        #expect(mean > 0.3 && mean < 1.6, "\(text): \(mean)")
    }

    /// Clients that send no change at all are far from those who learn, and are left out as others are.
    @Test(
        arguments: all.filter {
            !$0.contains("'mean'") && !$0.contains("norm-bound") && !$0.contains("clipping")
        })
    func idleClientsDoNotHoldItBack(_ text: String) throws {
        var rows = RobustFixture.rows(32, 50, seed: 8).map { $0.map { 1 + 0.1 * $0 } }
        for place in [1, 11, 30] { rows[place] = [Float](repeating: 0, count: 50) }
        let result = try RobustFixture.combine(text, rows)
        let mean = result.reduce(0, +) / 50
        #expect(mean > 0.9 && mean < 1.1, "\(text): \(mean)")
    }

    @Test func thePlainMeanIsMoved() throws {
        var rows = RobustFixture.rows(32, 50, seed: 8, centre: 1)
        for place in [1, 11, 30] { rows[place] = rows[place].map { $0 - 1000 } }
        #expect(try RobustFixture.combine("{rule: 'mean'}", rows)[0] < -80)
    }

    /// Without hostile clients, or with a bound that nothing reaches, the sum is that of plain averaging bit for bit.
    @Test(arguments: [
        "{rule: 'mean'}", "{rule: 'trimmed-mean', hostile: 0}", "{rule: 'multi-krum', hostile: 0}",
        "{rule: 'bulyan', hostile: 0}", "{rule: 'norm-bound', norm: 1e9}",
    ]) func equalsThePlainMeanToTheBit(_ text: String) throws {
        for (rows, width) in [(1, 5), (2, 64), (7, 4000), (33, 129)] {
            let updates = RobustFixture.rows(rows, width, seed: UInt64(rows)).map { $0.map { $0 * 1e-3 } }
            var sum = Aggregation(count: width, bits: 64)
            for row in updates {
                row.withUnsafeBufferPointer { sum.add(rounding: $0, factor: 0x1p32, weight: 1) }
            }
            for offset in [0, 1] {
                let found = RobustFixture.vector(try RobustFixture.aggregation(text), updates, offset: offset)
                #expect(found == sum.sum, "\(rows) × \(width)")
            }
        }
    }

    /// Sections are worked on by as many threads as there are, and added in their order.
    @Test(arguments: all) func threadsChangeNothing(_ text: String) throws {
        let rule = try RobustFixture.aggregation(text)
        let rows = RobustFixture.rows(32, 40_000, seed: 11)
        let one = RobustFixture.vector(rule, rows, threads: 1)
        for threads in [2, 7, 64] { #expect(RobustFixture.vector(rule, rows, threads: threads) == one) }
    }

    /// Values of equal rows change nothing, whichever comes first.
    @Test(arguments: all) func resultsDoNotHangOnEqualRows(_ text: String) throws {
        let row = RobustFixture.rows(1, 40, seed: 9)[0].map { $0 * 0.1 }
        let result = try RobustFixture.combine(text, [[Float]](repeating: row, count: 31))
        for (value, expected) in zip(result, row) { #expect(abs(value - Double(expected)) < 1e-5) }
    }

    /// A rule of somebody else's: one type, and one line in a catalog.
    private struct LongestOfAll: IndividualRule {
        init(_ section: Section) {}
        var measures: UpdateMeasurement { .norms }
        var heedsHostile: Bool { false }
        func fewestUpdates(hostile: Int) -> Int { 1 }
        func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
            let longest = (0..<updates.count).max { updates.norm($0) < updates.norm($1) }
            return .weighted((0..<updates.count).map { $0 == longest ? 1 : 0 }, divisor: 1)
        }
    }

    @Test func aRuleIsOneType() throws {
        let rule = try RobustAggregation(
            name: "longest", rule: LongestOfAll.self, RobustFixture.section("{rule: 'longest'}"))
        let found = RobustFixture.vector(rule, Self.square).centred().map { Double($0) / 0x1p32 / 3 }
        #expect(found == [7, 8, 9])
    }
}
