internal import Compute
internal import Configuration

/// Makes a ``Dataset`` of tables.
struct TableLoader {
    let options: TableOptions
    let split: Split
    let folder: String

    /// See ``DataSource/load(seed:preprocessing:keep:requiresLabel:)``.
    func load(
        seed: UInt64, preprocessing: Preprocessing?, keep: [ColumnReference] = [], requiresLabel: Bool = true
    ) throws -> Dataset {
        let file = InputFile.resolve(options.path, folder: folder)
        var options = options
        var wishes = TableReader.Wishes(requiresLabel: requiresLabel, keep: keep)
        if case .table(let schema)? = preprocessing {
            options.features = nil
            try Self.align(&options, with: schema, file: file)
            wishes.expectation = ColumnLayout.Expectation(
                schema: schema, isLabelOptional: false, readsGroups: true)
        }
        let files = try InputFile.expand(options.path, folder: folder)
        let testFiles = try options.testPath.map { try InputFile.expand($0, folder: folder) } ?? []
        wishes.hasOtherFiles = files.count + testFiles.count > 1
        var reader = TableReader(options: options, wishes: wishes)
        for name in files { try reader.read(file: name) }
        let trainCount = reader.rowCount
        for name in testFiles { try reader.read(file: name, isTest: true) }
        let warnings = reader.warnings
        let table = try reader.finish()
        guard table.rowCount <= Int(Int32.max) else {
            throw ConfigurationError(path: file, problem: "has too many rows")
        }
        let parts = try divide(table, trainCount: trainCount, seed: seed)
        let fitted: TablePreprocessing
        switch preprocessing {
        case .table(let given)?: fitted = given
        case let other?:
            throw ConfigurationError(
                path: file, problem: "is a table, but the preprocessing is for \(other.contents)")
        case nil: fitted = try TableFit(table: table, rows: parts.train, options: options).preprocessing()
        }
        try check(table, against: fitted, file: file)
        func examples(_ rows: [Int32]) throws -> Examples? {
            rows.isEmpty ? nil : try fitted.transform(table, rows: rows, shape: options.shape, file: file)
        }
        let (groups, groupNames) = Dataset.compact(
            groups: table.groups, names: table.groupNames.texts, rows: parts.train)
        var dataset = Dataset(
            train: try fitted.transform(table, rows: parts.train, shape: options.shape, file: file),
            validation: try examples(parts.validation), test: try examples(parts.test),
            classNames: fitted.classNames, featureNames: fitted.featureNames, labelName: table.labelName,
            trainGroups: groups,
            groupNames: groupNames, preprocessing: .table(fitted), skippedRows: table.skippedRows)
        dataset.warnings = warnings
        dataset.kept.train = Self.kept(table, rows: parts.train)
        dataset.kept.test = Self.kept(table, rows: parts.test)
        return dataset
    }

    /// See ``DataSource/rows(using:_:)``.
    func rows(using schema: TablePreprocessing, _ use: DataSource.Use) throws -> DataSource.Rows {
        let path = use.testPart ? options.testPath ?? options.path : options.path
        let file = InputFile.resolve(path, folder: folder)
        var options = options
        options.features = nil
        if options.group == .file { options.group = nil }
        try Self.align(&options, with: schema, file: file)
        let expectation = ColumnLayout.Expectation(
            schema: schema, labelName: use.labelName, isLabelOptional: !use.requiresLabel,
            toleratesLabels: use.toleratesLabels)
        let files = try InputFile.expand(path, folder: folder)
        var reader = TableReader(
            options: options,
            wishes: .init(
                requiresLabel: use.requiresLabel, expectation: expectation, keep: use.keep,
                hasOtherFiles: files.count > 1))
        for name in files { try reader.read(file: name, isTest: use.testPart && options.testPath != nil) }
        let (passedOver, warnings) = (reader.passedOver, reader.warnings)
        let table = try reader.finish()
        let rows = Array(0..<Int32(table.rowCount))
        let examples = try schema.transform(table, rows: rows, shape: options.shape, file: file)
        return DataSource.Rows(
            examples: examples, passedOver: passedOver, warnings: warnings, kept: Self.kept(table, rows: rows)
        )
    }

    /// The kept texts of the chosen rows, row by row.
    private static func kept(_ table: RawTable, rows: [Int32]) -> [[String]] {
        guard !table.kept.isEmpty else { return [] }
        return rows.map { row in table.kept.map { $0[Int(row)] } }
    }

    /// Makes labels and missing values mean what they meant in training: classes by their names and numbers there, never
    /// numbered by what this file happens to hold.
    private static func align(
        _ options: inout TableOptions, with schema: TablePreprocessing, file: String
    ) throws {
        let allowsMissing = schema.columns.contains {
            switch $0.encoding {
            case .numeric(_, _, let imputed, _): imputed != nil
            case .oneHot(_, let imputed), .ordinal(_, let imputed): imputed != nil
            }
        }
        // What the model imputes is missing by its rules; where it imputes nothing its transform says so.
        if allowsMissing, options.onMissing == .error { options.onMissing = .zero }
        guard !schema.classNames.isEmpty else {
            guard options.labels == .automatic, options.task != .classification else {
                throw ConfigurationError(
                    path: file, problem: "is given classes, but the model predicts values")
            }
            options.task = .regression
            return
        }
        guard options.task != .regression else {
            throw ConfigurationError(
                path: file, problem: "has the task regression, but the model has classes")
        }
        options.labels = try options.labels.aligned(with: schema.classNames, file: file)
    }

    private func divide(_ table: RawTable, trainCount: Int, seed: UInt64) throws -> Split.Parts {
        var labels: [Int32]?
        if case .classes(let codes, _) = table.labels { labels = Array(codes[..<trainCount]) }
        guard options.testPath == nil || split.test == 0 else {
            throw ConfigurationError(path: options.path, problem: "has a test_path, so split.test must go")
        }
        let groups = table.groups.isEmpty ? nil : Array(table.groups[..<trainCount])
        return try split.parts(
            count: trainCount, labels: labels, groups: groups, seed: seed, path: options.path
        )
        .withTest(trainCount..<table.rowCount)
    }

    private func check(_ table: RawTable, against fitted: TablePreprocessing, file: String) throws {
        guard case .classes(_, let names) = table.labels else { return }
        guard names == fitted.classNames else {
            let expected = fitted.classNames.prefix(8).joined(separator: ", ")
            throw ConfigurationError(
                path: file,
                problem: "has other classes than the model (\(expected)); state them under classes")
        }
    }
}

extension Split.Parts {
    /// The same parts with a test part of its own; a fold that was held out validates then.
    func withTest(_ rows: Range<Int>) -> Split.Parts {
        guard !rows.isEmpty else { return self }
        var parts = self
        parts.validation = (validation + test).sorted()
        parts.test = rows.map { Int32($0) }
        return parts
    }
}
