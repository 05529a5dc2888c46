internal import Configuration

/// What a file's first records and its empty columns say of the others: which columns there are, and where.
struct TableHead {
    /// Names of the columns in the file's order; numbers where it has no names.
    private(set) var names: [String]
    /// Field of each column in a row; -1 for a column that the file leaves out.
    private(set) var sources: [Int]
    /// Fields of a row.
    private(set) var width: Int
    /// Whether the columns have names, from the file or from the options.
    let areNamed: Bool
    /// Whether the first record is a header.
    let hasHeader: Bool
    /// Columns that a header leaves without a name, by their place.
    private(set) var nameless: Set<Int> = []
    /// Columns without a name and without a value that stand before others, by their place.
    private(set) var empty: Set<Int> = []
    /// Columns without a name and without a value that were left out.
    private(set) var droppedCount = 0
    /// Line of the record that the numbers of columns are compared with.
    let line: Int

    /// Reads the head of a file whose records `scanner` is to give from the first one on.
    ///
    /// `declared` are the names in an ARFF header, `before` the columns of files that were read before as rows without
    /// names. Throws ``ConfigurationError`` that names the file and the line.
    init(
        _ scanner: RecordScanner, options: TableOptions, declared: [String]?, before: [String]?,
        expectation: ColumnLayout.Expectation?, requiresLabel: Bool, file: String
    ) throws {
        var records = scanner
        guard records.next() else { throw ConfigurationError(path: file, problem: "holds no row") }
        line = records.recordLine
        if options.header == .present, let problem = records.problem {
            throw ConfigurationError(path: file, problem: "line \(line): \(problem)")
        }
        let first = records.fields
        hasHeader = HeaderRule(options: options, expectation: expectation).holds(records)
        areNamed = hasHeader || declared != nil || options.columnNames != nil
        if hasHeader {
            names = try first.map { field in
                if let name = records.validText(field) { return name }
                throw ConfigurationError(
                    path: file,
                    problem:
                        "line \(records.recordLine): the column name \(BadRows.show(records.text(field))) is not UTF-8 text; \(TextEncoding.remedy)"
                )
            }
        } else {
            names = first.indices.map { _ in "" }
        }
        var second = records
        width = first.count
        let isEmptyRow = hasHeader && !second.next()
        let rowWidth = hasHeader && !isEmptyRow && second.problem == nil ? second.fields.count : width
        sources = Array(names.indices)
        drop(rows: hasHeader ? records : scanner, rowWidth: rowWidth)
        nameless = hasHeader ? Set(names.indices.filter { names[$0].isEmpty }) : []
        for place in names.indices where names[place].isEmpty { names[place] = "\(place)" }
        if !hasHeader {
            try nameColumns(
                options: options, declared: declared, before: before, expectation: expectation,
                requiresLabel: requiresLabel, file: file)
        }
    }

    /// Leaves out columns at the end that have neither name nor value in any row, as a delimiter at the end of each line
    /// makes them, and notes such columns before others.
    private mutating func drop(rows: RecordScanner, rowWidth: Int) {
        var candidates = Set(names.indices.filter { names[$0].isEmpty })
        if !hasHeader {
            // Without names a column in the middle may be one that has no value yet.
            candidates = names.count > 1 ? [names.count - 1] : []
        } else if rowWidth > names.count {
            candidates.formUnion(names.count..<rowWidth)
        }
        guard !candidates.isEmpty else { return }
        var rows = rows
        var hasRows = false
        while !candidates.isEmpty, rows.next() {
            guard rows.problem == nil, rows.fields.count == rowWidth else { continue }
            hasRows = true
            candidates = candidates.filter {
                $0 >= rows.fields.count || rows.fields[$0].start == rows.fields[$0].end
            }
        }
        guard hasRows else { return }
        // Rows that are wider by more than empty columns are bad rows, which say so.
        guard (names.count..<max(rowWidth, names.count)).allSatisfy(candidates.contains) else { return }
        // So are rows that are narrower than the names.
        guard (rowWidth..<max(rowWidth, names.count)).allSatisfy({ names[$0].isEmpty }) else { return }
        droppedCount = candidates.count
        width = rowWidth
        var end = names.count
        while end > 0, candidates.contains(end - 1) || end - 1 >= rowWidth { end -= 1 }
        guard end > 0 else { return }
        names.removeSubrange(end...)
        sources.removeSubrange(end...)
        empty = candidates.filter { $0 < end }
    }

