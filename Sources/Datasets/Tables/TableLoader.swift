internal import Compute
internal import Configuration

/// Makes a ``Dataset`` of tables.
struct TableLoader {
    let options: TableOptions
    let split: Split
    let folder: String

    /// See ``DataSource/load(seed:preprocessing:)``.
    func load(seed: UInt64, preprocessing: Preprocessing?) throws -> Dataset {
        let file = InputFile.resolve(options.path, folder: folder)
        var options = options
        var expectation: ColumnLayout.Expectation?
        if case .table(let schema)? = preprocessing {
            options.features = nil
            try Self.align(&options, with: schema, file: file)
            expectation = ColumnLayout.Expectation(schema: schema, isLabelOptional: false)
        }
        var reader = TableReader(options: options, requiresLabel: true, expectation: expectation)
        for name in try InputFile.expand(options.path, folder: folder) { try reader.read(file: name) }
        let trainCount = reader.rowCount
        if let testPath = options.testPath {
            for name in try InputFile.expand(testPath, folder: folder) { try reader.read(file: name) }
        }
        let table = try reader.finish()
        guard table.rowCount <= Int(Int32.max) else {
            throw ConfigurationError(path: file, problem: "has too many rows")
        }
        let parts = try divide(table, trainCount: trainCount, seed: seed)
        let fitted: TablePreprocessing
        switch preprocessing {
        case .table(let given)?: fitted = given
        case .images?:
            throw ConfigurationError(path: file, problem: "is a table, but the preprocessing is for images")
        case nil: fitted = try TablePreprocessing.fit(table, rows: parts.train, options: options)
        }
        try check(table, against: fitted, file: file)
        func examples(_ rows: [Int32]) throws -> Examples? {
            rows.isEmpty ? nil : try fitted.transform(table, rows: rows, shape: options.shape, file: file)
        }
        let (groups, groupNames) = Dataset.compact(
            groups: table.groups, names: table.groupNames.texts, rows: parts.train)
        return Dataset(
            train: try fitted.transform(table, rows: parts.train, shape: options.shape, file: file),
            validation: try examples(parts.validation), test: try examples(parts.test),
            classNames: fitted.classNames, featureNames: fitted.featureNames, labelName: table.labelName,
            trainGroups: groups,
            groupNames: groupNames, preprocessing: .table(fitted), skippedRows: table.skippedRows)
    }

    /// See ``DataSource/examples(using:testPart:labelName:requiresLabel:)``.
    func examples(
        using schema: TablePreprocessing, testPart: Bool, labelName: String?, requiresLabel: Bool
    ) throws -> (examples: Examples, passedOver: [String]) {
        let path = testPart ? options.testPath ?? options.path : options.path
        let file = InputFile.resolve(path, folder: folder)
        var options = options
        options.features = nil
        if options.group == .file { options.group = nil }
        try Self.align(&options, with: schema, file: file)
        let expectation = ColumnLayout.Expectation(
            schema: schema, labelName: labelName, isLabelOptional: !requiresLabel)
        var reader = TableReader(options: options, requiresLabel: requiresLabel, expectation: expectation)
        for name in try InputFile.expand(path, folder: folder) { try reader.read(file: name) }
        let passedOver = reader.passedOver
        let table = try reader.finish()
        let examples = try schema.transform(
            table, rows: Array(0..<Int32(table.rowCount)), shape: options.shape, file: file)
        return (examples, passedOver)
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
        return try split.parts(count: trainCount, labels: labels, seed: seed, path: options.path)
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
