/// The row that is being read; it joins the table only when all of it is good.
struct TableRow {
    /// What became of a row.
    enum Outcome {
        case complete
        /// A feature is missing, and incomplete rows are to be dropped.
        case incomplete
        case bad(place: Int, problem: String)
    }

    private(set) var numbers: [Float] = []
    private(set) var codes: [Int32] = []
    private(set) var group: Int32?
    /// Whether the row has a label that can be used.
    private(set) var hasLabel = false
    private var toleratesLabels = false

    /// Makes room for the columns of `layout`. With `toleratesLabels` a label that cannot be used is none, not a fault.
    mutating func prepare(_ layout: ColumnLayout, toleratesLabels: Bool) {
        self.toleratesLabels = toleratesLabels
        numbers = Array(repeating: 0, count: layout.numericCount)
        codes = Array(repeating: -1, count: layout.categoricalCount)
        group = nil
    }

    /// Reads the scanner's record. `sources` are the fields of the layout's columns; -1 for one that the file leaves
    /// out. Throws only what hashing an identifier throws.
    mutating func parse(
        _ scanner: RecordScanner, layout: ColumnLayout, sources: [Int], options: TableOptions,
        labels: inout LabelCollector, table: inout RawTable
    ) throws -> Outcome {
        var incomplete = false
        hasLabel = false
        for place in layout.roles.indices where sources[place] >= 0 {
            let field = scanner.fields[sources[place]]
            var isMissing = false
            switch layout.roles[place] {
            case .ignored: continue
            case .numeric(let slot):
                if let value = options.numbers.parse(scanner.raw(field)) {
                    isMissing = layout.hasMissingNumbers[place] && layout.missing[place].contains(value)
                    numbers[slot] = isMissing ? .nan : Float(value)
                    guard isMissing || numbers[slot].isFinite else {
                        return .bad(
                            place: place, problem: "\(BadRows.show(scanner.text(field))) is too large")
                    }
                } else {
                    let text = scanner.text(field)
                    isMissing = layout.missing[place].contains(text)
                    guard isMissing else {
                        return .bad(place: place, problem: Self.notANumber(text, options.numbers))
                    }
                    numbers[slot] = .nan
                }
            case .categorical(let slot):
                guard let text = scanner.validText(field).map(options.numbers.plain).map(LabelRule.canonical)
                else { return .bad(place: place, problem: Self.notText(scanner.text(field))) }
                isMissing = layout.missing[place].contains(text)
                codes[slot] = isMissing ? -1 : table.vocabularies[slot].number(of: text)
            case .label:
                let problem = takeLabel(scanner, field, missing: layout.missing[place], options, &labels)
                hasLabel = problem == nil
                if let problem, !toleratesLabels { return .bad(place: place, problem: problem) }
            case .group where layout.identifiers.isHashed(place):
                let text = scanner.text(field)
                guard !layout.missing[place].contains(text) else {
                    return .bad(place: place, problem: "the group is missing")
                }
                group = table.groupNames.number(of: try layout.identifiers.code(of: text))
            case .group:
                guard let text = scanner.validText(field).map(options.numbers.plain).map(LabelRule.canonical)
                else { return .bad(place: place, problem: Self.notText(scanner.text(field))) }
                guard !layout.missing[place].contains(text) else {
                    return .bad(place: place, problem: "the group is missing")
                }
                group = table.groupNames.number(of: text)
            }
            if isMissing {
                guard options.onMissing != .error else {
                    return .bad(place: place, problem: "the value is missing (on_missing says what to do)")
                }
                incomplete = incomplete || options.onMissing == .drop
            }
        }
        return incomplete ? .incomplete : .complete
    }

    /// Reads the label; returns what is wrong with it, or nil.
    private func takeLabel(
        _ scanner: RecordScanner, _ field: RecordScanner.Field, missing: MissingValues,
        _ options: TableOptions, _ labels: inout LabelCollector
    ) -> String? {
        guard let text = scanner.validText(field).map(options.numbers.plain) else {
            return Self.notText(scanner.text(field))
        }
        return missing.contains(text) ? "the label is missing" : labels.take(text)
    }

    private static func notText(_ text: String) -> String {
        "\(BadRows.show(text)) is not UTF-8 text (\(TextEncoding.remedy))"
    }

    private static func notANumber(_ text: String, _ syntax: NumberSyntax) -> String {
        let name = text.lowercased()
        let isWord = !text.isEmpty && !["nan", "inf", "-inf", "infinity", "+inf"].contains(name)
        var hint = isWord ? " (text goes under categorical or ignore)" : ""
        if let keys = syntax.hint(for: text) { hint = " (\(keys) reads it)" }
        return (text.isEmpty ? "an empty field" : BadRows.show(text)) + " is not a finite number" + hint
    }
}
