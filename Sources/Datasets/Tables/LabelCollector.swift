internal import Configuration

/// Gathers the labels of a table's rows and decides in the end what is learnt.
struct LabelCollector {
    /// Without a stated task, more distinct whole numbers than this are values to predict, not classes.
    static let automaticClassLimit = 100

    private var rule: LabelRule
    private let task: TableOptions.Task?
    private var fixed: [String: Int32] = [:]
    private var vocabulary = RawTable.Vocabulary()
    private var codes: [Int32] = []
    private var values: [Float] = []
    private var allWhole = true
    private var allNumbers = true
    private var pendingCode: Int32 = 0
    private var pendingValue: Float = 0

    init(rule: LabelRule, task: TableOptions.Task?) {
        self.rule = rule
        self.task = task
        if case .fixed(let names) = rule { fix(names) }
    }

    private mutating func fix(_ names: [String]) {
        rule = .fixed(names)
        fixed = Dictionary(zip(names, names.indices.map { Int32($0) })) { first, _ in first }
    }

    /// Takes classes that the file itself declares, in its order, unless the options say what labels mean, or labels
    /// were read without such a declaration.
    mutating func adopt(declared names: [String]) {
        let names = names.map(LabelRule.canonical)
        guard rule == .automatic, task != .regression, count == 0, Set(names).count == names.count else {
            return
        }
        fix(names)
    }

    /// Number of labels kept.
    private(set) var count = 0

    /// Reads the label of the current row; returns what is wrong with it, or nil.
    mutating func take(_ text: String) -> String? {
        switch rule {
        case .fixed:
            guard let code = fixed[LabelRule.canonical(text)] else {
                return "the label \(BadRows.show(text)) is none of the \(fixed.count) classes"
            }
            pendingCode = code
        case .mapped(let map, _):
            guard let code = map[LabelRule.canonical(text)] else {
                return "label_map has no label \(BadRows.show(text))"
            }
            pendingCode = code
        case .threshold(let threshold, _):
            guard let number = DecimalNumber.parse(text) else {
                return "the label \(BadRows.show(text)) is not a finite number"
            }
            pendingCode = number > threshold ? 1 : 0
        case .automatic:
            let number = DecimalNumber.parse(text)
            let value = number.map { Float($0) } ?? .nan
            if task == .regression {
                guard value.isFinite else { return "the label \(BadRows.show(text)) is not a finite number" }
            } else {
                pendingCode = vocabulary.number(of: LabelRule.canonical(text))
            }
            pendingValue = value
        }
        return nil
    }

    /// The current row joins the table, and so does its label.
    mutating func keep() {
        count += 1
        if case .automatic = rule {
            values.append(pendingValue)
            allNumbers = allNumbers && pendingValue.isFinite
            allWhole = allWhole && pendingValue == pendingValue.rounded()
            if task == .regression { return }
        }
        codes.append(pendingCode)
    }

    /// All labels as classes or as values.
    consuming func finish(file: String) throws -> RawTable.Labels {
        switch rule {
        case .fixed(let names), .mapped(_, let names), .threshold(_, let names):
            return .classes(codes, names: names)
        case .automatic: break
        }
        if task == .regression { return .values(values) }
        let used = Set(codes)
        let looksContinuous = allNumbers && (!allWhole || used.count > Self.automaticClassLimit)
        if task == nil && looksContinuous { return .values(values) }
        guard used.count <= LabelRule.classLimit else {
            throw ConfigurationError(
                path: file, problem: "has \(used.count) different labels; is this a regression?")
        }
        let names = LabelRule.sorted(used.map { vocabulary.texts[Int($0)] })
        let ranks = Dictionary(uniqueKeysWithValues: zip(names, names.indices.map { Int32($0) }))
        let newCodes = vocabulary.texts.map { ranks[$0] ?? 0 }
        return .classes(codes.map { newCodes[Int($0)] }, names: names)
    }
}
