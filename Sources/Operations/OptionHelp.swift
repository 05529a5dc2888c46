extension OptionGrammar {
    /// The help text: usage, summary, operands, options and notes, at most 100 columns wide.
    package var help: String {
        let operands = positionals.map { operand in
            switch operand.count {
            case .one: operand.name
            case .optional: "[\(operand.name)]"
            case .any: "[\(operand.name) ...]"
            }
        }
        var lines = ["Usage: " + ([command] + operands + ["[options]"]).joined(separator: " "), ""]
        lines += Self.wrap(summary, width: Self.width, indent: 0)
        let optionRows = options.map { (Self.spelling(of: $0), $0.help) }
        let operandRows = positionals.map { ($0.name, $0.help) }
        let column = Self.helpColumn(for: (optionRows + operandRows).map(\.0))
        if !operandRows.isEmpty {
            lines += ["", "Arguments:"] + operandRows.flatMap { Self.row($0, column: column) }
        }
        lines += ["", "Options:"] + optionRows.flatMap { Self.row($0, column: column) }
        if !notes.isEmpty { lines += ["", notes] }
        return lines.joined(separator: "\n")
    }

    private static let width = 100
    private static let widestTerm = 34

    private static func spelling(of option: Option) -> String {
        switch option.kind {
        case .flag: option.name == "help" ? "-h, --help" : "--\(option.name)"
        case .optionalValue(let name, _): "--\(option.name) [\(name)]"
        case .value(let name, let repeatable): "--\(option.name) \(name)" + (repeatable ? " ..." : "")
        }
    }

    /// Where the explanations begin: past the longest term that is not overlong.
    private static func helpColumn(for terms: [String]) -> Int {
        4 + (terms.map(\.count).filter { $0 <= widestTerm }.max() ?? widestTerm)
    }

    private static func row(_ row: (term: String, help: String), column: Int) -> [String] {
        var lines = wrap(row.help, width: width, indent: column)
        let term = "  " + row.term
        if term.count + 2 <= column, let first = lines.first {
            lines[0] = term + first.dropFirst(term.count)
        } else {
            lines.insert(term, at: 0)
        }
        return lines
    }

    /// Breaks `text` between words into lines of at most `width` columns, each indented.
    private static func wrap(_ text: String, width: Int, indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: \.isWhitespace) {
            if !line.isEmpty, indent + line.count + 1 + word.count > width {
                lines.append(margin + line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        if !line.isEmpty { lines.append(margin + line) }
        return lines
    }
}
