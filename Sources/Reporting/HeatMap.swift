/// A table of shares as shaded cells: clients across, classes down.
package struct HeatMap {
    var id: String
    var title: String
    var note: String
    /// Names of the rows, from the top.
    var rowNames: [String]
    /// Numbers of the columns.
    var columnNumbers: [Int]
    /// Share of each cell, 0 to 1: `shares[column][row]`.
    var shares: [[Double]]

    /// A heat map of `shares[column][row]`, each 0 to 1, as many columns as numbers and as many rows as names.
    package init(
        id: String, title: String, note: String, rowNames: [String], columnNumbers: [Int],
        shares: [[Double]]
    ) {
        self.id = id
        self.title = title
        self.note = note
        self.rowNames = rowNames
        self.columnNumbers = columnNumbers
        self.shares = shares
    }

    /// Shades that are told apart; cells of one shade are one path, which keeps the page small.
    static let shades = 10

    /// The heat map as a figure; nil without rows or columns.
    package var html: HTML? {
        guard !rowNames.isEmpty, !columnNumbers.isEmpty else { return nil }

        let rowHeight = min(18, max(5, 150 / Double(rowNames.count)))
        let left = 10 + min(86, 5.4 * Double(rowNames.map(\.count).max() ?? 0)) + 6
        let right = Figure.width - 8
        let top = 8.0
        let bottom = top + rowHeight * Double(rowNames.count)
        let columnWidth = min(26, (right - left) / Double(columnNumbers.count))
        let strongest = shares.joined().max() ?? 0
        // The darkest shade stands for a round share, so that the scale below can be read.
        let scale = strongest > 0 ? min(1, Axis.roundStep(atLeast: strongest, whole: false)) : 1

        var drawing = HTML()
        let width = columnWidth * Double(columnNumbers.count)
        drawing += """
            <rect class="plate" x="\(left)" y="\(top)" width="\(width)" height="\(bottom - top)"/>
            """
        drawing += cells(left: left, top: top, columnWidth: columnWidth, rowHeight: rowHeight, scale: scale)
        drawing += rowLabels(left: left, top: top, rowHeight: rowHeight)
        drawing += columnLabels(left: left, bottom: bottom, columnWidth: columnWidth)
        drawing += scaleBar(left: left, y: bottom + 42, scale: scale)
        for index in columnNumbers.indices where index < shares.count {
            let from = left + Double(index) * columnWidth
            drawing += """
                <path class="hit" d="M\(from) \(top)H\(from + columnWidth)V\(bottom)H\(from)Z">\
                <title>\(tip(index))</title></path>
                """
        }
        return Figure(
            id: id, title: title, note: note, legend: [], description: description, height: bottom + 58,
            drawing: drawing, data: data
        ).html
    }

    /// Classes that a column's tip names; the others it counts.
    private static let namedInTip = 8

    private func tip(_ column: Int) -> String {
        let held = zip(rowNames, shares[column]).filter { $0.1 > 0 }.sorted { $0.1 > $1.1 }
        var parts = held.prefix(Self.namedInTip).map { "\($0.0) \(Readable.percent($0.1))" }
        if held.count > Self.namedInTip { parts.append("\(held.count - Self.namedInTip) more") }
        let number = Readable.count(columnNumbers[column])
        return "client \(number): \(parts.isEmpty ? "no examples" : parts.joined(separator: ", "))"
    }

    private var data: ChartData {
        ChartData(
            columns: ["client"] + rowNames,
            rows: zip(columnNumbers, shares).map { number, shares in
                [String(number)] + shares.map { ChartData.cell($0) }
            })
    }

    private func cells(
        left: Double, top: Double, columnWidth: Double, rowHeight: Double, scale: Double
    ) -> HTML {
        var paths = Array(repeating: VectorPath(), count: Self.shades + 1)
        let gap = min(0.6, columnWidth * 0.1)
        for (column, row) in shares.enumerated() {
            for (index, share) in row.enumerated() where share > 0 {
                let shade = min(Self.shades, max(1, Int((share / scale * Double(Self.shades)).rounded(.up))))
                paths[shade].rectangle(
                    left + Double(column) * columnWidth, top + Double(index) * rowHeight,
                    width: columnWidth - gap, height: rowHeight - gap)
            }
        }
        var drawing: HTML = "<g class=\"c1\">"
        for (shade, path) in paths.enumerated() where !path.data.isEmpty {
            drawing += "<path class=\"tint\" fill-opacity=\"\(opacity(shade))\" d=\"\(path.data)\"/>"
        }
        drawing += "</g>"
        return drawing
    }

    private func opacity(_ shade: Int) -> Double {
        Double(shade) / Double(Self.shades)
    }

    private func rowLabels(left: Double, top: Double, rowHeight: Double) -> HTML {
        let every = max(1, Int((11 / rowHeight).rounded(.up)))
        var labels = HTML()
        for (index, name) in rowNames.enumerated() where index % every == 0 {
            let middle = top + (Double(index) + 0.5) * rowHeight + 3.5
            let short = name.count > 16 ? "\(name.prefix(15))…" : name
            labels += "<text class=\"tick end\" x=\"\(left - 5)\" y=\"\(middle)\">\(short)</text>"
        }
        return labels
    }

    private func columnLabels(left: Double, bottom: Double, columnWidth: Double) -> HTML {
        let widest = Double(columnNumbers.map { Readable.count($0).count }.max() ?? 1)
        let every = max(1, Int(((widest * 6 + 14) / columnWidth).rounded(.up)))
        var labels = HTML()
        for (index, number) in columnNumbers.enumerated() where index % every == 0 {
            let middle = left + (Double(index) + 0.5) * columnWidth
            labels += """
                <text class="tick middle" x="\(middle)" y="\(bottom + 13)">\(Readable.count(number))</text>
                """
        }
        let centre = left + columnWidth * Double(columnNumbers.count) / 2
        labels += """
            <text class="axis-title middle" x="\(centre)" y="\(bottom + 29)">number of the client</text>
            """
        return labels
    }

    private func scaleBar(left: Double, y: Double, scale: Double) -> HTML {
        let size = 14.0
        var bar: HTML = "<text class=\"tick\" x=\"\(left)\" y=\"\(y + 8)\">0 %</text><g class=\"c1\">"
        for shade in 1...Self.shades {
            let x = left + 24 + Double(shade - 1) * size
            bar += """
                <rect class="tint" x="\(x)" y="\(y)" width="\(size)" height="9" \
                fill-opacity="\(opacity(shade))"/>
                """
        }
        let end = left + 30 + Double(Self.shades) * size
        bar += """
            </g><text class="tick" x="\(end)" y="\(y + 8)">\(Readable.fixed(scale * 100, decimals: 0)) % of \
            the client’s examples</text>
            """
        return bar
    }

    private var description: String {
        let held = shares.map { column in column.filter { $0 > 0 }.count }.sorted()
        let median = held.isEmpty ? 0 : held[held.count / 2]
        return
            "Heat map of \(columnNumbers.count) clients by \(rowNames.count) classes, shaded by the share of "
            + "the client's examples. The median client holds "
            + "\(median == 1 ? "1 class" : "\(median) classes")."
    }
}
