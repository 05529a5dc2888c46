package import Compute
package import Configuration

/// Where data lies and how it is read: the `data` section of a configuration.
package struct DataSource: Sendable {
    /// Formats by their names in a configuration.
    enum Format: String, CaseIterable, Sendable { case csv, table, arff, idx, images, cifar, text }

    /// What is read, by format.
    enum Content: Sendable {
        case table(TableOptions)
        case images(ImageOptions)
        case text(TextOptions)
    }

    /// What stands for an identifier, as text: a code that only the holder of a key can make.
    package typealias IdentifierHash = @Sendable ([UInt8]) throws -> [UInt8]

    /// The section as given, so that it can be kept beside a model.
    package let configuration: JSONValue
    private let content: Content
    private let split: Split
    private let folder: String

    /// Reads a data section strictly. Relative paths in it start from `folder`; `path` is the section's own key
    /// path, for messages. No file is touched yet. Identifiers are hashed by `identifierHash`; without one a table that has
    /// such columns is not read. Throws ``ConfigurationError``.
    package init(
        _ configuration: JSONValue, path: String, folder: String, identifierHash: IdentifierHash? = nil
    ) throws {
        let section = try Section(configuration, path: path)
        guard let format = try section.choice("format", of: Format.self) else {
            throw section.error(
                "format", "is missing: one of \(Format.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        func table(_ format: TableOptions.Format) throws -> Content {
            var options = try TableOptions(format: format, section)
            options.identifierHash = identifierHash
            return .table(options)
        }
        switch format {
        case .csv: content = try table(.csv)
        case .table: content = try table(.table)
        case .arff: content = try table(.arff)
        case .idx: content = .images(try ImageOptions(section, files: IDXImages.init))
        case .images: content = .images(try ImageOptions(section, files: FolderImages.init))
        case .cifar: content = .images(try ImageOptions(section, files: CIFARImages.init))
        case .text: content = .text(try TextOptions(section))
        }
        split = try section.section("split").map { try Split($0) } ?? Split()
        try section.finish()
        self.configuration = configuration
        self.folder = folder
    }

    /// Whether columns of the table are identifiers that are hashed.
    package var hashesIdentifiers: Bool {
        if case .table(let options) = content {
            options.identifiers.values.contains(.keyedHash)
        } else {
            false
        }
    }

    /// Reads, divides and preprocesses the data.
    ///
    /// `seed` decides the split unless the section has a seed of its own. Preprocessing is learnt from the training
    /// rows, or taken as it is where given. `keep` are columns of a table, by name or index, whose texts are kept.
    /// Without `requiresLabel` a table may lack the label. Throws ``ConfigurationError`` naming the file, in one line.
    package func load(
        seed: UInt64, preprocessing: Preprocessing? = nil, keep: [String] = [], requiresLabel: Bool = true
    ) throws -> Dataset {
        switch content {
        case .table(let options):
            let loader = TableLoader(options: options, split: split, folder: folder)
            return try loader.load(
                seed: seed, preprocessing: preprocessing, keep: keep.map(ColumnReference.init(key:)),
                requiresLabel: requiresLabel)
        case .images(let options):
            try Self.refuse(keep: keep, of: options)
            let loader = ImageLoader(options: options, split: split, folder: folder)
            return try loader.load(seed: seed, preprocessing: preprocessing)
        case .text(let options):
            let loader = TextLoader(options: options, split: split, folder: folder)
            return try loader.load(
                seed: seed, preprocessing: preprocessing, keep: keep.map(ColumnReference.init(key:)),
                requiresLabel: requiresLabel)
        }
    }

    /// What rows for a trained model are read for.
    package struct Use: Sendable {
        /// Of images the test pair, of a table with a test path that file.
        package var testPart = false
        /// Name of the label's column in training, where the section does not name one.
        package var labelName: String?
        /// Whether data without labels are refused.
        package var requiresLabel = false
        /// Whether labels that are missing or no class of the model's make a row without a label, not a bad one.
        package var toleratesLabels = false
        /// Columns whose texts are kept.
        var keep: [ColumnReference] = []

        /// `keep` are columns of a table, by name or index.
        package init(
            testPart: Bool = false, labelName: String? = nil, requiresLabel: Bool = false,
            toleratesLabels: Bool = false, keep: [String] = []
        ) {
            self.testPart = testPart
            self.labelName = labelName
            self.requiresLabel = requiresLabel
            self.toleratesLabels = toleratesLabels
            self.keep = keep.map(ColumnReference.init(key:))
        }
    }

    /// Rows for a trained model.
    package struct Rows: Sendable {
        package var examples: Examples
        /// Columns that the model does not know and the section does not mention.
        package var passedOver: [String] = []
        /// What should be thought about, one line each.
        package var warnings: [String] = []
        /// Kept texts, row by row; empty where none were asked for.
        package var kept: [[String]] = []

        package init(
            examples: Examples, passedOver: [String] = [], warnings: [String] = [], kept: [[String]] = []
        ) {
            self.examples = examples
            self.passedOver = passedOver
            self.warnings = warnings
            self.kept = kept
        }
    }

    /// All rows as examples for a model that was trained with `preprocessing`, which says what columns and classes
    /// mean: columns are found by their names, in any order and among others, and labels by the names of the classes.
    /// Held-out parts play no role: of images the training pair is read, or the test pair.
    ///
    /// Labels are read where the file has them, in the column that the section names, or that had that name in training;
    /// else, or where not every row has one, the targets have width 0. Throws ``ConfigurationError``.
    package func rows(using preprocessing: Preprocessing, _ use: Use = Use()) throws -> Rows {
        switch (content, preprocessing) {
        case (.table(let options), .table(let fitted)):
            return try TableLoader(options: options, split: split, folder: folder).rows(using: fitted, use)
        case (.images(let options), .images):
            try Self.refuse(keep: use.keep, of: options)
            return try ImageLoader(options: options, split: split, folder: folder)
                .rows(using: preprocessing, use)
        case (.text(let options), .text(let schema)):
            return try TextLoader(options: options, split: split, folder: folder).rows(using: schema, use)
        case (.table(let options), _):
            throw ConfigurationError(
                path: options.path,
                problem: "is a table, but the model was trained on \(preprocessing.contents)")
        case (.images(let options), _):
            throw ConfigurationError(
                path: options.path,
                problem: "holds images, but the model was trained on \(preprocessing.contents)")
        case (.text(let options), _):
            throw ConfigurationError(
                path: options.path,
                problem: "holds text, but the model was trained on \(preprocessing.contents)")
        }
    }

    private static func refuse<Column>(keep: [Column], of options: ImageOptions) throws {
        guard keep.isEmpty else {
            throw ConfigurationError(
                path: options.path, problem: "holds images, which have no columns to keep")
        }
    }
}
