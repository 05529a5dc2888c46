/// Rates over rates, both on axes of decades: what an attack finds at the price of so many false alarms.
package struct RateChart {
    /// A curve of one name through points whose coordinates are above 0 and at most 1.
    package struct Curve {
        var name: String
        /// Place in the palette, 1 to 4.
        var style: Int
        var points: [(x: Double, y: Double)]

        /// A curve through the points that can be drawn, in the order of x.
        package init(name: String, style: Int, points: [(x: Double, y: Double)]) {
            (self.name, self.style) = (name, style)
            self.points = points.filter { (1e-9...1).contains($0.x) && (1e-9...1).contains($0.y) }
                .sorted { $0.x < $1.x }
        }
    }

    var id: String
    var title: String
    var note: String
    var horizontalTitle: String
    var verticalTitle: String
    var curves: [Curve]

    /// A chart of `curves`, of which those without a point are left out.
    package init(
        id: String, title: String, note: String, horizontalTitle: String, verticalTitle: String,
        curves: [Curve]
    ) {
        (self.id, self.title, self.note) = (id, title, note)
        (self.horizontalTitle, self.verticalTitle) = (horizontalTitle, verticalTitle)
        self.curves = curves.filter { !$0.points.isEmpty }
    }

    /// The chart as a figure; nil where there is nothing to draw.
    package var html: HTML? {
        guard !curves.isEmpty else { return nil }
        let all = curves.flatMap(\.points)
        func axis(_ least: Double?) -> Axis { Axis(decadesFrom: min(0.1, least ?? 0.1), to: 1) }
        let frame = ChartFrame(
            horizontal: axis(all.map(\.x).min()), vertical: axis(all.map(\.y).min()))
        var drawing = frame.axes(horizontalTitle: horizontalTitle, verticalTitle: verticalTitle)
        for curve in curves.reversed() { drawing += Self.drawn(curve, in: frame) }
        return Figure(
            id: id, title: title, note: note,
            legend: curves.map { .init(sign: .line, style: $0.style, name: $0.name) },
            description: description, height: ChartFrame.height, drawing: drawing, data: data
        ).html
    }

    private static func drawn(_ curve: Curve, in frame: ChartFrame) -> HTML {
        var path = VectorPath()
        for (index, point) in curve.points.enumerated() {
            if index == 0 {
                path.move(frame.x(point.x), frame.y(point.y))
            } else {
                path.line(frame.x(point.x), frame.y(point.y))
            }
        }
        return "<g class=\"c\(curve.style)\"><path class=\"curve\" d=\"\(path.data)\"/></g>"
    }

    private var description: String {
        let sentences = curves.compactMap { curve in
            curve.points.first.map {
                "\(curve.name): \(Readable.number($0.y, digits: 3)) at \(Readable.number($0.x, digits: 3))."
            }
        }
        return "\(verticalTitle) over \(horizontalTitle), both on axes of decades. "
            + sentences.joined(separator: " ")
    }

    private var data: ChartData {
        ChartData(
            columns: ["curve", horizontalTitle, verticalTitle],
            rows: curves.flatMap { curve in
                curve.points.map { [curve.name, ChartData.cell($0.x), ChartData.cell($0.y)] }
            })
    }
}
