/// The plot area of a chart: places values, and draws grid, ticks and axis titles.
struct ChartFrame {
    /// Height of charts over rounds, user units.
    static let height = 232.0

    var horizontal: Axis
    var vertical: Axis
    /// Edges of the plot area, user units.
    var left = 48.0
    var right = Figure.width - 52
    var top = 24.0
    var bottom = ChartFrame.height - 38

    /// Abscissa of a value.
    func x(_ value: Double) -> Double {
        left + horizontal.position(of: value) * (right - left)
    }

    /// Abscissa of a round, or of so many bytes.
    func x(_ place: Int) -> Double {
        x(Double(place))
    }

    /// Ordinate of a value; larger values stand higher.
    func y(_ value: Double) -> Double {
        bottom - vertical.position(of: value) * (bottom - top)
    }

    /// Horizontal grid lines, tick labels and the axes' titles.
    func axes(horizontalTitle: String, verticalTitle: String) -> HTML {
        var grid = VectorPath()
        var labels = HTML()
        for tick in vertical.ticks {
            let height = y(tick)
            grid.move(left, height)
            grid.line(right, height)
            labels +=
                """
                <text class="tick end" x="\(left - 6)" y="\(height + 3.5)">\(vertical.label(tick))</text>
                """
        }
        var marks = VectorPath()
        marks.move(left, bottom)
        marks.line(right, bottom)
        for tick in horizontal.ticks {
            let place = x(tick)
            marks.move(place, bottom)
            marks.line(place, bottom + 4)
            labels +=
                """
                <text class="tick middle" x="\(place)" y="\(bottom + 15)">\(horizontal.label(tick))</text>
                """
        }
        return """
            <path class="grid" d="\(grid.data)"/><path class="axis" d="\(marks.data)"/>\(labels)\
            <text class="axis-title" x="0" y="10">\(verticalTitle)</text>\
            <text class="axis-title middle" x="\((left + right) / 2)" y="\(bottom + 32)">\
            \(horizontalTitle)</text>
            """
    }

    /// A series point by point; a long one as the means of its stretches with their range shaded.
    func curve(_ series: Series) -> HTML {
        guard let stretches = series.thinned, let first = series.points.first, let last = series.points.last
        else {
            return curve(series.points, style: series.style)
        }
        var range = VectorPath()
        for (index, stretch) in stretches.enumerated() {
            if index == 0 {
                range.move(x(stretch.place), y(stretch.greatest))
            } else {
                range.line(x(stretch.place), y(stretch.greatest))
            }
        }
        for stretch in stretches.reversed() { range.line(x(stretch.place), y(stretch.least)) }
        range.close()
        let means = stretches.map { SeriesPoint(place: $0.place, value: $0.mean) }
        return """
            <g class="c\(series.style)"><path class="tint" fill-opacity="0.22" d="\(range.data)"/></g>\
            \(curve([first] + means + [last], style: series.style))
            """
    }

    /// A curve through the points, with a dot at each where they are few.
    func curve(_ points: [SeriesPoint], style: Int) -> HTML {
        var path = VectorPath()
        for (index, point) in points.enumerated() {
            if index == 0 {
                path.move(x(point.place), y(point.value))
            } else {
                path.line(x(point.place), y(point.value))
            }
        }
        var drawing: HTML = "<g class=\"c\(style)\">"
        if points.count > 1 { drawing += "<path class=\"curve\" d=\"\(path.data)\"/>" }
        if points.count <= Self.fewPoints {
            for point in points {
                drawing +=
                    "<circle class=\"dot\" cx=\"\(x(point.place))\" cy=\"\(y(point.value))\" r=\"2.2\"/>"
            }
        }
        drawing += "</g>"
        return drawing
    }

    private static let fewPoints = 60

    /// A level line across the plot, such as a budget.
    func level(_ value: Double, style: Int) -> HTML {
        let height = y(value)
        return """
            <g class="c\(style)"><path class="curve level" d="M\(left) \(height)H\(right)"/></g>
            """
    }

    /// Ticks at the foot of the plot for rounds that released nothing.
    func abandonedMarks(_ rounds: [Int]) -> HTML {
        guard !rounds.isEmpty else { return HTML() }
        var path = VectorPath()
        // Marks closer than a tenth of a unit are one mark to the eye.
        var last = -Double.infinity
        for round in rounds {
            let place = x(round)
            guard place - last >= 0.1 else { continue }
            last = place
            path.move(place, bottom)
            path.line(place, bottom - 9)
        }
        return "<path class=\"abandoned\" d=\"\(path.data)\"/>"
    }

    /// Triangles at the top of the plot for values that lie beyond it.
    func beyondMarks(_ points: [SeriesPoint]) -> HTML {
        var path = VectorPath()
        for point in points {
            let place = x(point.place)
            path.move(place - 4, top - 2)
            path.line(place, top - 9)
            path.line(place + 4, top - 2)
            path.close()
        }
        return points.isEmpty ? HTML() : "<path class=\"beyond\" d=\"\(path.data)\"/>"
    }

    /// What a column of the plot tells while the pointer is over it.
    struct Tip: Equatable {
        /// Place of the column's middle.
        var place: Int
        var text: String
    }

    /// Transparent columns over the whole plot whose titles tell the values under the pointer, without a script. They
    /// meet half-way between their places.
    func tips(_ tips: [Tip]) -> HTML {
        var drawing = HTML()
        for (index, tip) in tips.enumerated() {
            let here = x(tip.place)
            let from = index == 0 ? left : (x(tips[index - 1].place) + here) / 2
            let to = index == tips.count - 1 ? right : (here + x(tips[index + 1].place)) / 2
            drawing += column(from: from, to: to, top: top - 10, text: tip.text)
        }
        return drawing
    }

    /// One such column.
    func column(from: Double, to: Double, top: Double, text: String) -> HTML {
        """
        <path class="hit" d="M\(from) \(top)H\(to)V\(bottom)H\(from)Z"><title>\(text)</title></path>
        """
    }

    /// A value written at the right edge, beside its curve or level.
    struct EdgeLabel {
        var value: Double
        var style: Int
        var text: String
    }

    /// Labels at the right edge, moved apart where they would overlap.
    func edgeLabels(_ labels: [EdgeLabel]) -> HTML {
        let spacing = 12.0
        let sorted = labels.filter { Axis.canDraw($0.value) }.sorted { y($0.value) < y($1.value) }
        var heights = sorted.map { y($0.value) }
        for index in heights.indices.dropFirst() {
            heights[index] = max(heights[index], heights[index - 1] + spacing)
        }
        if let last = heights.last, last > bottom {
            heights[heights.count - 1] = bottom
            for index in heights.indices.dropLast().reversed() {
                heights[index] = min(heights[index], heights[index + 1] - spacing)
            }
        }
        var drawing = HTML()
        for (label, height) in zip(sorted, heights) {
            drawing +=
                """
                <text class="value c\(label.style)" x="\(right + 6)" y="\(height + 3.5)">\(label.text)</text>
                """
        }
        return drawing
    }
}
