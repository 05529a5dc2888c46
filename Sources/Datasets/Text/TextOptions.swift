internal import Configuration

/// How text becomes sequences of tokens, as the data section of a configuration says.
struct TextOptions: Sendable {
    /// What is learnt.
    enum Task: String, CaseIterable, Sendable {
        case nextToken = "next_token"
        case classification
    }

    /// Natural clients.
    enum Group: Equatable, Sendable {
        case file
        case speaker(SpeechPattern)
        /// A column of the table that holds the texts.
        case column
    }

    /// Most tokens of a sequence.
    static let lengthLimit = 1 << 20

    let path: String
    let testPath: String?
    /// Nil where a model's schema is to say it, as are `length` and `stride`.
    let tokenizer: TokenizerOptions?
    let length: Int?
    let stride: Int?
    /// Nil where nothing is said: classification where there are labels, else what a model's schema says.
    let task: Task?
    let group: Group?
    let encoding: TextEncoding
    /// The column that holds the texts, and how the table is read; nil where files are the texts.
    let column: ColumnReference?
    let table: TableOptions
    /// The section's own key path, for messages.
    let sectionPath: String

    /// Reads the keys of a data section of format `text`. Throws ``ConfigurationError``.
    init(_ section: Section) throws {
        sectionPath = section.path
        guard let path = try section.string("path") else {
            throw section.error("path", "is missing: name the file or a pattern such as \"texts/*.txt\"")
        }
        self.path = path
        testPath = try section.string("test_path")
        tokenizer = try section.section("tokenizer").map { try TokenizerOptions($0) }
        length = try section.integer("length", in: 1...Self.lengthLimit)
        stride = try section.integer("stride", in: 1...Self.lengthLimit)
        column = try section.value("column").map { try ColumnReference($0, path: section.path + ".column") }
        var table = try TableOptions(textsOf: column, section)
        (table.path, table.testPath) = (path, testPath)
        encoding = table.encoding
        let stated = try section.choice("task", of: Task.self)
        task = stated ?? (table.label == nil ? nil : .classification)
        switch section.value("group") {
        case nil: group = nil
        case .string("file"): (group, table.group) = (.file, .file)
        case .object: group = try section.section("group").map { .speaker(try SpeechPattern($0)) }
        case let value?:
            group = .column
            table.group = .column(try ColumnReference(value, path: section.path + ".group"))
        }
        self.table = table
        try check(section)
    }

    /// What goes together and what does not.
    private func check(_ section: Section) throws {
        if column == nil {
            for key in TableOptions.textKeys where section.value(key) != nil {
                throw section.error(key, "is for a table of texts: say under column which one holds them")
            }
            guard group != .column else {
                throw section.error(
                    "group", "must be \"file\" or { pattern }, unless column names a table's texts")
            }
        } else if case .speaker = group {
            throw section.error("group", "cannot be a pattern in a table: name a column, or \"file\"")
        }
        switch task {
        case .classification?:
            guard column != nil else {
                throw section.error("task", "is classification, which needs a table: column and label")
            }
            guard stride == nil else {
                throw section.error(
                    "stride", "is for the task next_token: a text to classify is one sequence")
            }
        case .nextToken?:
            guard table.label == nil else {
                throw section.error("label", "is for the task classification")
            }
        case nil: break
        }
    }
}

extension TableOptions {
    /// Keys of a table of texts that mean nothing where files are the texts.
    static let textKeys = [
        "label", "classes", "label_map", "label_threshold", "header", "column_names", "delimiter", "quote",
        "comment", "skip_lines", "on_bad_row",
    ]

    /// Reads the keys of a table one of whose columns holds texts: as a CSV file's, without those that are about
    /// features.
    init(textsOf column: ColumnReference?, _ section: Section) throws {
        try readRecords(section)
        label = try section.value("label").map { try ColumnReference($0, path: section.path + ".label") }
        labels = try LabelRule(section)
        onBadRow = try section.choice("on_bad_row", of: OnBadRow.self) ?? .error
        task = label == nil ? nil : .classification
        // A text may be empty, and may say NA; only a label is missing where nothing stands.
        missing = MissingValues([])
        if let label { missingInColumn = [label: MissingValues([""])] }
        guard let column else { return }
        features = [column]
        categorical = [column: .oneHot]
    }
}
