/// A table as read: numbers parsed, categories numbered, nothing imputed, scaled or encoded yet.
struct RawTable: Sendable {
    /// One feature column, in the order of the file.
    struct Column: Sendable {
        /// What its values are.
        enum Kind: Sendable, Equatable {
            /// Column of `numbers` at this place.
            case numeric(Int)
            /// Column of `categories` at this place.
            case categorical(Int)
        }
        let name: String
        /// Place in the file, from 0.
        let place: Int
        let kind: Kind
    }

    /// The labels of all rows.
    enum Labels: Sendable {
        /// The file has none.
        case none
        case classes([Int32], names: [String])
        case values([Float])
    }

    /// Texts that have been given numbers in the order in which they came.
    struct Vocabulary: Sendable {
        private(set) var texts: [String] = []
        private var numbers: [String: Int32] = [:]

        /// The number of a text, a new one where it is new.
        mutating func number(of text: String) -> Int32 {
            if let number = numbers[text] { return number }
            let number = Int32(texts.count)
            texts.append(text)
            numbers[text] = number
            return number
        }
    }

    var columns: [Column] = []
    /// Number of columns of the file, and the place of its label.
    var sourceColumnCount = 0
    var labelPlace: Int?
    /// Name of the label's column; nil where columns have no names.
    var labelName: String?
    var rowCount = 0
    /// Row-major, one value a numeric column; NaN where missing.
    var numbers: [Float] = []
    var numericCount = 0
    /// Per categorical column each row's number in the vocabulary; -1 where missing.
    var categories: [[Int32]] = []
    var vocabularies: [Vocabulary] = []
    var labels = Labels.none
    /// Natural client of each row, empty without `group`; names in the order in which they came.
    var groups: [Int32] = []
    var groupNames = Vocabulary()
    /// Texts of the columns that are kept beside what is learnt: per column one a row.
    var kept: [[String]] = []
    /// Rows left out because they were bad or, with `on_missing: "drop"`, incomplete.
    var skippedRows = 0
}
