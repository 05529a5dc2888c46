/// How many of a list of counts fall into each of some equal bins.
package struct Histogram {
    var id: String
    var title: String
    var note: String
    /// What is counted, for the horizontal axis.
    var horizontalTitle: String
    /// How often, for the vertical axis.
    var verticalTitle: String
    var values: [Int]

    /// A histogram of `values`; without any there is no figure.
    package init(
        id: String, title: String, note: String, horizontalTitle: String, verticalTitle: String,
        values: [Int]
    ) {
        self.id = id
        self.title = title
        self.note = note
        self.horizontalTitle = horizontalTitle
        self.verticalTitle = verticalTitle
        self.values = values
    }

    /// Equal bins of a whole width that cover all values.
    struct Bins: Equatable {
        var start: Int
        var width: Int
        var counts: [Int]

        /// At most about twenty bins of a round width; nil without values.
        init?(_ values: [Int]) {
            guard let least = values.min(), let greatest = values.max() else { return nil }
            let span = Double(greatest) - Double(least)
            width = max(1, Int(Axis.roundStep(atLeast: max(span, 1) / 20, whole: true)))
            start = least >= 0 ? least / width * width : least
            counts = Array(repeating: 0, count: (greatest - start) / width + 1)
            for value in values { counts[(value - start) / width] += 1 }
        }

        /// The values of a bin: "7", "10 to 14".
        func words(_ index: Int) -> String {
            let from = start + index * width
            return width == 1
                ? Readable.count(from) : "\(Readable.count(from)) to \(Readable.count(from + width - 1))"
        }
    }

    /// The histogram as a figure; nil without values.
    package var html: HTML? {
        guard let bins = Bins(values) else { return nil }

        let end = bins.start + bins.width * bins.counts.count
        var frame = ChartFrame(
            horizontal: Axis(rounds: bins.start...end),
            vertical: Axis(covering: bins.counts.map(Double.init), unit: .whole, includesZero: true))
        frame.right = Figure.width - 14
        var drawing = frame.axes(horizontalTitle: horizontalTitle, verticalTitle: verticalTitle)
        var bars = VectorPath()
        for (index, count) in bins.counts.enumerated() where count > 0 {
            let from = frame.x(bins.start + index * bins.width)
            let to = frame.x(bins.start + (index + 1) * bins.width)
            let gap = min(1.5, (to - from) * 0.1)
            let height = frame.y(Double(count))
            bars.rectangle(from + gap / 2, height, width: to - from - gap, height: frame.bottom - height)
        }
        drawing += "<g class=\"c1\"><path class=\"tint\" fill-opacity=\"0.75\" d=\"\(bars.data)\"/></g>"
        for (index, count) in bins.counts.enumerated() {
            let from = bins.start + index * bins.width
            drawing += frame.column(
                from: frame.x(from), to: frame.x(from + bins.width), top: frame.top,
                text: "\(bins.words(index)) \(horizontalTitle): \(Readable.count(count)) \(verticalTitle)")
        }
        return Figure(
            id: id, title: title, note: note, legend: [], description: description(bins),
            height: ChartFrame.height, drawing: drawing, data: data(bins)
        ).html
    }

    private func data(_ bins: Bins) -> ChartData {
        ChartData(
            columns: ["from", "below", verticalTitle],
            rows: bins.counts.enumerated().map { index, count in
                let from = bins.start + index * bins.width
                return [from, from + bins.width, count].map(String.init)
            })
    }

    private func description(_ bins: Bins) -> String {
        let greatest = bins.counts.max() ?? 0
        let fullest = bins.start + (bins.counts.firstIndex(of: greatest) ?? 0) * bins.width
        return
            "Histogram of \(Readable.count(values.count)) values in bins of \(Readable.count(bins.width)), "
            + "from \(Readable.count(values.min() ?? 0)) to \(Readable.count(values.max() ?? 0)). "
            + "The fullest bin begins at \(Readable.count(fullest)) and holds \(Readable.count(greatest))."
    }
}