    private mutating func nameColumns(
        options: TableOptions, declared: [String]?, before: [String]?,
        expectation: ColumnLayout.Expectation?,
        requiresLabel: Bool, file: String
    ) throws {
        if let stated = options.columnNames ?? declared ?? (options.columnNames == nil ? before : nil) {
            try adopt(
                stated, isGiven: options.columnNames != nil, expectation: expectation,
                requiresLabel: requiresLabel, file: file)
        } else if let expectation, let place = expectation.labelPlace, !requiresLabel,
            names.count == expectation.columnCount - 1, place <= names.count
        {
            // A label column that a file for prediction leaves out shifts what lies behind it.
            leaveOut(place)
            names = names.indices.map { "\($0)" }
        }
    }

    /// Takes names that something else than the file's first record gives.
    private mutating func adopt(
        _ stated: [String], isGiven: Bool, expectation: ColumnLayout.Expectation?, requiresLabel: Bool,
        file: String
    ) throws {
        if let expectation, let place = expectation.labelPlace, !requiresLabel,
            names.count == expectation.columnCount - 1, stated.count == expectation.columnCount
        {
            leaveOut(place)
        }
        if isGiven, stated.count != names.count, stated.count == width, droppedCount > 0 {
            // The column without values has a name after all.
            (names, sources, droppedCount) = (stated, Array(stated.indices), 0)
            return
        }
        guard stated.count == names.count || !isGiven else {
            throw ConfigurationError(
                path: file,
                problem: "line \(line) has \(names.count) columns, but column_names names \(stated.count)")
        }
        if stated.count != names.count {
            // Rows are held against what was declared or read before; those that differ are bad rows.
            (width, droppedCount) = (stated.count, 0)
            sources = Array(stated.indices)
        }
        names = stated
    }

    private mutating func leaveOut(_ place: Int) {
        names.insert("", at: place)
        sources = names.indices.map { $0 == place ? -1 : $0 < place ? $0 : $0 - 1 }
    }

    /// What is said of columns that were left out; nil where none was.
    func warning(file: String) -> String? {
        guard droppedCount > 0 else { return nil }
        let columns = droppedCount == 1 ? "a column" : "\(droppedCount) columns"
        return
            "\(file): \(columns) without a name and without a value \(droppedCount == 1 ? "is" : "are") left out"
            + " (a delimiter at the end of each line?)"
    }
}

/// Whether a file's first record names its columns.
struct HeaderRule {
    let options: TableOptions
    let expectation: ColumnLayout.Expectation?

    /// Looks at the scanner's record, the file's first. Unless told: it holds a column name that the options or the
    /// model use, or none of its fields is a number or empty while the second record has a number.
    func holds(_ scanner: RecordScanner) -> Bool {
        switch options.header {
        case .present: return true
        case .absent: return false
        case .automatic: break
        }
        if options.columnNames != nil { return false }
        let first = scanner.fields.map { scanner.text($0) }
        let used = [options.label].compactMap(\.self) + (options.features ?? []) + options.ignored
        if used.contains(where: { reference in reference.properName.map(first.contains) ?? false }) {
            return true
        }
        let known = expectation?.schema.columns.lazy.map(\.name).filter { Int($0) == nil }
        if known?.contains(where: first.contains) ?? false { return true }
        var second = scanner
        let hasSecond = second.next()
        for (place, text) in first.enumerated() {
            if text.isEmpty, hasSecond, isNameless(place, of: first.count, in: second) { continue }
            guard !options.missing.contains(text), options.numbers.parse(text) == nil else { return false }
        }
        guard hasSecond, !first.allSatisfy(\.isEmpty) else { return false }
        return second.fields.contains { options.numbers.parse(second.raw($0)) != nil }
    }

    /// Whether an empty field of the first record may be a name left out: of an index at the start that counts from 0 or
    /// 1, or of the column that a delimiter at the end of each line makes.
    private func isNameless(_ place: Int, of count: Int, in second: RecordScanner) -> Bool {
        guard count > 1 else { return false }
        if place == count - 1, second.fields.count == count - 1 { return true }
        guard place < second.fields.count, second.fields.count == count else { return false }
        let field = second.fields[place]
        if place == count - 1 { return field.start == field.end }
        return place == 0 && ["0", "1"].contains(second.text(field))
    }
}
