internal import Configuration

extension TableOptions {
    /// Reads the keys of a data section whose `format` is known already.
    init(format: Format, _ section: Section) throws {
        self.format = format
        guard let path = try section.string("path") else {
            throw section.error("path", "is missing: name the file or a pattern such as \"data/*.csv\"")
        }
        self.path = path
        testPath = try section.string("test_path")
        try readSyntax(section)
        try readColumns(section)
        try readMissing(section)
        if let rule = section.value("normalize") {
            normalize = try NormalizationRule(rule, path: section.path + ".normalize")
        }
        if let rule = section.value("normalize_label") {
            normalizeLabel = try NormalizationRule(rule, path: section.path + ".normalize_label")
        }
        normalizeColumn = try Self.members(section, "normalize_columns") {
            try NormalizationRule($0, path: $1)
        }
        try readLabels(section)
        onBadRow = try section.choice("on_bad_row", of: OnBadRow.self) ?? .error
        shape = try Self.shape(section)
    }

    /// The shape of one example, or nil where absent.
    static func shape(_ section: Section) throws -> [Int]? {
        guard let items = try section.list("shape") else { return nil }
        return try items.map { item in
            guard case .integer(let size) = item, (1...1 << 24).contains(size) else {
                throw section.error("shape", "must be a list of whole numbers above 0, such as [28, 28]")
            }
            return size
        }
    }

    private mutating func readSyntax(_ section: Section) throws {
        try readNumbers(section)
        try readRecords(section)
    }

    /// Reads how records, their fields and the columns' names are told.
    mutating func readRecords(_ section: Section) throws {
        switch format {
        case .csv: break
        case .table: syntax = .init(delimiter: nil, quote: nil, comment: nil)
        case .arff:
            syntax = .init(delimiter: UInt8(ascii: ","), quote: UInt8(ascii: "'"), comment: UInt8(ascii: "%"))
        }
        if format == .csv, let delimiter = try Self.byte(section, "delimiter") {
            syntax.delimiter = delimiter
        }
        if format != .table, let quote = try Self.byte(section, "quote") { syntax.quote = quote }
        if format != .arff, let comment = try Self.byte(section, "comment") { syntax.comment = comment }
        let marks = [syntax.delimiter, syntax.quote, syntax.comment].compactMap(\.self)
        guard Set(marks).count == marks.count else {
            throw section.error(
                syntax.comment == nil ? "quote" : "comment", "must differ from the delimiter and the quote")
        }
        encoding = try TextEncoding.read(section) ?? .utf8
        header = format == .csv ? .automatic : .absent
        switch format == .arff ? nil : section.value("header") {
        case nil, .string("auto"): break
        case .bool(let present): header = present ? .present : .absent
        case let other?: throw section.error("header", "must be true, false or \"auto\", not \(other.text())")
        }
        skippedLines = try Self.skippedLines(section)
        columnNames = try Self.strings(section, "column_names")
        if let names = columnNames, Set(names).count != names.count {
            throw section.error("column_names", "names a column twice")
        }
    }

    private mutating func readNumbers(_ section: Section) throws {
        if let decimal = try section.string("decimal") {
            guard decimal == "," || decimal == ".", let byte = decimal.utf8.first else {
                throw section.error("decimal", "must be \".\" or \",\"")
            }
            numbers.decimal = byte
        }
        guard let mark = try Self.byte(section, "thousands") else { return }
        let isOfNumbers = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(mark) || "+-eE".utf8.contains(mark)
        guard mark != numbers.decimal, !isOfNumbers else {
            throw section.error(
                "thousands", "must be the character between groups of digits, other than decimal")
        }
        guard mark != UInt8(ascii: " ") || format != .table else {
            throw section.error("thousands", "cannot be a blank, which ends a field of this format")
        }
        numbers.thousands = mark
    }

    /// A number for all files, or `{ train, test }`.
    private static func skippedLines(_ section: Section) throws -> SkippedLines {
        let range = 0...1_000_000
        guard case .object? = section.value("skip_lines"), let parts = try section.section("skip_lines")
        else {
            let count = try section.integer("skip_lines", in: range) ?? 0
            return SkippedLines(train: count, test: count)
        }
        let lines = SkippedLines(
            train: try parts.integer("train", in: range) ?? 0,
            test: try parts.integer("test", in: range) ?? 0,
            isByPart: true)
        try parts.finish()
        return lines
    }

