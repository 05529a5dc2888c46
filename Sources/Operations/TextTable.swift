/// A table for people: columns as wide as their content, two spaces apart, under one line of headings.
///
/// Cells may come from another process: what is not printable becomes `?`, and what is overlong is cut. Where a terminal has
/// too few columns, words are cut further, and columns that can be spared are left out; a last line names them.
package struct TextTable: Sendable {
    /// A column: its heading, and what becomes of it.
    package struct Column: Sendable {
        package let title: String
        /// Whether its cells end in line, as numbers do; they are never cut.
        package let isNumeric: Bool
        /// Whether a narrow table goes without it before it goes without others.
        package private(set) var canBeSpared = false
        /// Whether its words are of use only as a whole.
        package private(set) var isWhole: Bool

        /// A column of words.
        package static func words(_ title: String) -> Column {
            Column(title: title, isNumeric: false, isWhole: false)
        }
        /// A column of words that a narrow table leaves out rather than cuts.
        package static func names(_ title: String) -> Column {
            Column(title: title, isNumeric: false, isWhole: true)
        }
        /// A column of numbers.
        package static func numbers(_ title: String) -> Column {
            Column(title: title, isNumeric: true, isWhole: true)
        }
        /// The same column, which a narrow table leaves out first.
        package var spared: Column {
            var column = self
            column.canBeSpared = true
            return column
        }
    }

    /// Characters of a cell that are shown at most.
    package static let widestCell = 72
    /// Characters that a cell of words keeps in the narrowest table.
    private static let narrowestCell = 14
    private static let gap = 2

    private let columns: [Column]
    private var rows: [[String]] = []

    /// A table without rows.
    package init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row of one cell a column; nil: nothing to show.
    package mutating func add(_ cells: [String?]) {
        precondition(cells.count == columns.count, "a row has one cell a column")
        rows.append(cells.map { $0.map(Self.printable) ?? "" })
    }

    /// The lines, each ended by a line feed. A column without any content is left out; `empty` is said of no rows. `width`:
    /// characters of a line, which the first column alone may exceed; nil: as many as there are.
    package func text(empty: String, width: Int? = nil) -> String {
        guard !rows.isEmpty else { return empty + "\n" }
        let filled = columns.indices.filter { column in rows.contains { !$0[column].isEmpty } }
        let natural = filled.map { column in
            max(columns[column].title.count, rows.map { max(1, $0[column].count) }.max() ?? 0)
        }
        let widths = Self.fitted(natural, filled.map { columns[$0] }, width: width)
        let shown = filled.indices.filter { widths[$0] != nil }
        let lines =
            [shown.map { columns[filled[$0]].title }]
            + rows.map { row in
                shown.map { place in
                    let cell = row[filled[place]]
                    return cell.isEmpty ? "-" : Self.cut(cell, widths[place] ?? 0)
                }
            }
        let text = lines.map { line in
            Self.line(line, shown.map { (widths[$0] ?? 0, columns[filled[$0]].isNumeric) })
        }
        let missing = filled.indices.filter { widths[$0] == nil }.map { columns[filled[$0]].title }
        guard !missing.isEmpty else { return text.joined() }
        let note =
            "Too wide for this terminal, but not for a pipe or --format json: "
            + missing.joined(separator: ", ")
        return text.joined() + Self.wrapped(note, width: width).map { $0 + "\n" }.joined()
    }

    private static func line(_ cells: [String], _ columns: [(width: Int, isNumeric: Bool)]) -> String {
        var text = ""
        for (cell, column) in zip(cells, columns) {
            let blank = String(repeating: " ", count: max(0, column.width - cell.count))
            text += column.isNumeric ? blank + cell : cell + blank
            text += String(repeating: " ", count: gap)
        }
        while text.last == " " { text.removeLast() }
        return text + "\n"
    }

    /// How wide each column becomes so that a line has at most `width` characters; nil where it is left out.
    private static func fitted(_ natural: [Int], _ columns: [Column], width: Int?) -> [Int?] {
        guard let width else { return natural }
        var widths = natural.map(Optional.some)
        // The last of those that can be spared goes first.
        var leaving = columns.indices.filter { columns[$0].canBeSpared }
        leaving = columns.indices.dropFirst().filter { !columns[$0].canBeSpared } + leaving
        while true {
            let least = columns.indices.map { place in
                columns[place].isWhole
                    ? natural[place]
                    : min(natural[place], max(columns[place].title.count, narrowestCell))
            }
            let kept = columns.indices.filter { widths[$0] != nil }
            func total(_ sizes: [Int]) -> Int {
                kept.reduce(0) { $0 + sizes[$1] } + gap * (kept.count - 1)
            }
            if total(least) <= width || leaving.isEmpty {
                let sizes = narrowed(
                    kept.map { natural[$0] }, kept.map { least[$0] }, by: total(natural) - width)
                for (place, size) in zip(kept, sizes) { widths[place] = size }
                return widths
            }
            widths[leaving.removeLast()] = nil
        }
    }

    /// The sizes with `excess` taken from the greatest, a character at a time, but none below `least`.
    private static func narrowed(_ sizes: [Int], _ least: [Int], by excess: Int) -> [Int] {
        var sizes = sizes
        for _ in 0..<max(0, excess) {
            let widest = sizes.indices.filter { sizes[$0] > least[$0] }.max { sizes[$0] < sizes[$1] }
            guard let widest else { break }
            sizes[widest] -= 1
        }
        return sizes
    }

    /// Names and what is said of them, one a line, the latter in line; nil is left out. Where lines have `width` characters
    /// at most, a longer text goes on below itself; a word is never broken.
    package static func list(_ entries: [(name: String, text: String?)], width: Int? = nil) -> String {
        let shown = entries.compactMap { entry in entry.text.map { (entry.name, $0) } }
        let indent = (shown.map(\.0.count).max() ?? 0) + gap
        return shown.map { name, text in
            let lines = wrapped(printable(text, limit: 400), width: width.map { max(1, $0 - indent) })
            let first = name + String(repeating: " ", count: indent - name.count)
            return lines.enumerated().map { place, line in
                (place == 0 ? first : String(repeating: " ", count: indent)) + line + "\n"
            }.joined()
        }.joined()
    }

    /// The text in lines of at most `width` characters, but for words that are longer.
    private static func wrapped(_ text: String, width: Int?) -> [String] {
        guard let width, text.count > width else { return [text] }
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = String(word)
            } else {
                line += line.isEmpty ? String(word) : " \(word)"
            }
        }
        return lines + [line]
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
        return cut(clean, limit)
    }

    private static func cut(_ text: String, _ limit: Int) -> String {
        text.count > limit ? text.prefix(max(0, limit - 3)) + "..." : text
    }

    private static func printable(_ text: String) -> String { printable(text, limit: widestCell) }
}
