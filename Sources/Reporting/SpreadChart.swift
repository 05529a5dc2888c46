/// Curves of several series with a band around each: means of some runs and how far they lie apart.
package struct SpreadChart {
    /// A mean at a place, and the band around it.
    package struct Point: Equatable {
        package var place: Int
        var mean: Double
        var low: Double
        var high: Double

        /// A mean with its band; nil unless all three can be drawn and lie in order.
        package init?(place: Int, mean: Double, low: Double, high: Double) {
            guard [mean, low, high].allSatisfy(Axis.canDraw), low <= mean, mean <= high else { return nil }
            (self.place, self.mean, self.low, self.high) = (place, mean, low, high)
        }
    }

    /// A named curve.
    package struct Curve {
        var name: String
        /// Place in the palette, 1 to 4.
        var style: Int
        var points: [Point]

        /// A curve through these points, which are put in order of their places.
        package init(_ name: String, style: Int, points: [Point]) {
            (self.name, self.style) = (name, style)
            self.points = points.sorted { $0.place < $1.place }
        }
    }

    /// Colours and dash patterns that there are: more curves cannot be told apart.
    package static let mostCurves = 4

    var id: String
    var title: String
    var note: String
    /// Title of the vertical axis, with its unit.
    var verticalTitle: String
    var unit: Axis.Unit
    /// What the curves run over.
    var abscissa: Abscissa
    var curves: [Curve]
    /// What the band is, for the legend.
    var bandName: String
    /// Bounds that values cannot pass.
    var limits: ClosedRange<Double>?

    /// A chart of at most ``mostCurves`` curves; `bandName` says what the bands are.
    package init(
        id: String, title: String, note: String, verticalTitle: String, unit: Axis.Unit = .plain,
        over abscissa: Abscissa, curves: [Curve], bandName: String, limits: ClosedRange<Double>? = nil
    ) {
        (self.id, self.title, self.note) = (id, title, note)
        (self.verticalTitle, self.unit, self.abscissa) = (verticalTitle, unit, abscissa)
        (self.curves, self.bandName, self.limits) = (Array(curves.prefix(Self.mostCurves)), bandName, limits)
    }

    /// The chart as a figure; nil where there is nothing to draw.
    package var html: HTML? {
        let drawn = curves.filter { !$0.points.isEmpty }
        guard !drawn.isEmpty else { return nil }
        let values = drawn.flatMap { $0.points.flatMap { [$0.low, $0.high] } }
        let frame = ChartFrame(
            horizontal: abscissa.axis, vertical: Axis(covering: values, unit: unit, limits: limits))
        var drawing = frame.axes(horizontalTitle: abscissa.title, verticalTitle: verticalTitle)
        for curve in drawn { drawing += band(curve, frame) }
        for curve in drawn.reversed() {
            drawing += frame.curve(
                curve.points.map { SeriesPoint(place: $0.place, value: $0.mean) }, style: curve.style)
        }
        drawing += frame.edgeLabels(
            drawn.compactMap { curve in
                curve.points.last.map {
                    .init(value: $0.mean, style: curve.style, text: frame.vertical.valueLabel($0.mean))
                }
            })
        drawing += frame.tips(tips(drawn, axis: frame.vertical))
        return Figure(
            id: id, title: title, note: note, legend: legend(drawn),
            description: description(drawn, axis: frame.vertical), height: ChartFrame.height,
            drawing: drawing, data: data(drawn)
        ).html
    }

    private func band(_ curve: Curve, _ frame: ChartFrame) -> HTML {
        var path = VectorPath()
        for (index, point) in curve.points.enumerated() {
            let (x, y) = (frame.x(point.place), frame.y(point.high))
            if index == 0 { path.move(x, y) } else { path.line(x, y) }
        }
        for point in curve.points.reversed() { path.line(frame.x(point.place), frame.y(point.low)) }
        path.close()
        return """
            <g class="c\(curve.style)"><path class="tint" fill-opacity="0.16" d="\(path.data)"/></g>
            """
    }

    private func tips(_ drawn: [Curve], axis: Axis) -> [ChartFrame.Tip] {
        let places = Set(drawn.flatMap { $0.points.map(\.place) }).sorted()
        return Series.stretches(of: places.count, atMost: LineChart.mostTips).map { range in
            let stretch = places[range.lowerBound]...places[range.upperBound - 1]
            let values = drawn.compactMap { curve -> String? in
                guard let last = curve.points.last(where: { stretch.contains($0.place) }) else { return nil }
                return "\(curve.name) \(axis.valueLabel(last.mean)) (\(axis.valueLabel(last.low)) to "
                    + "\(axis.valueLabel(last.high)))"
            }
            return ChartFrame.Tip(
                place: places[(range.lowerBound + range.upperBound - 1) / 2],
                text: "\(abscissa.words(stretch)): \(values.joined(separator: ", "))")
        }
    }

    private func legend(_ drawn: [Curve]) -> [Figure.LegendEntry] {
        drawn.map { .init(sign: .line, style: $0.style, name: $0.name) }
            + [.init(sign: .area(0.16), style: drawn[0].style, name: bandName)]
    }

    private func description(_ drawn: [Curve], axis: Axis) -> String {
        let sentences = drawn.compactMap { curve -> String? in
            guard let first = curve.points.first, let last = curve.points.last else { return nil }
            return
                "\(curve.name): \(axis.valueLabel(first.mean)) at \(abscissa.words(first.place...first.place)), "
                + "\(axis.valueLabel(last.mean)) at \(abscissa.words(last.place...last.place))."
        }
        return "Chart of means with \(bandName), \(verticalTitle) over \(abscissa.name). "
            + sentences.joined(separator: " ")
    }

    /// The numbers, a row a place of a curve.
    private func data(_ drawn: [Curve]) -> ChartData {
        ChartData(
            columns: ["curve", abscissa.column, "mean", "low", "high"],
            rows: drawn.flatMap { curve in
                Series.stretches(of: curve.points.count, atMost: ChartData.mostRows).map { range in
                    let point = curve.points[range.upperBound - 1]
                    return [
                        curve.name, String(point.place), ChartData.cell(point.mean),
                        ChartData.cell(point.low),
                        ChartData.cell(point.high),
                    ]
                }
            })
    }
}
