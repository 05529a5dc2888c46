internal import Compute
internal import Configuration

/// Makes a ``Dataset`` of text.
struct TextLoader {
    let options: TextOptions
    let split: Split
    let folder: String

    /// See ``DataSource/load(seed:preprocessing:keep:requiresLabel:)``.
    func load(
        seed: UInt64, preprocessing: Preprocessing?, keep: [ColumnReference], requiresLabel: Bool
    ) throws -> Dataset {
        let file = InputFile.resolve(options.path, folder: folder)
        let schema = try preprocessing.map { try Self.text($0, file: file) }
        guard options.testPath == nil || split.test == 0 else {
            throw ConfigurationError(path: options.path, problem: "has a test_path, so split.test must go")
        }
        let setting = try Setting(options, schema: schema, folder: folder)
        var wishes = TextCorpus.Wishes(task: setting.task)
        (wishes.requiresLabel, wishes.classNames, wishes.keep) = (requiresLabel, schema?.classNames, keep)
        let corpus = try TextCorpus(options, wishes, folder: folder)
        var tokenizer = setting.tokenizer
        var sequences = try setting.sequences(of: corpus, file: file)
        let trainEnd = sequences.places.firstIndex { $0.text >= corpus.trainCount } ?? sequences.places.count
        let groups = corpus.groups.isEmpty ? [] : sequences.places.map { corpus.groups[$0.text] }
        var (codes, classNames): ([Int32]?, [String]) = (nil, schema?.classNames ?? [])
        if case .classes(let found, let names) = corpus.labels { (codes, classNames) = (found, names) }
        guard trainEnd > 0 else {
            throw ConfigurationError(path: file, problem: "holds no text with as many as 2 tokens")
        }
        let parts = try split.parts(
            count: trainEnd, labels: codes.map { Array($0[..<trainEnd]) },
            groups: groups.isEmpty ? nil : Array(groups[..<trainEnd]), seed: seed, path: options.path
        )
        .withTest(trainEnd..<sequences.places.count)
        try sequences.settle(&tokenizer, rows: parts.train, file: file)
        func examples(_ rows: [Int32]) -> Examples {
            sequences.examples(
                rows, tokenizer: tokenizer,
                targets: setting.targets(codes, classes: classNames.count, rows: rows))
        }
        let (trainGroups, groupNames) = Dataset.compact(
            groups: groups, names: corpus.groupNames.texts, rows: parts.train)
        var dataset = Dataset(
            train: examples(parts.train),
            validation: parts.validation.isEmpty ? nil : examples(parts.validation),
            test: parts.test.isEmpty ? nil : examples(parts.test), classNames: classNames, featureNames: [],
            labelName: corpus.labelName, trainGroups: trainGroups, groupNames: groupNames,
            preprocessing: .text(setting.preprocessing(tokenizer.schema, classNames: classNames)),
            skippedRows: corpus.skippedRows)
        dataset.warnings = corpus.warnings + setting.warnings(sequences, options, file: file)
        if !corpus.kept.isEmpty {
            dataset.kept = (
                parts.train.map { corpus.kept[Int($0)] }, parts.test.map { corpus.kept[Int($0)] }
            )
        }
        return dataset
    }

    /// See ``DataSource/rows(using:_:)``.
    func rows(using schema: TextPreprocessing, _ use: DataSource.Use) throws -> DataSource.Rows {
        let file = InputFile.resolve(options.path, folder: folder)
        let setting = try Setting(options, schema: schema, folder: folder)
        let corpus = try TextCorpus(
            options,
            TextCorpus.Wishes(
                task: setting.task, requiresLabel: use.requiresLabel, classNames: schema.classNames,
                labelName: use.labelName, toleratesLabels: use.toleratesLabels, keep: use.keep,
                part: use.testPart ? .test : .training),
            folder: folder)
        let sequences = try setting.sequences(of: corpus, file: file)
        let rows = sequences.places.indices.map { Int32($0) }
        guard !rows.isEmpty else {
            throw ConfigurationError(path: file, problem: "holds no text with as many as 2 tokens")
        }
        var codes: [Int32]?
        if case .classes(let found, _) = corpus.labels { codes = found }
        let examples = sequences.examples(
            rows, tokenizer: setting.tokenizer,
            targets: setting.targets(codes, classes: schema.classNames.count, rows: rows))
        return DataSource.Rows(
            examples: examples, warnings: corpus.warnings + setting.warnings(sequences, options, file: file),
            kept: corpus.kept)
    }

