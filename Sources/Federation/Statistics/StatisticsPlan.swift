internal import Configuration
internal import Learning

/// What a task of kind `statistics` asks its clients' tables, as `task.statistics` says it: declared columns, questions with
/// their parts of the budget, and how much one client may add.
///
/// Such a task is one round of a model whose parameters are the answers: each client's update is a bounded vector that is a
/// function of its records, and clipped, noised, masked, summed and charged as every update is.
package struct StatisticsPlan: Equatable, Sendable {
    /// What the clients' data are.
    package enum Subject: String, Sendable, CaseIterable { case table, images }

    package let subject: Subject
    package let columns: [StatisticsColumn]
    /// Where the columns' values lie in an example.
    let features: StatisticsFeatures
    /// Classes of the label in their order; empty where none are declared.
    package let classes: [String]
    /// Questions in the order of their blocks.
    package let questions: [StatisticsQuestion]
    /// Records up to which one client counts in full where clients are protected: one with more has each of them count less,
    /// so that together they count as this many. Public.
    package let recordsPerClient: Int

    /// The key of the task's kind, and of its questions.
    package static let kindKey = "kind"
    package static let key = "statistics"
    /// The one column of images: the mean of an image's pixels, 0 to 1.
    package static let imageColumn = "pixel_mean"

    /// Kinds of tasks.
    enum TaskKind: String, CaseIterable { case training, statistics }

    /// Reads `task.statistics`. Throws ``ConfigurationError``.
    init(_ section: Section) throws {
        subject = try section.choice("of", of: Subject.self) ?? .table
        recordsPerClient = try section.integer("records_per_client", in: 1...1_000_000_000) ?? 1
        let isCapped = section.value("records_per_client") != nil
        classes = section.value("classes") == nil ? [] : try StatisticsColumn.texts(section, "classes")
        guard let declared = try section.section("columns"), !declared.keys.isEmpty else {
            throw section.error(
                "columns",
                "is missing; for example { age: { bounds: [0, 100] }, sex: { domain: [\"f\", \"m\"] } }")
        }
        let columns = try declared.keys.map { name in
            guard let value = try declared.section(name) else {
                throw declared.error(name, "must say bounds or domain")
            }
            return try StatisticsColumn(name: name, value)
        }
        self.columns = columns
        features = StatisticsFeatures(columns)
        if subject == .images {
            guard columns.count == 1, columns[0].name == Self.imageColumn, columns[0].sources.count == 1,
                case .number = columns[0].kind
            else {
                throw section.error(
                    "columns", "of images are { \(Self.imageColumn): { bounds: [0, 1] } } and no other")
            }
            guard !classes.isEmpty else {
                throw section.error("classes", "is missing: images are read with the names of their classes")
            }
        }
        guard let asked = try section.list("ask"), !asked.isEmpty else {
            throw section.error("ask", "is missing; for example [{ question: \"mean\", columns: [\"age\"] }]")
        }
        var questions: [StatisticsQuestion] = []
        for (index, item) in asked.enumerated() {
            let read = try StatisticsQuestion.read(
                Section(item, path: "\(section.path).ask.\(index)"), columns: columns, classes: classes)
            for question in read {
                guard !questions.contains(where: { $0.name == question.name }) else {
                    throw section.error("ask", "asks \(question.name) twice; once is enough, with its share")
                }
                if question.kind.isTotal, !isCapped {
                    throw section.error(
                        "records_per_client",
                        "is needed for \"\(question.kind.rawValue)\": the public number of records up to which a client"
                            + " counts in full")
                }
                questions.append(question)
            }
        }
        let slots = questions.reduce(0) { $0 + $1.size }
        guard slots <= StatisticsLayer.limit else {
            throw section.error(
                "ask", "makes \(slots) slots, above the \(StatisticsLayer.limit) possible; take fewer bins")
        }
        if let both = features.conflict {
            throw section.error("columns", "read \"\(both)\" as a number and as a category; declare it once")
        }
        try section.finish()
        let whole = questions.reduce(0) { $0 + $1.share }
        guard whole.isFinite else {
            throw section.error("ask", "has shares that add up to more than a number holds")
        }
        self.questions = questions.map {
            var question = $0
            question.share /= whole
            return question
        }
    }

    /// Where the block of each question begins, and at the end the number of slots.
    package var offsets: [Int] { questions.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.size) } }

    /// How such a task learns: the published zeros move by the clients' mean vector, at rate 1.
    func strategy() throws -> Strategy {
        let keys = try Section(.object([:]), path: "task.strategy")
        return Strategy(name: Self.key, server: try ServerSGD(keys), client: TableStatistics(keys))
    }

    /// The schema that every client's data are read by.
    var schema: JSONValue {
        let names = JSONValue.array(classes.map { .string($0) })
        switch subject {
        case .table:
            return .object([
                "kind": .string("table"), "unknown_category": .string("zero"), "classes": names,
                "columns": .array(features.schema),
            ])
        case .images:
            return .object([
                "kind": .string("images"), "center": .integer(0), "scale": .integer(1), "classes": names,
            ])
        }
    }
}