    private mutating func readColumns(_ section: Section) throws {
        features = try Self.references(section, "features")
        ignored = try Self.references(section, "ignore") ?? []
        categorical = try Self.members(section, "categorical") { value, path in
            switch value {
            case .string("one_hot"): return .oneHot
            case .string("ordinal"): return .ordinal(order: nil)
            case .string("token"): return .token
            case .array(let items):
                return .ordinal(order: try items.map { try Self.token($0, path: path) })
            default:
                throw ConfigurationError(
                    path: path,
                    problem:
                        "must be \"one_hot\", \"ordinal\", \"token\" or the list of categories in their order"
                )
            }
        }
        identifiers = try Self.members(section, "identifiers") { value, path in
            guard case .string(let word) = value, let rule = IdentifierRule(rawValue: word) else {
                throw ConfigurationError(path: path, problem: "must be \"drop\" or \"keyed-hash\"")
            }
            return rule
        }
        unknownCategory = try section.choice("unknown_category", of: UnknownCategory.self) ?? .zero
        if let value = section.value("group") {
            group =
                value == .string("file")
                ? .file : .column(try ColumnReference(value, path: section.path + ".group"))
        }
    }

    private mutating func readMissing(_ section: Section) throws {
        if let tokens = try Self.strings(section, "missing") { missing = MissingValues(tokens) }
        missingInColumn = try Self.members(section, "missing_in") { value, path in
            guard case .array(let items) = value else {
                throw ConfigurationError(path: path, problem: "must be a list of values, not \(value.kind)")
            }
            return MissingValues(try items.map { try Self.token($0, path: path) })
        }
        onMissing = try section.choice("on_missing", of: OnMissing.self) ?? .error
        missingIndicator = try section.bool("missing_indicator") ?? false
        if missingIndicator && (onMissing == .error || onMissing == .drop) {
            throw section.error(
                "missing_indicator", "needs on_missing to be \"mean\", \"median\" or \"zero\"")
        }
    }

    private mutating func readLabels(_ section: Section) throws {
        label = try section.value("label").map { try ColumnReference($0, path: section.path + ".label") }
        task = try section.choice("task", of: Task.self)
        labels = try LabelRule(section)
        if normalizeLabel != .none, labels != .automatic || task == .classification {
            throw section.error("normalize_label", "scales values to predict, but the labels are classes")
        }
        if task == .regression && labels != .automatic {
            throw section.error(
                "task", "is regression, so classes, label_map and label_threshold do not apply")
        }
    }

    private static func byte(_ section: Section, _ key: String) throws -> UInt8? {
        guard let text = try section.string(key) else { return nil }
        guard text.utf8.count == 1, let byte = text.utf8.first, byte != 10, byte != 13 else {
            throw section.error(key, "must be one ASCII character, such as \";\"")
        }
        return byte
    }

    private static func strings(_ section: Section, _ key: String) throws -> [String]? {
        try section.list(key)?.map { try token($0, path: section.path + "." + key) }
    }

    /// A word, or a number as the text that a table would hold.
    static func token(_ value: JSONValue, path: String) throws -> String {
        switch value {
        case .string(let text): return text
        case .integer(let number): return "\(number)"
        case .number(let number): return "\(number)"
        default:
            throw ConfigurationError(path: path, problem: "must hold words or numbers, not \(value.kind)")
        }
    }

    private static func references(_ section: Section, _ key: String) throws -> [ColumnReference]? {
        try section.list(key)?.map { try ColumnReference($0, path: section.path + "." + key) }
    }

    private static func members<Value>(
        _ section: Section, _ key: String, _ read: (JSONValue, String) throws -> Value
    ) throws -> [ColumnReference: Value] {
        guard let inner = try section.section(key) else { return [:] }
        var result: [ColumnReference: Value] = [:]
        for name in inner.keys {
            guard let value = inner.value(name) else { continue }
            result[ColumnReference(key: name)] = try read(value, inner.path + "." + name)
        }
        return result
    }
}
