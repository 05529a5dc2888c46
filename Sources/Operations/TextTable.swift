/// A table for people: columns as wide as their content, two spaces apart, under one line of headings.
///
/// Cells may come from another process: what is not printable becomes `?`, and what is overlong is cut.
package struct TextTable: Sendable {
    /// A column: its heading, and whether its cells end in line, as numbers do.
    package struct Column: Sendable {
        package let title: String
        package let isNumeric: Bool

        /// A column of words.
        package static func words(_ title: String) -> Column { Column(title: title, isNumeric: false) }
        /// A column of numbers.
        package static func numbers(_ title: String) -> Column { Column(title: title, isNumeric: true) }
    }

    /// Characters of a cell that are shown at most.
    package static let widestCell = 72

    private let columns: [Column]
    private var rows: [[String]] = []

    /// A table without rows.
    package init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row of one cell a column; nil: nothing to show.
    package mutating func add(_ cells: [String?]) {
        precondition(cells.count == columns.count, "a row has one cell a column")
        rows.append(cells.map { $0.map(Self.printable) ?? "" })
    }

    /// The lines, each ended by a line feed. A column without any content is left out; `empty` is said of no rows.
    package func text(empty: String) -> String {
        guard !rows.isEmpty else { return empty + "\n" }
        let shown = columns.indices.filter { column in rows.contains { !$0[column].isEmpty } }
        let lines =
            [shown.map { columns[$0].title }]
            + rows.map { row in shown.map { row[$0].isEmpty ? "-" : row[$0] } }
        let widths = shown.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            var text = ""
            for (place, cell) in line.enumerated() {
                let blank = String(repeating: " ", count: widths[place] - cell.count)
                text += columns[shown[place]].isNumeric ? blank + cell : cell + blank
                text += "  "
            }
            while text.last == " " { text.removeLast() }
            return text + "\n"
        }.joined()
    }

    /// Names and what is said of them, one a line, the latter in line; nil is left out.
    package static func list(_ entries: [(name: String, text: String?)]) -> String {
        let shown = entries.compactMap { entry in entry.text.map { (entry.name, $0) } }
        let width = shown.map(\.0.count).max() ?? 0
        return shown.map { name, text in
            name + String(repeating: " ", count: width - name.count + 2) + printable(text, limit: 400) + "\n"
        }.joined()
    }

    /// A text without what could command a terminal, at most `limit` characters long.
    private static func printable(_ text: String, limit: Int) -> String {
        var clean = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
                clean += "?"
            default: clean.unicodeScalars.append(scalar)
            }
        }
        return clean.count > limit ? clean.prefix(limit - 3) + "..." : clean
    }

    private static func printable(_ text: String) -> String { printable(text, limit: widestCell) }
}
