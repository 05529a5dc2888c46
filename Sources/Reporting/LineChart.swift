/// Curves over rounds, with level lines to compare them with.
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
    /// First and last round of the run: the same for all charts, so that they can be read one above the
    /// other.
    var rounds: ClosedRange<Int>
    var series: [Series]
    var references: [Reference]
    /// Rounds that released nothing.
    var abandoned: [Int]
    var includesZero: Bool
    /// Bounds that values cannot pass, such as 0 to 1.
    var limits: ClosedRange<Double>?
    /// Said in place of the chart where there is no value at all.
    var emptyReason: String

    /// A chart of `series` over `rounds`; `limits` are bounds that the values cannot pass, and `emptyReason`
    /// stands in place of a chart without values.
    package init(
        id: String, title: String, note: String, verticalTitle: String, unit: Axis.Unit = .plain,
        rounds: ClosedRange<Int>, series: [Series], references: [Reference] = [], abandoned: [Int] = [],
        includesZero: Bool = false, limits: ClosedRange<Double>? = nil,
        emptyReason: String = "No value was recorded in this run."
    ) {
        self.id = id
        self.title = title
        self.note = note
        self.verticalTitle = verticalTitle
        self.unit = unit
        self.rounds = rounds
        self.series = series
        self.references = references
        self.abandoned = abandoned
        self.includesZero = includesZero
        self.limits = limits
        self.emptyReason = emptyReason
    }

    /// The chart as a figure.
    package var html: HTML {
        let drawn = series.filter { !$0.points.isEmpty }
        let levels = references.filter { Axis.canDraw($0.value) }
        var figure = Figure(
            id: id, title: title, note: note, legend: legend(drawn, levels),
            description: description(drawn, levels),
            height: ChartFrame.height, content: .nothing(because: emptyReason))
        guard !drawn.isEmpty else { return figure.html }

        let values = drawn.flatMap { $0.points.map(\.value) } + levels.map(\.value)
        let frame = ChartFrame(
            horizontal: Axis(rounds: rounds),
            vertical: Axis(covering: values, unit: unit, includesZero: includesZero, limits: limits))
        var drawing = frame.axes(horizontalTitle: "round", verticalTitle: verticalTitle)
        drawing += frame.abandonedMarks(abandoned)
        for level in levels { drawing += frame.level(level.value, style: level.style) }
        // The first series is the one that matters: it is drawn last, on top.
        for one in drawn.reversed() { drawing += frame.curve(one) }
        drawing += frame.edgeLabels(edgeLabels(drawn, levels, axis: frame.vertical))
        figure.content = .drawing(drawing)
        return figure.html
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
            return "\(one.name): \(axis.valueLabel(first.value)) in round \(first.round), "
                + "\(axis.valueLabel(last.value)) in round \(last.round)."
        }
        sentences += levels.map { "\($0.name): \(axis.valueLabel($0.value))." }
        if !abandoned.isEmpty { sentences.append("\(Readable.count(abandoned.count, "round")) abandoned.") }
        return "Line chart, \(verticalTitle) over rounds. " + sentences.joined(separator: " ")
    }
}
