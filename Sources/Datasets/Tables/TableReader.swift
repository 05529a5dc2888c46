internal import Configuration

/// Reads the files of one table, one after the other, into a ``RawTable``.
struct TableReader {
    /// What is read beside the rows themselves.
    struct Wishes {
        /// Whether a file without the label column is refused.
        var requiresLabel = true
        /// What use of a model knows of the files that training read.
        var expectation: ColumnLayout.Expectation?
        /// Names of columns whose texts are kept.
        var keep: [ColumnReference] = []
        /// Whether there are files beside the first, which `skip_lines` holds for too.
        var hasOtherFiles = false
    }

    private var options: TableOptions
    private let wishes: Wishes
    /// The columns of the first file that named or numbered them.
    private var layout: ColumnLayout?
    /// The file that `layout` is of, and whether it names them.
    private var layoutSource: (file: String, areNamed: Bool) = ("", false)
    private var table = RawTable()
    private var labels: LabelCollector
    private var row = TableRow()
    private var said: Set<String> = []
    /// Columns of the files that the model does not know and nobody ignored by name, in the order in which they came.
    private(set) var passedOver: [String] = []
    /// What should be thought about, one line each.
    private(set) var warnings: [String] = []

    private var expectation: ColumnLayout.Expectation? { wishes.expectation }

