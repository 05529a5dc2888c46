internal import Configuration

/// How a table's columns become features and labels, as the data section of a configuration says.
struct TableOptions: Sendable {
    /// The shapes of tables.
    enum Format: String, CaseIterable, Sendable { case csv, table, arff }
    /// Whether the first record names the columns.
    enum Header: Sendable { case present, absent, automatic }
    /// What happens to a missing feature.
    enum OnMissing: String, CaseIterable, Sendable { case error, mean, median, zero, drop }
    /// What happens to a row that cannot be read.
    enum OnBadRow: String, CaseIterable, Sendable { case error, skip }
    /// What is learnt.
    enum Task: String, CaseIterable, Sendable { case classification, regression }
    /// How text becomes numbers.
    enum Encoding: Equatable, Sendable {
        /// One 0/1 column a category.
        case oneHot
        /// The category's number; in the given order, or sorted where that is nil.
        case ordinal(order: [String]?)
        /// The category's number as a token, for a model that begins with an embedding.
        case token
    }
    /// Lines to pass over at the start of each file of a part.
    struct SkippedLines: Equatable, Sendable {
        var train = 0
        var test = 0
        /// Whether both were said by name; one number for all files must not cost a file a row.
        var isByPart = false
    }
    /// Natural clients.
    enum Group: Equatable, Sendable {
        case file
        case column(ColumnReference)
    }

    var format = Format.csv
    var path = ""
    var testPath: String?
    var label: ColumnReference?
    var header = Header.automatic
    var syntax = RecordScanner.commas
    var encoding = TextEncoding.utf8
    var numbers = NumberSyntax.plain
    var skippedLines = SkippedLines()
    var columnNames: [String]?
    var features: [ColumnReference]?
    var ignored: [ColumnReference] = []
    /// Columns that name people.
    var identifiers: [ColumnReference: IdentifierRule] = [:]
    /// What stands for their values where the rule is to hash them; nil: the reader has no key.
    var identifierHash: DataSource.IdentifierHash?
    var categorical: [ColumnReference: Encoding] = [:]
    var missing = MissingValues(["", "?", "NA"])
    var missingInColumn: [ColumnReference: MissingValues] = [:]
    var onMissing = OnMissing.error
    var missingIndicator = false
    var onBadRow = OnBadRow.error
    var task: Task?
    var labels = LabelRule.automatic
    var group: Group?
    /// The column that names the client, where one does.
    var groupColumn: ColumnReference? {
        if case .column(let reference) = group { reference } else { nil }
    }
    var normalize = NormalizationRule.none
    /// How values to predict are scaled.
    var normalizeLabel = NormalizationRule.none
    var normalizeColumn: [ColumnReference: NormalizationRule] = [:]
    var unknownCategory = UnknownCategory.zero
    var shape: [Int]?
    /// Columns whose texts are kept, whatever part they play.
    var kept: [ColumnReference] = []
}

/// Words and numbers that stand for a value that is not there.
struct MissingValues: Equatable, Sendable {
    private let words: Set<String>
    private let numbers: [Double]
    private let includesEmpty: Bool

    /// Tokens that are numbers are compared by value (`-9` is also `-9.0`), others by their text.
    init(_ tokens: [String]) {
        words = Set(tokens)
        numbers = tokens.compactMap { DecimalNumber.parse($0) }
        includesEmpty = tokens.contains("")
    }

    private init(words: Set<String>, numbers: [Double], includesEmpty: Bool) {
        self.words = words
        self.numbers = numbers
        self.includesEmpty = includesEmpty
    }

    /// Whether some number means a missing value.
    var includesNumbers: Bool { !numbers.isEmpty }

    /// What either of two holds.
    func union(_ other: MissingValues) -> MissingValues {
        MissingValues(
            words: words.union(other.words), numbers: numbers + other.numbers,
            includesEmpty: includesEmpty || other.includesEmpty)
    }

    /// Whether a field that reads as this number is missing.
    func contains(_ number: Double) -> Bool { numbers.contains(number) }

    /// Whether a field with this text is missing.
    func contains(_ text: String) -> Bool {
        if text.isEmpty { return includesEmpty }
        return words.contains(text) || (DecimalNumber.parse(text).map { numbers.contains($0) } ?? false)
    }
}
