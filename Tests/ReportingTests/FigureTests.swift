import Foundation
import Testing

@testable import Reporting

@Suite("Figures") struct FigureTests {
    /// The data that a figure's link holds, as text.
    private func data(_ figure: HTML?) throws -> String {
        let markup = try #require(figure).markup
        let start = try #require(markup.range(of: "href=\"data:text/csv;charset=utf-8,"))
        let address = markup[start.upperBound...].prefix { $0 != "\"" }
        return try #require(String(address).removingPercentEncoding)
    }

    private func count(_ text: String, in figure: HTML?) -> Int {
        (figure?.markup.components(separatedBy: text).count ?? 1) - 1
    }

    private func chart(
        _ values: [Double?], cuts: Bool = false, over abscissa: Abscissa? = nil
    ) -> LineChart {
        LineChart(
            id: "a", title: "A.", note: "Note.", verticalTitle: "v",
            over: abscissa ?? .rounds(1...max(2, values.count)),
            series: [
                Series("one", style: 1, points: values.enumerated().map { ($0.offset + 1, $0.element) })
            ],
            includesZero: true, cutsOutliers: cuts)
    }

    @Test("A figure without anything to show is none")
    func nothing() {
        #expect(chart([]).html == nil)
        #expect(chart([nil, .nan, .infinity]).html == nil)
        #expect(
            BandChart(id: "b", title: "B", note: "", verticalTitle: "v", rounds: 1...2, spreads: []).html
                == nil)
        #expect(
            Histogram(
                id: "h", title: "H", note: "", horizontalTitle: "x", verticalTitle: "y", values: []
            ).html == nil)
        for (rows, columns) in [([], [1]), (["a"], [])] as [([String], [Int])] {
            #expect(
                HeatMap(
                    id: "m", title: "M", note: "", rowNames: rows, columnNumbers: columns,
                    shares: columns.map { _ in rows.map { _ in 1 } }
                ).html == nil)
        }
    }

    @Test(
        "Every value is told under the pointer, of long runs by stretches", arguments: [1, 3, 100, 101, 5000])
    func tips(rounds: Int) throws {
        let figure = chart((1...rounds).map { Double($0 % 7) / 2 }).html
        #expect(count("class=\"hit\"", in: figure) == min(rounds, LineChart.mostTips))
        #expect(count("<title>", in: figure) == min(rounds, LineChart.mostTips))
        #expect(count("<title>round 1: 0.500</title>", in: figure) == (rounds <= 101 ? 1 : 0))
        if rounds == 5000 { #expect(count("<title>rounds 1 to 50: 0 to 3.00</title>", in: figure) == 1) }
    }

    @Test("Columns under the pointer meet and cover the plot")
    func columns() throws {
        let markup = try #require(chart([1, nil, 3, 2]).html).markup
        let pattern = /<path class="hit" d="M([0-9.]+) [0-9.]+H([0-9.]+)V/
        let edges = markup.matches(of: pattern).map { (Double($0.1), Double($0.2)) }
        #expect(edges.count == 3 && edges.first?.0 == 48 && edges.last?.1 == Figure.width - 52)
        #expect(zip(edges, edges.dropFirst()).allSatisfy { $0.1 == $1.0 })
    }

    @Test("Several series are told by name")
    func names() throws {
        let chart = LineChart(
            id: "a", title: "A", note: "", verticalTitle: "v", unit: .percent, over: .rounds(1...2),
            series: [
                Series("new", style: 1, points: [(1, 0.5), (2, 0.75)]),
                Series("old", style: 2, points: [(2, 0.25)]),
            ])
        let markup = try #require(chart.html).markup
        #expect(markup.contains("<title>round 1: new 50.0 %</title>"))
        #expect(markup.contains("<title>round 2: new 75.0 %, old 25.0 %</title>"))
    }

    @Test(
        "One start-up round does not flatten the others",
        arguments: [
            ([152, 1, 1.1, 0.9, 1, 1.2], "round 1 with 152"), ([1, 2, 900], "round 3 with 900"),
            (Array(repeating: 1.0, count: 30) + [50, 60], "2 values, most of all round 32 with 60.0"),
        ])
    func outliers(values: [Double], words: String) throws {
        let markup = try #require(chart(values, cuts: true).html).markup
        #expect(markup.contains("Note. Beyond the axis: \(words)."))
        #expect(count("class=\"beyond\"", in: chart(values, cuts: true).html) == 1)
        #expect(!markup.contains("<text class=\"tick end\" x=\"42\" y=\"\(27.5)\">\(Int(values.max() ?? 0))"))
        // Unless it was asked for, the axis covers everything.
        #expect(count("Beyond", in: chart(values).html) == 0)
    }

    @Test(
        "What is no outlier stays on the axis",
        arguments: [
            [], [5], [1, 100], [1, 1, 1, 3], [3, 2, 1], [0, 0, 0, 9], [-5, 1, 100], [.nan, 1, 1, 1],
        ])
    func noOutliers(values: [Double]) {
        #expect(Axis.robustLimit(values) == nil)
        #expect(count("Beyond", in: chart(values, cuts: true).html) == 0)
    }

    @Test("The data of a chart are its numbers, in full")
    func curveData() throws {
        let third = 1.0 / 3
        #expect(try data(chart([0.1, nil, third]).html) == "round,one\n1,0.1\n3,\(third)\n")
        let bytes = chart([0.25, 0.5], over: .bytes(2)).html
        #expect(try data(bytes) == "bytes,one\n1,0.25\n2,0.5\n")
        let long = try data(chart((1...5000).map { Double($0) }).html).split(separator: "\n")
        #expect(long.count == 1 + Series.stretches)
        #expect(long[0] == "first round,last round,\"one, mean\",\"one, least\",\"one, greatest\"")
        #expect(long[1] == "1,33,17.0,1.0,33.0" && long.last?.hasSuffix(",5000.0") == true)
    }

    @Test(
        "Cells are quoted as RFC 4180 wants it",
        arguments: [
            ("plain", "plain"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""), ("dos\r\nlines", "\"dos\r\nlines\""), ("ε & <b>", "ε & <b>"),
            ("\"\u{301},", "\"\"\"\u{301},\""),
        ])
    func quoting(name: String, cell: String) throws {
        let table = ChartData(columns: [name], rows: [["1"]])
        #expect(Array(table.text.utf8) == Array("\(cell)\n1\n".utf8))
        // The address holds nothing that would end an attribute or be escaped in one.
        let address = table.address.dropFirst("data:text/csv;charset=utf-8,".count)
        #expect(address.allSatisfy { $0.isASCII && !"\"'<>& \n#".contains($0) })
        #expect(address.removingPercentEncoding.map { Array($0.utf8) } == Array(table.text.utf8))
    }

    @Test("Bars and columns are told too, and have their data")
    func otherFigures() throws {
        let histogram = Histogram(
            id: "h", title: "H", note: "", horizontalTitle: "examples", verticalTitle: "clients",
            values: [1, 2, 2, 40]
        ).html
        #expect(count("<title>1 examples: 1 clients</title>", in: histogram) <= 1)
        #expect(try data(histogram).hasPrefix("from,below,clients\n"))
        let map = HeatMap(
            id: "m", title: "M", note: "", rowNames: ["cat", "dog"], columnNumbers: [7],
            shares: [[0.25, 0.75]]
        ).html
        #expect(count("<title>client 7: dog 75.0 %, cat 25.0 %</title>", in: map) == 1)
        #expect(try data(map) == "client,cat,dog\n7,0.25,0.75\n")
        let spread = try #require(BandChart.Spread(round: 2, values: [1, 2, 3, 4, 5]))
        let band = BandChart(
            id: "b", title: "B", note: "", verticalTitle: "v", rounds: 1...3, spreads: [spread]
        ).html
        #expect(count("<title>round 2: 1.00 to 5.00, median 3.00</title>", in: band) == 1)
        #expect(try data(band).hasSuffix("\n2,1.0,2.0,3.0,4.0,5.0\n"))
    }

    @Test(
        "Bytes are labelled in a unit that suits their total",
        arguments: [(0, "B"), (900, "B"), (5000, "kB"), (1_500_000, "kB"), (40_000_000, "MB"), (.max, "TB")])
    func byteAxes(total: Int, unit: String) {
        let axis = Axis(bytes: total)
        #expect(Abscissa.bytes(total).title == "sent so far, \(unit)")
        #expect(axis.lower < axis.upper && (1...9).contains(axis.ticks.count), "\(axis.ticks)")
        #expect(Set(axis.ticks.map(axis.label)).count == axis.ticks.count)
    }

    @Test("A band goes from least to greatest, and its curve through the means")
    func spreads() throws {
        func curve(_ style: Int, _ places: [Int]) -> SpreadChart.Curve {
            SpreadChart.Curve(
                "curve \(style)", style: style,
                points: places.compactMap {
                    .init(place: $0, mean: Double($0), low: Double($0) - 0.5, high: Double($0) + 1)
                })
        }
        func chart(_ curves: [SpreadChart.Curve], _ abscissa: Abscissa = .rounds(1...3)) -> HTML? {
            SpreadChart(
                id: "s", title: "S.", note: "", verticalTitle: "v", over: abscissa, curves: curves,
                bandName: "range"
            ).html
        }
        #expect(chart([]) == nil && chart([curve(1, [])]) == nil)
        let two = chart([curve(1, [3, 1, 2]), curve(2, [2])])
        #expect(
            try data(two)
                == "curve,round,mean,low,high\ncurve 1,1,1.0,0.5,2.0\ncurve 1,2,2.0,1.5,3.0\n"
                + "curve 1,3,3.0,2.5,4.0\ncurve 2,2,2.0,1.5,3.0\n")
        #expect(
            count("<title>round 2: curve 1 2.00 (1.50 to 3.00), curve 2 2.00 (1.50 to 3.00)", in: two) == 1)
        #expect(count("class=\"hit\"", in: two) == 3 && count("range", in: two) >= 1)
        // What cannot be drawn, or lies outside its own band, is left out; more curves than colours are too.
        #expect(SpreadChart.Point(place: 1, mean: .nan, low: 0, high: 1) == nil)
        #expect(SpreadChart.Point(place: 1, mean: 2, low: 0, high: 1) == nil)
        #expect(count("class=\"c5\"", in: chart((1...5).map { curve($0, [1, 2]) })) == 0)
        let long = chart([curve(1, Array(1...5000))], .time(5000))
        #expect(count("class=\"hit\"", in: long) == LineChart.mostTips)
        #expect(count("time so far, seconds", in: long) == 1)
        #expect(try data(long).split(separator: "\n").count == ChartData.mostRows + 1)
    }

    @Test(
        "Times have units that can be read",
        arguments: [
            (0.0, 0, "milliseconds"), (0.5, 500, "milliseconds"), (2, 2000, "seconds"),
            (7200, 7_200_000, "hours"),
            (-1, 0, "milliseconds"), (.infinity, 0, "milliseconds"),
        ] as [(Double, Int, String)])
    func times(_ seconds: Double, _ place: Int, _ unit: String) {
        #expect(Abscissa.milliseconds(seconds) == place)
        #expect(Abscissa.time(place).title == "time so far, \(unit)")
        #expect(Abscissa.time(place).axis.ticks.count >= 1)
    }
}