    init(options: TableOptions, wishes: Wishes) {
        self.options = options
        self.options.kept = wishes.keep
        self.wishes = wishes
        labels = LabelCollector(rule: options.labels, task: options.task)
        table.kept = Array(repeating: [], count: wishes.keep.count)
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

    /// Appends the rows of a file, which is of the test part or not. Throws ``ConfigurationError`` naming it when it
    /// cannot be used.
    mutating func read(file: String, isTest: Bool = false) throws {
        let bytes = try options.encoding.decode(InputFile.read(file), file: file)
        let before = table.rowCount
        let skipped = isTest ? options.skippedLines.test : options.skippedLines.train
        try bytes.withUnsafeBufferPointer { bytes in
            if options.format == .arff { return try readARFF(bytes, skipped: skipped, file: file) }
            let stated = options.syntax.delimiter
            defer { options.syntax.delimiter = stated }
            var skipped = skipped
            if skipped == 0, options.format == .csv, let delimiter = Self.spreadsheetDelimiter(bytes) {
                (options.syntax.delimiter, skipped) = (delimiter, 1)
            }
            do {
                var scanner = RecordScanner(bytes, syntax: options.syntax)
                for _ in 0..<skipped { _ = scanner.skipLine() }
                try read(scanner, passedOver: options.syntax.delimiter == stated ? skipped : 0, file: file)
            } catch let error as ConfigurationError {
                throw SyntaxHint(bytes, options: options, skipped: skipped, isTest: isTest).explain(error)
            }
        }
        guard table.rowCount > before else {
            throw ConfigurationError(path: file, problem: "holds no row that can be used")
        }
    }

    /// The delimiter that a spreadsheet's own first line states, as in `sep=;`; nil where there is no such line.
    private static func spreadsheetDelimiter(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt8? {
        var scanner = RecordScanner(bytes, syntax: RecordScanner.commas)
        guard let line = scanner.skipLine(), line.count == 5, line.prefix(4).elementsEqual("sep=".utf8),
            line[4] < 0x80, line[4] != UInt8(ascii: "\"")
        else { return nil }
        return line[4]
    }

    private mutating func readARFF(
        _ bytes: UnsafeBufferPointer<UInt8>, skipped: Int, file: String
    ) throws {
        let arff = try ARFFFile(bytes, skipping: skipped, quote: options.syntax.quote, file: file)
        if arff.weightedCount > 0 {
            warn(
                "weights",
                "\(file): the weights of \(arff.weightedCount) rows are not used: every row counts once")
        }
        try arff.records.withUnsafeBufferPointer { records in
            try read(
                RecordScanner(records, syntax: RecordScanner.commas), passedOver: 0, declared: arff,
                file: file)
        }
    }

    /// Appends the rows that `scanner` is to give.
    private mutating func read(
        _ scanner: RecordScanner, passedOver: Int, declared: ARFFFile? = nil, file: String
    ) throws {
        var scanner = scanner
        var bad = BadRows()
        for (line, problem) in declared?.problems ?? [] { bad.add(line: line, column: nil, problem: problem) }
        if declared != nil, declared?.lines.isEmpty ?? true, bad.count > 0 { throw bad.error(file: file) }
        let before = expectation == nil && options.header != .present ? layout?.names : nil
        let head = try TableHead(
            scanner, options: options, declared: declared?.attributes.map(\.name), before: before,
            expectation: expectation, requiresLabel: wishes.requiresLabel, file: file)
        let (layout, sources) = try adopt(head, file: file)
        if let place = layout.labelPlace, let attributes = declared?.attributes, place < attributes.count,
            case .nominal(let values) = attributes[place].kind
        {
            labels.adopt(declared: values)
        }
        let kept = try keptColumns(head, layout, file: file)
        note(head, layout, scanner, file: file)
        try guardSkippedLines(
            scanner, count: passedOver, head: head, layout: layout, sources: sources, file: file)
        let fileGroup: Int32? =
            options.group == .file ? table.groupNames.number(of: Self.lastPart(of: file)) : nil
        row.prepare(layout, toleratesLabels: expectation?.toleratesLabels ?? false)
        if head.hasHeader { _ = scanner.next() }
        var record = -1
        while scanner.next() {
            record += 1
            let line = declared?.lines[record] ?? scanner.recordLine
            if let problem = scanner.problem {
                bad.add(line: line, column: nil, problem: problem)
                continue
            }
            guard scanner.fields.count == head.width else {
                bad.add(
                    line: line, column: nil,
                    problem: widthProblem(scanner, head: head))
                continue
            }
            switch try row.parse(
                scanner, layout: layout, sources: sources, options: options, labels: &labels, table: &table)
            {
            case .complete:
                append(fileGroup: fileGroup)
                for (place, column) in kept.enumerated() {
                    let text = column.field < 0 ? "" : scanner.text(scanner.fields[column.field])
                    table.kept[place].append(column.isHashed ? try layout.identifiers.code(of: text) : text)
                }
            case .incomplete: table.skippedRows += 1
            case .bad(let place, let problem):
                bad.add(line: line, column: sources[place] + 1, name: layout.names[place], problem: problem)
            }
        }
        guard bad.count == 0 || options.onBadRow == .skip else { throw bad.error(file: file) }
        table.skippedRows += bad.count
    }

    /// Fields of the columns whose texts are kept, and whether these are identifiers that are seen as codes only.
    private func keptColumns(
        _ head: TableHead, _ layout: ColumnLayout, file: String
    ) throws -> [(field: Int, isHashed: Bool)] {
        try wishes.keep.map { reference in
            let place = try reference.resolve(among: head.names, file: file)
            let isHashed =
                layout.names.firstIndex(of: head.names[place]).map(layout.identifiers.isHashed) ?? false
            return (head.sources[place], isHashed)
        }
    }

    private mutating func append(fileGroup: Int32?) {
        table.numbers.append(contentsOf: row.numbers)
        for slot in row.codes.indices { table.categories[slot].append(row.codes[slot]) }
        if let group = fileGroup ?? row.group { table.groups.append(group) }
        if row.hasLabel { labels.keep() }
        table.rowCount += 1
    }

    // MARK: Columns

    /// The layout for the file's columns, which must be those of the files before in any order, and their fields.
    private mutating func adopt(
        _ head: TableHead, file: String
    ) throws -> (layout: ColumnLayout, sources: [Int]) {
        if let expectation {
            // By name: each file may have an order of its own.
            let layout = try ColumnLayout(
                names: head.names, areNamed: head.areNamed, expectation: expectation, options: options,
                file: file)
            if let before = self.layout, (before.labelPlace == nil) != (layout.labelPlace == nil) {
                throw ConfigurationError(
                    path: file,
                    problem: layout.labelPlace == nil
                        ? "has no label, as the files before it have"
                        : "has a label, as the files before it have not")
            }
            for name in layout.unmentioned(options)
            where !head.empty.contains(where: { head.names[$0] == name }) && !passedOver.contains(name) {
                passedOver.append(name)
            }
            if self.layout == nil { begin(layout, head, file: file) }
            self.layout = layout
            return (layout, head.sources)
        }
        if let layout { return (layout, try sources(of: layout, in: head, file: file)) }
        let layout = try ColumnLayout(
            names: head.names, options: options, requiresLabel: wishes.requiresLabel, empty: head.empty,
            file: file)
        begin(layout, head, file: file)
        self.layout = layout
        return (layout, head.sources)
    }

    /// The fields of the columns of a layout in another file.
    private func sources(of layout: ColumnLayout, in head: TableHead, file: String) throws -> [Int] {
        if layout.names == head.names { return head.sources }
        let places = Dictionary(zip(head.names, head.sources)) { first, _ in first }
        let found = layout.names.compactMap { places[$0] }
        if found.count == layout.names.count, found.count == head.names.count { return found }
        let (count, before) = (head.names.count, layout.names.count)
        guard count == before, head.areNamed, layoutSource.areNamed else {
            let names = head.hasHeader && !layoutSource.areNamed ? ", and names them" : ""
            throw ConfigurationError(
                path: file,
                problem:
                    "line \(head.line) has \(count) \(count == 1 ? "column" : "columns")\(names), but \(layoutSource.file) before it has \(before)\(layoutSource.areNamed ? "" : " without names")"
            )
        }
        let other = head.names.first { !layout.names.contains($0) } ?? ""
        throw ConfigurationError(
            path: file,
            problem:
                "line \(head.line) names the column \(BadRows.show(other)), which none of the \(before) columns of \(layoutSource.file) before it is"
        )
    }

    private mutating func begin(_ layout: ColumnLayout, _ head: TableHead, file: String) {
        layoutSource = (file, head.areNamed)
        table.labelName = head.areNamed ? layout.labelPlace.map { layout.names[$0] } : nil
        table.columns = layout.features
        table.sourceColumnCount = layout.names.count
        table.labelPlace = layout.labelPlace
        table.numericCount = layout.numericCount
        table.categories = Array(repeating: [], count: layout.categoricalCount)
        table.vocabularies = Array(repeating: .init(), count: layout.categoricalCount)
    }

    // MARK: What is said of a file

    /// Notes what should be thought about: columns left out, an index that is trained on, a file that has no names where
    /// the one before has.
    private mutating func note(
        _ head: TableHead, _ layout: ColumnLayout, _ scanner: RecordScanner, file: String
    ) {
        if let warning = head.warning(file: file) { warn("empty", warning) }
        if !head.areNamed, layoutSource.areNamed, expectation == nil {
            warn(
                "names",
                "\(file): its columns have no names; they are taken in the order of \(layoutSource.file)")
        }
        guard expectation == nil, layoutSource.file == file else { return }
        let suspects = head.names.indices.filter {
            (head.nameless.contains($0) || head.names[$0].hasPrefix("Unnamed: ")) && $0 < layout.roles.count
        }
        for place in suspects {
            guard case .numeric = layout.roles[place],
                counts(scanner, field: head.sources[place], head: head)
            else { continue }
            warnings.append(
                "\(file): column \(place + 1) \(head.nameless.contains(place) ? "has no name" : "is called \(BadRows.show(head.names[place]))") and counts the rows, but is learnt from; ignore: [\(place)] leaves it out"
            )
        }
    }

    /// Says something of the first file that it holds of.
    private mutating func warn(_ kind: String, _ warning: String) {
        if said.insert(kind).inserted { warnings.append(warning) }
    }

    /// Whether a field counts up by one over the first rows.
    private func counts(_ scanner: RecordScanner, field: Int, head: TableHead) -> Bool {
        var rows = scanner
        if head.hasHeader { _ = rows.next() }
        var values: [Double] = []
        while values.count < 100, rows.next() {
            guard rows.problem == nil, rows.fields.count == head.width,
                let value = options.numbers.parse(rows.raw(rows.fields[field]))
            else { return false }
            values.append(value)
        }
        return values.count > 1 && zip(values, values.dropFirst()).allSatisfy { $1 == $0 + 1 }
    }

    /// Throws where lines that `skip_lines` passes over, said once for all files, are a row of this one.
    private func guardSkippedLines(
        _ scanner: RecordScanner, count: Int, head: TableHead, layout: ColumnLayout, sources: [Int],
        file: String
    ) throws {
        guard count > 0, wishes.hasOtherFiles, !options.skippedLines.isByPart, layout.numericCount > 0 else {
            return
        }
        var lines = RecordScanner(scanner.bytes, syntax: options.syntax)
        var probe = TableRow()
        var labels = labels
        probe.prepare(layout, toleratesLabels: false)
        while lines.next(), lines.recordLine <= count {
            guard lines.problem == nil, lines.fields.count == head.width else { continue }
            var scratch = RawTable()
            scratch.vocabularies = Array(repeating: .init(), count: layout.categoricalCount)
            let outcome = try probe.parse(
                lines, layout: layout, sources: sources, options: options, labels: &labels, table: &scratch)
            guard case .complete = outcome else { continue }
            throw ConfigurationError(
                path: file,
                problem:
                    "skip_lines: \(count) passes over line \(lines.recordLine), which is a row; say which part it holds for: skip_lines: { train: 0, test: \(count) }"
            )
        }
    }

    /// Says which numbers of columns differ, and how a line that is no row is passed over.
    private func widthProblem(_ scanner: RecordScanner, head: TableHead) -> String {
        let count = scanner.fields.count
        var problem = "has \(count) \(count == 1 ? "column" : "columns"), not \(head.width)"
        if let first = scanner.fields.first, let mark = scanner.raw(first).first,
            options.syntax.comment == nil,
            options.format == .csv || options.format == .table, "#|%;!*/".utf8.contains(mark), !first.quoted
        {
            problem += " (comment: \"\(Character(Unicode.Scalar(mark)))\" passes over such lines)"
        }
        return problem
    }

    static func lastPart(of path: String) -> String {
        String(path.split(separator: "/").last ?? Substring(path))
    }
}
