internal import Configuration

/// Reads the files of one table, one after the other, into a ``RawTable``.
struct TableReader {
    private let options: TableOptions
    /// Whether a file without the label column is refused.
    private let requiresLabel: Bool
    /// What prediction knows of the files that training read.
    private let expectation: ColumnLayout.Expectation?
    private var layout: ColumnLayout?
    private var table = RawTable()
    private var labels: LabelCollector
    private var row = TableRow()
    /// Columns of the files that the model does not know and nobody ignored by name, in the order in which they came.
    private(set) var passedOver: [String] = []

    /// `expectation` lets a file without names of columns leave out the label column.
    init(options: TableOptions, requiresLabel: Bool, expectation: ColumnLayout.Expectation? = nil) {
        self.options = options
        self.requiresLabel = requiresLabel
        self.expectation = expectation
        labels = LabelCollector(rule: options.labels, task: options.task)
    }

    /// Number of rows read so far.
    var rowCount: Int { table.rowCount }

    /// The table; the reader is used up.
    consuming func finish() throws -> RawTable {
        // Prediction reads files without labels too; labels of some rows only are of no use.
        if layout?.labelPlace != nil, labels.count == table.rowCount {
            table.labels = try labels.finish(file: options.path)
        }
        return table
    }

    /// Appends the rows of a file. Throws ``ConfigurationError`` naming it when it cannot be used.
    mutating func read(file: String) throws {
        let bytes = try InputFile.read(file)
        let before = table.rowCount
        try bytes.withUnsafeBufferPointer { try read($0, file: file) }
        guard table.rowCount > before else {
            throw ConfigurationError(path: file, problem: "holds no row that can be used")
        }
    }

