package import Compute
package import Configuration

/// Where data lies and how it is read: the `data` section of a configuration.
package struct DataSource: Sendable {
    /// Formats by their names in a configuration.
    enum Format: String, CaseIterable, Sendable { case csv, table, arff, idx }

    /// What is read, by format.
    enum Content: Sendable {
        case table(TableOptions)
        case images(ImageOptions)
    }

    /// The section as given, so that it can be kept beside a model.
    package let configuration: JSONValue
    private let content: Content
    private let split: Split
    private let folder: String

    /// Reads a data section strictly. Relative paths in it start from `folder`; `path` is the section's own key
    /// path, for messages. No file is touched yet. Throws ``ConfigurationError``.
    package init(_ configuration: JSONValue, path: String, folder: String) throws {
        let section = try Section(configuration, path: path)
        guard let format = try section.choice("format", of: Format.self) else {
            throw section.error(
                "format", "is missing: one of \(Format.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        switch format {
        case .csv: content = .table(try TableOptions(format: .csv, section))
        case .table: content = .table(try TableOptions(format: .table, section))
        case .arff: content = .table(try TableOptions(format: .arff, section))
        case .idx: content = .images(try ImageOptions(section))
        }
        split = try section.section("split").map { try Split($0) } ?? Split()
        try section.finish()
        self.configuration = configuration
        self.folder = folder
    }

    /// Reads, divides and preprocesses the data.
    ///
    /// `seed` decides the split unless the section has a seed of its own. Preprocessing is learnt from the training
    /// rows, or taken as it is where given. Throws ``ConfigurationError`` naming the file, in one line.
    package func load(seed: UInt64, preprocessing: Preprocessing? = nil) throws -> Dataset {
        switch content {
        case .table(let options):
            let loader = TableLoader(options: options, split: split, folder: folder)
            return try loader.load(seed: seed, preprocessing: preprocessing)
        case .images(let options):
            let loader = ImageLoader(options: options, split: split, folder: folder)
            return try loader.load(seed: seed, preprocessing: preprocessing)
        }
    }

    /// All rows as examples for a model that was trained with `preprocessing`, which says what columns and classes
    /// mean: columns are found by their names, in any order and among others, and labels by the names of the classes.
    /// Held-out parts play no role: of images the training pair is read, or with `testPart` the test pair.
    ///
    /// Labels are read where the file has them, in the column that the section names, or that was called `labelName` in
    /// training; else the targets have width 0, or with `requiresLabel` the file is refused. `passedOver` are columns
    /// that the model does not know and the section does not mention. Throws ``ConfigurationError``.
    package func examples(
        using preprocessing: Preprocessing, testPart: Bool = false, labelName: String? = nil,
        requiresLabel: Bool = false
    ) throws -> (examples: Examples, passedOver: [String]) {
        switch (content, preprocessing) {
        case (.table(let options), .table(let fitted)):
            return try TableLoader(options: options, split: split, folder: folder)
                .examples(
                    using: fitted, testPart: testPart, labelName: labelName, requiresLabel: requiresLabel)
        case (.images(let options), .images):
            let examples = try ImageLoader(options: options, split: split, folder: folder)
                .examples(using: preprocessing, testPart: testPart)
            return (examples, [])
        case (.table(let options), .images):
            throw ConfigurationError(
                path: options.path, problem: "is a table, but the model was trained on images")
        case (.images(let options), .table):
            throw ConfigurationError(
                path: options.path, problem: "holds images, but the model was trained on a table")
        }
    }
}