extension StatisticsPlan {
    /// A task section of kind `statistics` as one of the ordinary kind, with its questions; any other as it is.
    ///
    /// Throws ``ConfigurationError`` for an unknown kind, and for keys that only training has.
    static func expanding(_ section: Section) throws -> (section: Section, statistics: StatisticsPlan?) {
        let kind = try section.choice(kindKey, of: TaskKind.self) ?? .training
        guard kind == .statistics else {
            guard section.value(key) == nil else {
                throw section.error(key, "goes with kind: \"statistics\"; add that, or remove this")
            }
            return (section, nil)
        }
        guard let asked = try section.section(key) else {
            throw section.error(key, "is missing: the columns and what is asked of them")
        }
        for name in [
            TaskConfiguration.modelKey, "training", "strategy", "rounds", "robust", "compression",
            "asynchronous",
            "evaluation", TaskConfiguration.schemaKey,
        ] where section.value(name) != nil {
            throw section.error(name, "has no meaning in a task of kind \"statistics\"; remove it")
        }
        let plan = try StatisticsPlan(asked)
        var members: [String: JSONValue] = [:]
        for name in section.keys where name != kindKey && name != key { members[name] = section.value(name) }
        let blocks = plan.questions.map {
            JSONValue.object(["name": .string($0.name), "size": .integer($0.size)])
        }
        members[TaskConfiguration.modelKey] = .object([
            "layers": .array([
                .object([
                    StatisticsLayer.kind: .object(["blocks": .array(blocks)]), "name": .string(Self.key),
                ])
            ])
        ])
        // Nothing is trained; of all losses this is the one that needs no label.
        members["training"] = .object(["loss": .string("reconstruction")])
        members["rounds"] = .integer(1)
        members["evaluation"] = .object(["holdout": .string("none")])
        members[TaskConfiguration.schemaKey] = plan.schema
        return (try Section(.object(members), path: section.path), plan)
    }

    /// What a task of statistics does not go with. Throws ``ConfigurationError``.
    func check(_ privacy: PrivacyConfiguration) throws {
        func refuse(_ key: String, _ problem: String) -> ConfigurationError {
            ConfigurationError(path: "task.privacy.\(key)", problem: problem + "; remove it")
        }
        if privacy.adaptiveClipping != nil {
            throw refuse("adaptive_clipping", "has no rounds to adapt in: statistics are one round")
        }
        if privacy.clipsPerLayer {
            throw refuse("per_layer_clipping", "is of a trained model: questions have shares of the norm")
        }
        if privacy.noisesOverRounds {
            throw refuse(
                "mechanism", "is \"\(privacy.mechanism)\", noise over rounds: statistics are one round")
        }
        guard let example = privacy.example else { return }
        guard privacy.mode == .none else {
            throw refuse(
                "example", "protects records by noise of each client's own: it goes with mode \"none\" here")
        }
        guard example.records == nil else {
            throw refuse("example.records", "has no meaning where nothing is sampled")
        }
    }
}

/// The features that examples of a table have for a task of statistics: each column of the file once, in the order in which the
/// declared columns first name it.
struct StatisticsFeatures: Equatable, Sendable {
    /// For each declared column where each of its sources begins.
    let places: [[Int]]
    /// The file's columns in the schema that they are read by.
    let schema: [JSONValue]
    /// Values of an example.
    let count: Int
    /// A column of the file that is read in two ways; nil: none.
    let conflict: String?

    init(_ columns: [StatisticsColumn]) {
        var known: [String: (place: Int, schema: JSONValue)] = [:]
        var (schema, count) = ([JSONValue](), 0)
        var conflict: String?
        places = columns.map { column in
            column.sources.map { source in
                let wanted = column.schema(of: source)
                if let (place, schema) = known[source] {
                    if schema != wanted { conflict = source }
                    return place
                }
                known[source] = (count, wanted)
                schema.append(wanted)
                count += column.featuresPerSource
                return count - column.featuresPerSource
            }
        }
        (self.schema, self.count, self.conflict) = (schema, count, conflict)
    }
}

/// The clients of a task of statistics: each sends its bounded vector. There is no training.
struct TableStatistics: ClientRule {
    let localWork = LocalWork.statistics

    init(_ section: Section) {}

    func localTraining(_ options: TrainingOptions) -> TrainingOptions { options }
}
