import Testing

@testable import Reporting

@Suite("Parts of a drawing")
struct DrawingTests {
    @Test(
        "Interpolated text is escaped, interpolated markup is not",
        arguments: [
            ("<b>", "&lt;b&gt;"), ("a & b", "a &amp; b"), ("\"quoted\"", "&quot;quoted&quot;"),
            ("it's", "it&#39;s"),
            ("ε ≤ 8", "ε ≤ 8"), ("\u{1B}[0m\u{85}", "\u{FFFD}[0m\u{FFFD}"), ("a\nb\tc", "a\nb\tc"),
        ])
    func escaping(text: String, escaped: String) {
        #expect(HTML(text: text).markup == escaped)
        let inner: HTML = "<i title=\"\(text)\">\(text)</i>"
        let outer: HTML = "<p>\(inner)\([inner])\(3)</p>"
        #expect(inner.markup == "<i title=\"\(escaped)\">\(escaped)</i>")
        #expect(outer.markup == "<p>\(inner.markup)\(inner.markup)3</p>")
    }

    @Test(
        "Coordinates are short and always numbers",
        arguments: [
            (0, "0"), (-0.001, "0"), (12, "12"), (1.5, "1.5"), (1.05, "1.05"), (-3.14159, "-3.14"),
            (99.999, "100"),
            (Double.nan, "0"), (.infinity, "0"), (1e300, "0"),
        ])
    func coordinates(value: Double, text: String) {
        #expect(HTML.coordinate(value) == text)
    }

    private static let ranges: [[Double]] = [
        [0.1, 0.9], [3, 3], [0, 0], [-5, 12], [1e-9, 2e-9], [999_999, 1_000_001], [1, 1e7], [-1e99, 1e99], [],
        [.nan, .infinity, 2], [1e12, 1e12 + 1], [.leastNonzeroMagnitude, 1], [0.2, 0.2000001],
    ]