    /// The text's preprocessing, or a refusal of another kind.
    private static func text(_ preprocessing: Preprocessing, file: String) throws -> TextPreprocessing {
        if case .text(let text) = preprocessing { return text }
        throw ConfigurationError(
            path: file, problem: "holds text, but the preprocessing is for \(preprocessing.contents)")
    }
}

/// What options and a model's schema say together.
private struct Setting {
    let task: TextOptions.Task
    let length: Int
    let stride: Int
    let tokenizer: any Tokenizer

    /// Throws ``ConfigurationError`` where neither says it, or the two contradict each other.
    init(_ options: TextOptions, schema: TextPreprocessing?, folder: String) throws {
        func refuse(_ key: String, _ problem: String) -> ConfigurationError {
            ConfigurationError(path: "\(options.sectionPath).\(key)", problem: problem)
        }
        task = options.task ?? schema?.task ?? .nextToken
        guard let length = options.length ?? schema?.length else {
            throw refuse("length", "is missing: the tokens of a sequence")
        }
        if let schema {
            guard task == schema.task else {
                throw refuse("task", "is \(task.rawValue), but the model's is \(schema.task.rawValue)")
            }
            guard length == schema.length else {
                throw refuse(
                    "length", "is \(length), but the model reads sequences of \(schema.length) tokens")
            }
        }
        guard task == .nextToken || options.column != nil else {
            throw refuse("column", "is missing: which column of the table holds the texts to classify")
        }
        (self.length, stride) = (length, options.stride ?? schema?.stride ?? length)
        var named = options.tokenizer
        if let schema, named == nil, TokenizerCatalog.type(schema.tokenizer.kind)?.files.isEmpty ?? false {
            named = TokenizerOptions(kind: schema.tokenizer.kind, path: "\(options.sectionPath).tokenizer")
        }
        guard let named else {
            let known = schema.map { "{ kind: \"\($0.tokenizer.kind)\" } with the model's vocabulary" }
            throw refuse("tokenizer", "is missing: \(known ?? "such as { kind: \"character\" }")")
        }
        tokenizer = try TokenizerCatalog.tokenizer(named, schema: schema?.tokenizer, folder: folder)
    }

    func sequences(of corpus: TextCorpus, file: String) throws -> TokenSequences {
        try TokenSequences(
            corpus.texts, by: tokenizer, length: length, stride: stride, predictsTokens: task == .nextToken,
            path: file)
    }

    /// The targets of texts to classify, of width 0 where labels are not known; nil where tokens are predicted.
    func targets(_ codes: [Int32]?, classes: Int, rows: [Int32]) -> Examples.Targets? {
        guard task == .classification else { return nil }
        guard let codes else { return .values([], width: 0) }
        return .classes(rows.map { codes[Int($0)] }, count: classes)
    }

    func preprocessing(_ tokenizer: TokenizerSchema, classNames: [String]) -> TextPreprocessing {
        TextPreprocessing(
            task: task, length: length, stride: stride, tokenizer: tokenizer, classNames: classNames)
    }

    func warnings(_ sequences: TokenSequences, _ options: TextOptions, file: String) -> [String] {
        guard sequences.shortCount > 0 else { return [] }
        let count = sequences.shortCount
        let what =
            options.group == nil ? (count == 1 ? "text" : "texts") : (count == 1 ? "client" : "clients")
        return ["\(file): \(count) \(what) with fewer than 2 tokens left out"]
    }
}
