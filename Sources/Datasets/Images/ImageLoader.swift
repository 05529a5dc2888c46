internal import Compute
internal import Configuration

/// Makes a ``Dataset`` of images.
struct ImageLoader {
    let options: ImageOptions
    let split: Split
    let folder: String

    /// See ``DataSource/load(seed:preprocessing:keep:requiresLabel:)``.
    func load(seed: UInt64, preprocessing: Preprocessing?) throws -> Dataset {
        let known = options.classNames ?? preprocessing?.classNames
        let (train, test) = try options.files.load(folder: folder, classes: known)
        let table = train.table
        guard test == nil || split.test == 0 else {
            throw ConfigurationError(
                path: train.imagePath, problem: "has a test part of its own, so split.test must go")
        }
        let parts = try split.parts(
            count: table.count, labels: table.labels, groups: train.groups.isEmpty ? nil : train.groups,
            seed: seed, path: train.imagePath)
        let names = known ?? train.classNames ?? Self.classNames(table)
        for set in [train, test] {
            guard let set else { continue }
            try set.table.checkLabels(below: names.count, file: set.labelPath)
        }
        let (center, scale) = try fitted(
            table, rows: parts.train, given: preprocessing, file: train.imagePath)
        func examples(_ set: ImageSet, _ rows: [Int32]) throws -> Examples? {
            guard !rows.isEmpty else { return nil }
            return try set.table.examples(
                rows: rows, center: center, scale: scale, classCount: names.count, shape: options.shape,
                file: set.imagePath)
        }
        guard let training = try examples(train, parts.train) else {
            throw ConfigurationError(path: train.imagePath, problem: "leaves nothing to train on")
        }
        if let test, test.table.shape != table.shape {
            throw ConfigurationError(
                path: test.imagePath,
                problem: "holds images of shape \(test.table.shape), but those to train on are \(table.shape)"
            )
        }
        let testing =
            try test.map { try examples($0, Array(0..<Int32($0.table.count))) } ?? examples(train, parts.test)
        // With a test part of its own, a fold that is held out validates.
        let held = test == nil ? parts.validation : (parts.validation + parts.test).sorted()
        let (groups, groupNames) = Dataset.compact(
            groups: train.groups, names: train.groupNames, rows: parts.train)
        var dataset = Dataset(
            train: training, validation: try examples(train, held), test: testing, classNames: names,
            featureNames: [], trainGroups: groups, groupNames: groupNames,
            preprocessing: .images(center: center, scale: scale, classNames: names), skippedRows: 0)
        dataset.warnings = train.warnings + (test?.warnings ?? [])
        return dataset
    }

    /// See ``DataSource/rows(using:_:)``.
    func rows(using preprocessing: Preprocessing, _ use: DataSource.Use) throws -> DataSource.Rows {
        let names = preprocessing.classNames
        let set = try options.files.part(use, folder: folder, classes: names)
        if let own = options.classNames, own != names {
            throw ConfigurationError(
                path: set.labelPath,
                problem: "is given other classes than the model's, which are numbered in its order")
        }
        guard set.table.labels != nil || !use.requiresLabel else {
            throw ConfigurationError(
                path: set.labelPath, problem: "holds images but no folder a class, which labels need")
        }
        try set.table.checkLabels(below: names.count, file: set.labelPath)
        let rows = Array(0..<Int32(set.table.count))
        let (center, scale) = try fitted(set.table, rows: rows, given: preprocessing, file: set.imagePath)
        let examples = try set.table.examples(
            rows: rows, center: center, scale: scale, classCount: names.count, shape: options.shape,
            file: set.imagePath)
        return DataSource.Rows(examples: examples, warnings: set.warnings)
    }

    private static func classNames(_ table: ImageTable) -> [String] {
        (0...(table.labels?.max() ?? 0)).map { "\($0)" }
    }

    private func fitted(
        _ table: ImageTable, rows: [Int32], given: Preprocessing?, file: String
    ) throws -> (center: Double, scale: Double) {
        switch given {
        case .images(let center, let scale, _)?: return (center, scale)
        case let other?:
            throw ConfigurationError(
                path: file, problem: "holds images, but the preprocessing is for \(other.contents)")
        case nil: return table.fit(options.normalize, rows: rows)
        }
    }
}