    @Test(
        "Axes cover their values, end on ticks and have a readable number of them",
        arguments: Self.ranges, [false, true])
    func axes(values: [Double], includesZero: Bool) {
        let axis = Axis(covering: values, includesZero: includesZero)
        #expect(axis.lower < axis.upper && axis.lower.isFinite && axis.upper.isFinite)
        #expect((2...14).contains(axis.ticks.count), "\(axis.ticks)")
        #expect(zip(axis.ticks, axis.ticks.dropFirst()).allSatisfy(<))
        for value in values.filter(Axis.canDraw) {
            #expect(axis.lower <= value + abs(value) * 1e-9 && value <= axis.upper + abs(value) * 1e-9)
            #expect((0...1).contains(axis.position(of: value)))
        }
        #expect(Set(axis.ticks.map(axis.label)).count == axis.ticks.count, "\(axis.ticks.map(axis.label))")
        if includesZero { #expect(axis.lower <= 0 && axis.upper >= 0) }
    }

    @Test(
        "Limits hold, also against values beyond them",
        arguments: [[0.5, 0.9], [3, 1e99], [-1e99, -2], [0, 1], []])
    func limits(values: [Double]) {
        let axis = Axis(covering: values, unit: .percent, limits: 0...1)
        #expect(0 <= axis.lower && axis.lower < axis.upper && axis.upper <= 1)
        #expect(values.allSatisfy { (0...1).contains(axis.position(of: $0)) })
    }

    @Test(
        "Ticks of rounds are whole and inside",
        arguments: [1...1, 1...2, 1...30, 7...8, 1...373, 1...10_000_000])
    func roundAxes(rounds: ClosedRange<Int>) {
        let axis = Axis(rounds: rounds)
        #expect((1...9).contains(axis.ticks.count))
        #expect(axis.ticks.allSatisfy { $0 == $0.rounded() && rounds.contains(Int($0)) })
    }

    @Test("Stretches cover everything once", arguments: [0, 1, 149, 150, 151, 10_000])
    func stretches(count: Int) {
        let stretches = Series.stretches(of: count)
        #expect(stretches.count <= Series.stretches && stretches.allSatisfy { !$0.isEmpty })
        #expect(stretches.flatMap(Array.init) == Array(0..<count))
    }

    @Test("Thinning a long series keeps its extremes and leaves a short one alone")
    func thinning() throws {
        let long = Series("a", style: 1, points: (1...5000).map { ($0, $0 == 1234 ? 99 : Double($0 % 7)) })
        let stretches = try #require(long.thinned)
        #expect(stretches.count == Series.stretches)
        #expect(stretches.map(\.greatest).max() == 99)
        #expect(stretches.allSatisfy { $0.least <= $0.mean && $0.mean <= $0.greatest })
        #expect(Series("b", style: 1, points: (1...300).map { ($0, 1) }).thinned == nil)
    }

    @Test("Absent and undrawable values are gaps")
    func gaps() {
        let series = Series("a", style: 1, points: [(1, 0.5), (2, nil), (3, .nan), (4, .infinity), (5, 0.7)])
        #expect(series.points == [SeriesPoint(place: 1, value: 0.5), SeriesPoint(place: 5, value: 0.7)])
    }

    @Test(
        "Histogram bins hold every value",
        arguments: [[5], [0, 0, 0], [1, 2, 3], Array(0...1000), [3, 1_000_000], [46, 200, 130, 303]])
    func bins(values: [Int]) throws {
        let bins = try #require(Histogram.Bins(values))
        #expect(bins.counts.reduce(0, +) == values.count)
        #expect(bins.counts.count <= 22)
        #expect(bins.start <= values.min() ?? 0)
        #expect(bins.start + bins.width * bins.counts.count > values.max() ?? 0)
    }

    @Test("Spreads need five numbers and merge to the widest range")
    func spreads() throws {
        #expect(BandChart.Spread(round: 1, values: [1, 2, 3]) == nil)
        #expect(BandChart.Spread(round: 1, values: [1, 2, 3, 4, .nan]) == nil)
        let narrow = try #require(BandChart.Spread(round: 1, values: [2, 3, 4, 5, 6]))
        let wide = try #require(BandChart.Spread(round: 2, values: [1, 3, 6, 7, 9]))
        let merged = try #require(BandChart.Spread(merging: [narrow, wide]))
        #expect(merged.least == 1 && merged.greatest == 9 && merged.median == 5)
    }
}

@Suite("Quantities for readers")
struct ReadableTests {
    @Test(
        "ε is rounded up, never down",
        arguments: [
            (7.9312, "7.94"), (8, "8.00"), (0, "0"), (0.10001, "0.11"), (0.01234, "0.0124"),
            (12345.678, "12345.68"),
            (1.2341e-5, "1.24 × 10⁻⁵"), (1.2341e7, "1.24 × 10⁷"), (9.999e-4, "1.00 × 10⁻³"),
        ])
    func epsilon(value: Double, text: String) {
        #expect(Readable.epsilon(value) == text)
    }

    @Test(
        "Durations",
        arguments: [
            (0, "0 s"), (0.00002, "20.0 µs"), (0.0231, "23.1 ms"), (3.4211, "3.42 s"), (99.96, "1 min 40 s"),
            (312, "5 min 12 s"), (7621, "2 h 7 min"), (250_000, "2 d 21 h"), (Double.nan, "–"),
        ])
    func durations(seconds: Double, text: String) {
        #expect(Readable.duration(seconds) == text)
    }

    @Test(
        "Bytes",
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (819_360, "819 kB"), (74_231_808, "74.2 MB"),
            (8_190_000_000, "8.19 GB"),
        ])
    func bytes(count: Int, text: String) {
        #expect(Readable.bytes(count) == text)
    }

    @Test("Numbers, counts and percentages")
    func numbers() {
        #expect(Readable.number(0.4613) == "0.4613")
        #expect(Readable.number(-12.3456) == "−12.35")
        #expect(Readable.number(1e-7) == "1.000 × 10⁻⁷")
        #expect(Readable.number(nil) == "–")
        #expect(Readable.setting(0.5) == "0.5")
        #expect(Readable.setting(10) == "10")
        #expect(Readable.count(1_234_567) == "1,234,567")
        #expect(Readable.count(1, "round") == "1 round")
        #expect(Readable.percent(0.8733) == "87.3 %")
        #expect(Readable.percent(.infinity) == "–" && Readable.percent(1e308) == "–")
        #expect(Readable.setting(1e7, digits: 2) == "1 × 10⁷")
        #expect(Readable.points(-0.0211) == "−2.1 points")
        #expect(Readable.points(0.0001) == "0.0 points")
        #expect(Readable.probability(1e-5) == "1 × 10⁻⁵")
    }
}