    private mutating func read(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws {
        var scanner = RecordScanner(bytes, syntax: options.syntax)
        for _ in 0..<options.skipLines { _ = scanner.skipLine() }
        let attributes = options.format == .arff ? try Self.skipAttributes(&scanner, file: file) : nil
        let afterHeader = scanner
        guard scanner.next() else { throw ConfigurationError(path: file, problem: "holds no row") }
        let first = scanner.fields.map { scanner.text($0) }
        let hasHeader = hasHeader(first: first, scanner: scanner)
        let names = try names(
            header: hasHeader ? first : nil, attributes: attributes, columnCount: first.count, file: file)
        let layout = try adopt(
            names, areNamed: hasHeader || attributes != nil || options.columnNames != nil, file: file)
        if !hasHeader { scanner = afterHeader }
        let fileGroup: Int32? =
            options.group == .file ? table.groupNames.number(of: Self.lastPart(of: file)) : nil
        var bad = BadRows()
        row.prepare(layout)
        // A label column missing from a prediction file shifts what lies behind it.
        let width = first.count
        let gap = width == names.count ? Int.max : expectation?.labelPlace ?? Int.max
        while scanner.next() {
            if let problem = scanner.problem {
                bad.add(line: scanner.recordLine, column: nil, problem: problem)
                continue
            }
            guard scanner.fields.count == width else {
                let problem = "has \(scanner.fields.count) columns, not \(width)"
                bad.add(line: scanner.recordLine, column: nil, problem: problem)
                continue
            }
            switch row.parse(
                scanner, layout: layout, gap: gap, options: options, labels: &labels, table: &table)
            {
            case .complete: append(fileGroup: fileGroup, hasLabel: layout.labelPlace != nil && gap == Int.max)
            case .incomplete: table.skippedRows += 1
            case .bad(let place, let problem):
                bad.add(
                    line: scanner.recordLine, column: (place < gap ? place : place - 1) + 1,
                    name: layout.names[place],
                    problem: problem)
            }
        }
        guard bad.count == 0 || options.onBadRow == .skip else { throw bad.error(file: file) }
        table.skippedRows += bad.count
    }

    private mutating func append(fileGroup: Int32?, hasLabel: Bool) {
        table.numbers.append(contentsOf: row.numbers)
        for slot in row.codes.indices { table.categories[slot].append(row.codes[slot]) }
        if let group = fileGroup ?? row.group { table.groups.append(group) }
        if hasLabel { labels.keep() }
        table.rowCount += 1
    }

    /// The layout for columns of these names, which must be those of the files before.
    private mutating func adopt(_ names: [String], areNamed: Bool, file: String) throws -> ColumnLayout {
        if let expectation {
            // By name: each file may have an order of its own.
            let layout = try ColumnLayout(
                names: names, areNamed: areNamed, expectation: expectation, options: options, file: file)
            if let before = self.layout, (before.labelPlace == nil) != (layout.labelPlace == nil) {
                throw ConfigurationError(
                    path: file,
                    problem: layout.labelPlace == nil
                        ? "has no label, as the files before it have"
                        : "has a label, as the files before it have not")
            }
            note(layout.unmentioned(options))
            if self.layout == nil { begin(layout, areNamed: areNamed) }
            self.layout = layout
            return layout
        }
        if let layout {
            guard layout.names == names else {
                throw ConfigurationError(path: file, problem: "has other columns than the files before it")
            }
            return layout
        }
        let layout = try ColumnLayout(
            names: names, options: options, requiresLabel: requiresLabel, file: file)
        self.layout = layout
        begin(layout, areNamed: areNamed)
        return layout
    }

    /// Notes columns that are passed over because the model does not know them.
    private mutating func note(_ names: [String]) {
        for name in names where !passedOver.contains(name) { passedOver.append(name) }
    }

    private mutating func begin(_ layout: ColumnLayout, areNamed: Bool) {
        table.labelName = areNamed ? layout.labelPlace.map { layout.names[$0] } : nil
        table.columns = layout.features
        table.sourceColumnCount = layout.names.count
        table.labelPlace = layout.labelPlace
        table.numericCount = layout.numericCount
        table.categories = Array(repeating: [], count: layout.categoricalCount)
        table.vocabularies = Array(repeating: .init(), count: layout.categoricalCount)
    }

    private func names(
        header: [String]?, attributes: [String]?, columnCount: Int, file: String
    ) throws -> [String] {
        if let header { return header.enumerated().map { $1.isEmpty ? "\($0)" : $1 } }
        let labelAbsent =
            expectation.map { $0.labelPlace != nil && columnCount == $0.columnCount - 1 } ?? false
        let count = columnCount + (labelAbsent && !requiresLabel ? 1 : 0)
        if let names = options.columnNames {
            guard names.count == count else {
                throw ConfigurationError(
                    path: file, problem: "has \(columnCount) columns, but column_names names \(names.count)")
            }
            return names
        }
        if let attributes, attributes.count == count { return attributes }
        return (0..<count).map { "\($0)" }
    }

    /// Whether the first record names the columns. Unless told: it holds a column name that the options use, or
    /// none of its fields is a number or empty while the second record has a number.
    private func hasHeader(first: [String], scanner: RecordScanner) -> Bool {
        switch options.header {
        case .present: return true
        case .absent: return false
        case .automatic: break
        }
        if options.columnNames != nil { return false }
        let used = [options.label].compactMap(\.self) + (options.features ?? []) + options.ignored
        if used.contains(where: { reference in reference.properName.map(first.contains) ?? false }) {
            return true
        }
        let known = expectation?.schema.columns.lazy.map(\.name).filter { Int($0) == nil }
        if known?.contains(where: first.contains) ?? false { return true }
        guard first.allSatisfy({ !options.missing.contains($0) && DecimalNumber.parse($0) == nil }) else {
            return false
        }
        var second = scanner
        guard second.next() else { return false }
        return second.fields.contains { DecimalNumber.parse(second.raw($0)) != nil }
    }

    /// Passes over an ARFF header and returns the attributes' names.
    private static func skipAttributes(_ scanner: inout RecordScanner, file: String) throws -> [String] {
        var names: [String] = []
        while let line = scanner.skipLine() {
            let text = String(decoding: line.prefix(4096), as: UTF8.self)
            let words = text.split(maxSplits: 1, whereSeparator: \.isWhitespace)
            switch words.first?.lowercased() {
            case "@data": return names
            case "@attribute": names.append(attributeName(words.count > 1 ? words[1] : ""))
            default: break
            }
        }
        throw ConfigurationError(path: file, problem: "has no @data line, which an ARFF file needs")
    }

    private static func attributeName(_ text: Substring) -> String {
        if let quote = text.first, quote == "\"" || quote == "'" {
            return String(text.dropFirst().prefix { $0 != quote })
        }
        return String(text.prefix { !$0.isWhitespace })
    }

    private static func lastPart(of path: String) -> String {
        String(path.split(separator: "/").last ?? Substring(path))
    }
}
