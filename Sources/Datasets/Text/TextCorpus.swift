internal import Configuration

/// The texts of a data section: one a client, a file or, to be classified, a row.
struct TextCorpus {
    /// UTF-8, those of the training part first.
    private(set) var texts: [[UInt8]] = []
    /// How many texts are of the training part.
    private(set) var trainCount = 0
    /// Natural client of each text; empty without `group`.
    private(set) var groups: [Int32] = []
    private(set) var groupNames = RawTable.Vocabulary()
    /// Of the rows of a table.
    private(set) var labels = RawTable.Labels.none
    private(set) var labelName: String?
    private(set) var skippedRows = 0
    private(set) var warnings: [String] = []
    /// Texts of further columns, row by row.
    private(set) var kept: [[String]] = []

    /// What is read beside the texts.
    struct Wishes {
        let task: TextOptions.Task
        /// Whether a table may only be read with its label.
        var requiresLabel = true
        /// The model's classes, in whose order labels are numbered.
        var classNames: [String]?
        /// What the label's column was called in training.
        var labelName: String?
        /// Whether a label that is none makes a row without one.
        var toleratesLabels = false
        var keep: [ColumnReference] = []
        var part = Part.both
    }

    /// Which of the files are read.
    enum Part { case both, training, test }

    /// Reads all texts. Throws ``ConfigurationError`` naming the file.
    init(_ options: TextOptions, _ wishes: Wishes, folder: String) throws {
        var files = try InputFile.expand(options.path, folder: folder)
        var testFiles = try options.testPath.map { try InputFile.expand($0, folder: folder) } ?? []
        let isTest = wishes.part == .test && !testFiles.isEmpty
        if isTest { files = testFiles }
        if wishes.part != .both { testFiles = [] }
        if options.column != nil {
            try readTable(options, wishes, files: files, isTest: isTest, testFiles: testFiles)
            return
        }
        guard wishes.keep.isEmpty else {
            throw ConfigurationError(path: options.path, problem: "holds text, which has no columns to keep")
        }
        try readFiles(files, options)
        trainCount = texts.count
        try readFiles(testFiles, options)
    }

    // MARK: Files

    private mutating func readFiles(_ files: [String], _ options: TextOptions) throws {
        // Speakers of several files are one client by one name.
        var places: [Int32: Int] = [:]
        for file in files {
            let text = try Self.text(of: file, options)
            switch options.group {
            case .speaker(let pattern): add(speechesOf: text, pattern, file: file, &places)
            case .file:
                groups.append(groupNames.number(of: TableReader.lastPart(of: file)))
                texts.append(text)
            case .column, nil: texts.append(text)
            }
        }
    }

    private mutating func add(
        speechesOf text: [UInt8], _ pattern: SpeechPattern, file: String, _ places: inout [Int32: Int]
    ) {
        let unclaimed = text.withUnsafeBufferPointer { bytes in
            pattern.speeches(in: bytes) { name, speech in
                let group = groupNames.number(of: name)
                if places[group] == nil {
                    places[group] = texts.count
                    texts.append([])
                    groups.append(group)
                }
                guard let place = places[group], !speech.isEmpty else { return }
                texts[place] += bytes[speech]
                texts[place].append(10)
            }
        }
        if unclaimed > 0 {
            warnings.append("\(file): \(unclaimed) bytes before the first speaker's name are left out")
        }
    }

    private static func text(of file: String, _ options: TextOptions) throws -> [UInt8] {
        var bytes = try options.encoding.decode(InputFile.read(file), file: file)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        if options.tokenizer?.kind != ByteTokenizer.kind,
            let fault = bytes.withUnsafeBufferPointer({ UTF8Reader.firstFault($0) })
        {
            throw ConfigurationError(
                path: file, problem: "is not UTF-8 text: byte \(fault + 1) (\(TextEncoding.remedy))")
        }
        return bytes
    }

    // MARK: Tables

    private mutating func readTable(
        _ options: TextOptions, _ wishes: Wishes, files: [String], isTest: Bool, testFiles: [String]
    ) throws {
        guard let column = options.column else { return }
        var table = options.table
        var tableWishes = TableReader.Wishes(
            requiresLabel: wishes.requiresLabel && wishes.task == .classification,
            keep: [column] + wishes.keep, hasOtherFiles: files.count + testFiles.count > 1)
        if let names = wishes.classNames, wishes.task == .classification {
            table.labels = try table.labels.aligned(with: names, file: options.path)
        }
        if let names = wishes.classNames, let name = column.properName, wishes.toleratesLabels,
            wishes.task == .classification
        {
            table.features = nil
            if table.group == .file { table.group = nil }
            tableWishes.expectation = ColumnLayout.Expectation(
                schema: TablePreprocessing(
                    columns: [.init(name: name, encoding: .oneHot(categories: [], imputed: nil))],
                    unknownCategory: .zero, classNames: names, sourceColumnCount: 1, labelPlace: nil),
                labelName: wishes.labelName, isLabelOptional: true, toleratesLabels: true)
        }
        var reader = TableReader(options: table, wishes: tableWishes)
        for file in files { try reader.read(file: file, isTest: isTest) }
        let trainRows = reader.rowCount
        for file in testFiles { try reader.read(file: file, isTest: true) }
        warnings = reader.warnings
        let read = try reader.finish()
        (skippedRows, labelName, groupNames) = (read.skippedRows, read.labelName, read.groupNames)
        let rows = read.kept[0]
        guard wishes.task == .nextToken else {
            (texts, trainCount, groups) = (rows.map { Array($0.utf8) }, trainRows, read.groups)
            labels = read.labels
            kept = rows.indices.map { row in read.kept.dropFirst().map { $0[row] } }
            if wishes.keep.isEmpty { kept = [] }
            return
        }
        guard wishes.keep.isEmpty else {
            throw ConfigurationError(
                path: options.path, problem: "is read as running text, which has no columns to keep")
        }
        join(rows[..<trainRows], read.groups)
        trainCount = texts.count
        join(rows[trainRows...], read.groups)
    }

    /// Makes one text of the rows of each client, a line a row.
    private mutating func join(_ rows: ArraySlice<String>, _ rowGroups: [Int32]) {
        var places: [Int32: Int] = [:]
        for row in rows.indices {
            let group = rowGroups.isEmpty ? 0 : rowGroups[row]
            let place = places[group] ?? texts.count
            if place == texts.count {
                places[group] = place
                texts.append([])
                if !rowGroups.isEmpty { groups.append(group) }
            }
            texts[place] += rows[row].utf8
            texts[place].append(10)
        }
    }
}
