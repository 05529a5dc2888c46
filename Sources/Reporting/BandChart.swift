/// The spread of a value over rounds: its range, its middle half, its median, and a bound to compare with.
package struct BandChart {
    /// Five numbers of one round.
    package struct Spread: Equatable {
        var round: Int
        var least: Double
        var lowerQuartile: Double
        var median: Double
        var upperQuartile: Double
        var greatest: Double

        /// From the values as recorded (least, quartiles, greatest); nil unless there are five that can be
        /// drawn.
        package init?(round: Int, values: [Double]) {
            guard values.count == 5, values.allSatisfy(Axis.canDraw) else { return nil }
            let sorted = values.sorted()
            self.round = round
            least = sorted[0]
            lowerQuartile = sorted[1]
            median = sorted[2]
            upperQuartile = sorted[3]
            greatest = sorted[4]
        }

        /// Many rounds as one, at the middle one's place: the widest range, the mean of quartiles and
        /// medians.
        init?(merging spreads: ArraySlice<Spread>) {
            guard !spreads.isEmpty else { return nil }
            func mean(_ path: KeyPath<Spread, Double>) -> Double {
                spreads.reduce(0) { $0 + $1[keyPath: path] / Double(spreads.count) }
            }
            self = spreads[spreads.startIndex + spreads.count / 2]
            least = spreads.map(\.least).min() ?? least
            greatest = spreads.map(\.greatest).max() ?? greatest
            lowerQuartile = mean(\.lowerQuartile)
            median = mean(\.median)
            upperQuartile = mean(\.upperQuartile)
        }
    }

    var id: String
    var title: String
    var note: String
    /// Title of the vertical axis, with its unit.
    var verticalTitle: String
    var rounds: ClosedRange<Int>
    var spreads: [Spread]
    /// A bound drawn as a level line.
    var bound: LineChart.Reference?

    /// A chart of `spreads` over `rounds`, with a level line at `bound`.
    package init(
        id: String, title: String, note: String, verticalTitle: String, rounds: ClosedRange<Int>,
        spreads: [Spread], bound: LineChart.Reference? = nil
    ) {
        self.id = id
        self.title = title
        self.note = note
        self.verticalTitle = verticalTitle
        self.rounds = rounds
        self.spreads = spreads
        self.bound = bound
    }

    /// The chart as a figure; nil where there is nothing to draw.
    package var html: HTML? {
        let bound = bound.flatMap { Axis.canDraw($0.value) ? $0 : nil }
        let shown = thinned
        guard let last = shown.last else { return nil }

        let values = shown.flatMap { [$0.least, $0.median, $0.greatest] } + (bound.map { [$0.value] } ?? [])
        let frame = ChartFrame(
            horizontal: Axis(rounds: rounds),
            vertical: Axis(covering: values, includesZero: (values.max() ?? 0) <= 10 * (values.min() ?? 0)))
        var drawing = frame.axes(horizontalTitle: "round", verticalTitle: verticalTitle)
        drawing += band(frame, shown, from: \.least, to: \.greatest, strength: 0.16)
        drawing += band(frame, shown, from: \.lowerQuartile, to: \.upperQuartile, strength: 0.36)
        var labels = [
            ChartFrame.EdgeLabel(value: last.median, style: 1, text: frame.vertical.valueLabel(last.median))
        ]
        if let bound {
            drawing += frame.level(bound.value, style: bound.style)
            labels.append(
                .init(value: bound.value, style: bound.style, text: frame.vertical.valueLabel(bound.value)))
        }
        let medians = shown.map { SeriesPoint(place: $0.round, value: $0.median) }
        drawing += frame.curve(medians, style: 1)
        drawing += frame.edgeLabels(labels)
        drawing += frame.tips(tips(shown, axis: frame.vertical))
        return Figure(
            id: id, title: title, note: note, legend: legend(bound), description: description(bound),
            height: ChartFrame.height, drawing: drawing, data: data
        ).html
    }

    private func tips(_ shown: [Spread], axis: Axis) -> [ChartFrame.Tip] {
        Series.stretches(of: shown.count, atMost: LineChart.mostTips).compactMap { range in
            guard let spread = Spread(merging: shown[range]) else { return nil }
            let rounds = shown[range.lowerBound].round...shown[range.upperBound - 1].round
            return ChartFrame.Tip(
                place: spread.round,
                text: "\(Abscissa.rounds(rounds).words(rounds)): \(axis.valueLabel(spread.least)) to "
                    + "\(axis.valueLabel(spread.greatest)), median \(axis.valueLabel(spread.median))")
        }
    }

    /// The numbers of every round; of a long run as they are drawn.
    private var data: ChartData {
        let rows = spreads.count > ChartData.mostRows ? thinned : spreads
        return ChartData(
            columns: ["round", "least", "lower quartile", "median", "upper quartile", "greatest"],
            rows: rows.map { spread in
                [String(spread.round)]
                    + [
                        spread.least, spread.lowerQuartile, spread.median, spread.upperQuartile,
                        spread.greatest,
                    ].map { ChartData.cell($0) }
            })
    }

    /// All rounds of a short run; of a long one, one merged spread for each stretch.
    private var thinned: [Spread] {
        guard spreads.count > Series.drawnPoints else { return spreads }
        return Series.stretches(of: spreads.count).compactMap { Spread(merging: spreads[$0]) }
    }

    private func band(
        _ frame: ChartFrame, _ shown: [Spread], from lower: KeyPath<Spread, Double>,
        to upper: KeyPath<Spread, Double>,
        strength: Double
    ) -> HTML {
        var path = VectorPath()
        if shown.count == 1, let only = shown.first {
            // A single round has no width of its own.
            let (high, low) = (frame.y(only[keyPath: upper]), frame.y(only[keyPath: lower]))
            path.rectangle(frame.x(only.round) - 7, high, width: 14, height: low - high)
        } else {
            for (index, spread) in shown.enumerated() {
                let (x, y) = (frame.x(spread.round), frame.y(spread[keyPath: upper]))
                if index == 0 { path.move(x, y) } else { path.line(x, y) }
            }
            for spread in shown.reversed() {
                path.line(frame.x(spread.round), frame.y(spread[keyPath: lower]))
            }
            path.close()
        }
        return "<g class=\"c1\"><path class=\"tint\" fill-opacity=\"\(strength)\" d=\"\(path.data)\"/></g>"
    }

    private func legend(_ bound: LineChart.Reference?) -> [Figure.LegendEntry] {
        var entries: [Figure.LegendEntry] = [
            .init(sign: .line, style: 1, name: "median"),
            .init(sign: .area(0.5), style: 1, name: "middle half"),
            .init(sign: .area(0.16), style: 1, name: "least to greatest"),
        ]
        if let bound { entries.append(.init(sign: .line, style: bound.style, name: bound.name)) }
        return entries
    }

    private func description(_ bound: LineChart.Reference?) -> String {
        guard let first = spreads.first, let last = spreads.last else { return "" }
        func sentence(_ spread: Spread) -> String {
            "Round \(spread.round): least \(Readable.number(spread.least, digits: 3)), median "
                + "\(Readable.number(spread.median, digits: 3)), greatest "
                + "\(Readable.number(spread.greatest, digits: 3)). "
        }
        let level = bound.map { "\($0.name): \(Readable.number($0.value, digits: 3))." } ?? ""
        let ends = spreads.count == 1 ? sentence(first) : sentence(first) + sentence(last)
        return "Band chart, \(verticalTitle) over rounds. " + ends + level
    }
}
