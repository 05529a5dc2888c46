internal import Compute
internal import Configuration
internal import Dispatch
internal import FoundationEssentials
internal import Synchronization

/// Makes a ``Dataset`` of IDX files.
struct ImageLoader {
    let options: ImageOptions
    let split: Split
    let folder: String

    /// See ``DataSource/load(seed:preprocessing:keep:requiresLabel:)``.
    func load(seed: UInt64, preprocessing: Preprocessing?) throws -> Dataset {
        let files = try trainFiles()
        let testFiles = try testFiles(trainImages: files.images)
        let tables = try Self.read([files] + (testFiles.map { [$0] } ?? []))
        let (table, testTable) = (tables[0], tables.count > 1 ? tables[1] : nil)
        guard testTable == nil || split.test == 0 else {
            throw ConfigurationError(
                path: files.images, problem: "has a test part of its own, so split.test must go")
        }
        let natural = try naturalGroups(count: table.count)
        let parts = try split.parts(
            count: table.count, labels: table.labels, groups: natural?.numbers, seed: seed, path: files.images
        )
        let names = options.classNames ?? preprocessing?.classNames ?? Self.classNames(table)
        try table.checkLabels(below: names.count, file: files.labels)
        if let testTable, let testFiles {
            try testTable.checkLabels(below: names.count, file: testFiles.labels)
        }
        let (center, scale) = try fitted(table, rows: parts.train, given: preprocessing, file: files.images)
        func examples(_ table: ImageTable, _ rows: [Int32]) throws -> Examples? {
            guard !rows.isEmpty else { return nil }
            return try table.examples(
                rows: rows, center: center, scale: scale, classCount: names.count, shape: options.shape,
                file: files.images)
        }
        guard let train = try examples(table, parts.train) else {
            throw ConfigurationError(path: files.images, problem: "leaves nothing to train on")
        }
        let test =
            try testTable.map { try examples($0, Array(0..<Int32($0.count))) } ?? examples(table, parts.test)
        // With a test part of its own, a fold that is held out validates.
        let held = testTable == nil ? parts.validation : (parts.validation + parts.test).sorted()
        let (groups, groupNames) = Dataset.compact(
            groups: natural?.numbers ?? [], names: natural?.names ?? [], rows: parts.train)
        return Dataset(
            train: train, validation: try examples(table, held), test: test, classNames: names,
            featureNames: [],
            trainGroups: groups, groupNames: groupNames,
            preprocessing: .images(center: center, scale: scale, classNames: names), skippedRows: 0)
    }

    /// See ``DataSource/rows(using:_:)``.
    func examples(using preprocessing: Preprocessing, testPart: Bool) throws -> Examples {
        var files = try trainFiles()
        if testPart, let test = try testFiles(trainImages: files.images) { files = test }
        let table = try ImageTable(images: files.images, labels: files.labels)
        let names = preprocessing.classNames
        if let own = options.classNames, own != names {
            throw ConfigurationError(
                path: files.labels,
                problem: "is given other classes than the model's, which are numbered in its order")
        }
        try table.checkLabels(below: names.count, file: files.labels)
        let rows = Array(0..<Int32(table.count))
        let (center, scale) = try fitted(table, rows: rows, given: preprocessing, file: files.images)
        return try table.examples(
            rows: rows, center: center, scale: scale, classCount: names.count, shape: options.shape,
            file: files.images)
    }

    private typealias Pair = (images: String, labels: String)

    /// The tables of these files, read at the same time. Throws what the first of them cannot be read for.
    private static func read(_ pairs: [Pair]) throws -> [ImageTable] {
        let outcomes = Mutex([Result<ImageTable, any Error>?](repeating: nil, count: pairs.count))
        DispatchQueue.concurrentPerform(iterations: pairs.count) { index in
            let outcome = Result { try ImageTable(images: pairs[index].images, labels: pairs[index].labels) }
            outcomes.withLock { $0[index] = outcome }
        }
        return try outcomes.withLock { try $0.compactMap { try $0?.get() } }
    }

    /// The pair that is named, or the folder's own under MNIST's names with or without `train-`.
    private func trainFiles() throws -> Pair {
        if let images = options.images, let labels = options.labels {
            return (try named(images), try named(labels))
        }
        if let pair = standard("train-") ?? standard("") { return pair }
        let expected = inFolder("train-images-idx3-ubyte")
        guard FileManager.default.fileExists(atPath: InputFile.resolve(options.path, folder: folder)) else {
            throw ConfigurationError(
                path: InputFile.resolve(options.path, folder: folder),
                problem: "no such folder; it should hold the IDX files, such as train-images-idx3-ubyte.gz")
        }
        throw ConfigurationError(
            path: expected,
            problem: "no such file (nor with .gz), or its labels are missing; images and labels name others")
    }

    /// The test pair that is named, or the folder's own where the training pair is the folder's own too.
    private func testFiles(trainImages: String) throws -> Pair? {
        if let images = options.testImages, let labels = options.testLabels {
            return (try named(images), try named(labels))
        }
        return options.images == nil ? standard("t10k-") : nil
    }

    private func standard(_ prefix: String) -> Pair? {
        guard let images = existing(inFolder(prefix + "images-idx3-ubyte")),
            let labels = existing(inFolder(prefix + "labels-idx1-ubyte"))
        else { return nil }
        return (images, labels)
    }

    private func named(_ name: String) throws -> String {
        guard let file = existing(inFolder(name)) else { throw InputFile.missing(inFolder(name)) }
        return file
    }

    private func inFolder(_ name: String) -> String {
        InputFile.resolve(name, folder: InputFile.resolve(options.path, folder: folder))
    }

    /// `path`, or `path` with `.gz`, whichever is there.
    private func existing(_ path: String) -> String? {
        [path, path + ".gz"].first { FileManager.default.fileExists(atPath: $0) }
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

    /// The natural client of each training image and the clients' names; nil where the options name none.
    private func naturalGroups(count: Int) throws -> (numbers: [Int32], names: [String])? {
        guard let wanted = options.groups else { return nil }
        let path = InputFile.resolve(wanted.path, folder: folder)
        guard let found = existing(path) else { throw InputFile.missing(path) }
        let file = try IDXFile(contentsOf: found)
        guard file.element == .int32, file.shape.count == 2, file.shape[0] == count else {
            throw ConfigurationError(
                path: found,
                problem:
                    "must hold \(count) rows of 32-bit numbers, one an image, not values of shape \(file.shape)"
            )
        }
        guard wanted.column < file.shape[1] else {
            throw ConfigurationError(
                path: found,
                problem: "has no column \(wanted.column): it has \(file.shape[1]), numbered from 0")
        }
        var names = RawTable.Vocabulary()
        let numbers = file.column(wanted.column).map { names.number(of: "\($0)") }
        return (numbers, names.texts)
    }
}
