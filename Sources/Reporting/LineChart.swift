/// Curves over rounds or bytes, with level lines to compare them with.
package struct LineChart {
    /// A level to compare the curves with: a budget, a bound, another run's result.
    package struct Reference {
        var name: String
        var value: Double
        /// Place in the palette, 1 to 4.
        var style: Int

        /// A level of a name; `style` is its place in the palette, 1 to 4.
        package init(name: String, value: Double, style: Int) {
            self.name = name
            self.value = value
            self.style = style
        }
    }

    var id: String
    var title: String
    var note: String
    /// Title of the vertical axis, with its unit.
    var verticalTitle: String
    var unit: Axis.Unit
    /// What the curves run over.
    var abscissa: Abscissa
    var series: [Series]
    var references: [Reference]
    /// Rounds that released nothing.
    var abandoned: [Int]
    var includesZero: Bool
    /// Bounds that values cannot pass, such as 0 to 1.
    var limits: ClosedRange<Double>?
    /// Whether few values far above all others lie beyond the axis, marked and told, rather than flatten the rest.
    var cutsOutliers: Bool

    /// A chart of `series`; `limits` are bounds that the values cannot pass.
    package init(
        id: String, title: String, note: String, verticalTitle: String, unit: Axis.Unit = .plain,
        over abscissa: Abscissa, series: [Series], references: [Reference] = [], abandoned: [Int] = [],
        includesZero: Bool = false, limits: ClosedRange<Double>? = nil, cutsOutliers: Bool = false
    ) {
        self.id = id
        self.title = title
        self.note = note
        self.verticalTitle = verticalTitle
        self.unit = unit
        self.abscissa = abscissa
        self.series = series
        self.references = references
        self.abandoned = abandoned
        self.includesZero = includesZero
        self.limits = limits
        self.cutsOutliers = cutsOutliers
    }

    /// The chart as a figure; nil where there is nothing to draw.
    package var html: HTML? {
        let drawn = series.filter { !$0.points.isEmpty }
        let levels = references.filter { Axis.canDraw($0.value) }
        guard !drawn.isEmpty else { return nil }

        let limit = cutsOutliers ? Axis.robustLimit(drawn.flatMap { $0.points.map(\.value) }) : nil
        let values = (drawn.flatMap { $0.points.map(\.value) } + levels.map(\.value)).filter {
            $0 <= limit ?? .infinity
        }
        let frame = ChartFrame(
            horizontal: abscissa.axis,
            vertical: Axis(covering: values, unit: unit, includesZero: includesZero, limits: limits))
        let beyond = limit == nil ? [] : drawn.flatMap(\.points).filter { $0.value > frame.vertical.upper }
        var drawing = frame.axes(horizontalTitle: abscissa.title, verticalTitle: verticalTitle)
        drawing += frame.abandonedMarks(abandoned)
        for level in levels { drawing += frame.level(level.value, style: level.style) }
        // The first series is the one that matters: it is drawn last, on top.
        for one in drawn.reversed() { drawing += frame.curve(one) }
        drawing += frame.beyondMarks(beyond)
        drawing += frame.edgeLabels(edgeLabels(drawn, levels, axis: frame.vertical))
        drawing += frame.tips(tips(drawn, axis: frame.vertical))
        return Figure(
            id: id, title: title, note: note + words(beyond, axis: frame.vertical),
            legend: legend(drawn, levels), description: description(drawn, levels),
            height: ChartFrame.height, drawing: drawing, data: ChartData(drawn, over: abscissa.column)
        ).html
    }

    /// What lies beyond the axis, as a sentence for the caption.
    private func words(_ beyond: [SeriesPoint], axis: Axis) -> String {
        guard let most = beyond.max(by: { $0.value < $1.value }) else { return "" }
        let place = abscissa.words(most.place...most.place)
        let value = axis.valueLabel(most.value)
        return beyond.count == 1
            ? " Beyond the axis: \(place) with \(value)."
            : " Beyond the axis: \(Readable.count(beyond.count)) values, most of all \(place) with \(value)."
    }

    /// Columns that a drawing has room for, so that a pointer finds each.
    static let mostTips = 100

    /// What each stretch of the chart tells under the pointer.
    private func tips(_ drawn: [Series], axis: Axis) -> [ChartFrame.Tip] {
        let places = ChartData.places(drawn)
        return Series.stretches(of: places.count, atMost: Self.mostTips).map { range in
            let stretch = places[range.lowerBound]...places[range.upperBound - 1]
            let values = drawn.compactMap { one -> String? in
                let values = one.values(in: stretch)
                guard let least = values.min(), let greatest = values.max() else { return nil }
                let (low, high) = (axis.valueLabel(least), axis.valueLabel(greatest))
                let text = low == high ? low : "\(low) to \(high)"
                return drawn.count == 1 ? text : "\(one.name) \(text)"
            }
            return ChartFrame.Tip(
                place: places[(range.lowerBound + range.upperBound - 1) / 2],
                text: "\(abscissa.words(stretch)): \(values.joined(separator: ", "))")
        }
    }

    private func edgeLabels(_ drawn: [Series], _ levels: [Reference], axis: Axis) -> [ChartFrame.EdgeLabel] {
        let ends = drawn.compactMap { one in
            one.points.last.map {
                ChartFrame.EdgeLabel(value: $0.value, style: one.style, text: axis.valueLabel($0.value))
            }
        }
        return ends
            + levels.map { .init(value: $0.value, style: $0.style, text: axis.valueLabel($0.value)) }
    }

    private func legend(_ drawn: [Series], _ levels: [Reference]) -> [Figure.LegendEntry] {
        var entries: [Figure.LegendEntry] = []
        if drawn.count + levels.count > 1 {
            entries = drawn.map { .init(sign: .line, style: $0.style, name: $0.name) }
            entries += levels.map { .init(sign: .line, style: $0.style, name: $0.name) }
        }
        if !abandoned.isEmpty { entries.append(.init(sign: .mark, style: 2, name: "abandoned round")) }
        return entries
    }

    private func description(_ drawn: [Series], _ levels: [Reference]) -> String {
        let axis = Axis(covering: drawn.flatMap { $0.points.map(\.value) }, unit: unit)
        var sentences = drawn.compactMap { one -> String? in
            guard let first = one.points.first, let last = one.points.last else { return nil }
            return
                "\(one.name): \(axis.valueLabel(first.value)) at \(abscissa.words(first.place...first.place)), "
                + "\(axis.valueLabel(last.value)) at \(abscissa.words(last.place...last.place))."
        }
        sentences += levels.map { "\($0.name): \(axis.valueLabel($0.value))." }
        if !abandoned.isEmpty { sentences.append("\(Readable.count(abandoned.count, "round")) abandoned.") }
        return "Line chart, \(verticalTitle) over \(abscissa.name). " + sentences.joined(separator: " ")
    }
}
