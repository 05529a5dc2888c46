package import Configuration
internal import Foundation
internal import Operations

/// One key of a scenario that a sweep varies, with what it takes: `--over path=a,b,c`.
package struct SweepAxis: Equatable, Sendable {
    /// One value, and what tables and charts call it.
    package struct Value: Equatable, Sendable {
        package var label: String
        package var value: JSONValue
    }

    /// Numbers from one to another, to draw from.
    package struct Range: Equatable, Sendable {
        var bounds: ClosedRange<Double>
        /// Whether the logarithm is uniform.
        var isLogarithmic: Bool
    }

    /// What the key takes.
    package enum Choice: Equatable, Sendable {
        /// Each of these, in order.
        case values([Value])
        /// Any number of a range; only for sweeps that draw.
        case range(Range)
    }

    /// The key's path, such as `task.training.learning_rate`.
    package let path: String
    package let choice: Choice

    /// Most values of one key.
    private static let limit = 10_000

    /// Reads `path=a,b,c`. Values are JSON5 or bare words; commas in braces, brackets and quotes divide nothing. A value in
    /// braces or brackets may have a name before it, `adam:{name:"fedadam"}`; else an object is called by its `name`,
    /// `preset` or `scheme` where that tells the values apart. `1..5` stands for the whole numbers between, `0.01..1` and
    /// `log:0.001..1` for a range to draw from.
    ///
    /// Throws a usage `Failure` where the list is no list, and ``ConfigurationError`` where a value is no JSON5.
    package init(_ text: String) throws {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw Failure(.usage, "--over \(text): must be path=value,value,...")
        }
        path = String(text[..<equals])
        let words = try Self.words(text[text.index(after: equals)...], of: path)
        if words.count == 1, let range = Self.range(words[0]) {
            choice = .range(range)
            return
        }
        var values: [(name: String?, word: String, value: JSONValue)] = []
        for word in words {
            if let numbers = Self.wholeNumbers(word) {
                guard numbers.count <= Self.limit else {
                    throw Failure(.usage, "--over \(path): \(word) are more than \(Self.limit) values")
                }
                values += numbers.map { (nil, String($0), .integer($0)) }
            } else {
                let (name, text) = Self.named(word)
                values.append(
                    (name, word, try ConfigurationDocument.value(text, source: "--over \(path)")))
            }
        }
        let names = values.map { $0.name ?? Self.name(of: $0.value) ?? $0.word }
        let distinct = Set(names).count == names.count
        choice = .values(
            zip(names, values).map { Value(label: distinct ? $0 : $1.name ?? $1.word, value: $1.value) })
        try checkDistinct()
    }

    /// The values of a key as a scenario's `sweep` section lists them: a list, or an object of names and values.
    package init(path: String, _ json: JSONValue) throws {
        self.path = path
        switch json {
        case .array(let items):
            let names = items.map { Self.name(of: $0) ?? Self.text($0) }
            let distinct = Set(names).count == names.count
            choice = .values(
                zip(names, items).map { Value(label: distinct ? $0 : Self.text($1), value: $1) })
        case .object(let members):
            choice = .values(members.sorted { $0.key < $1.key }.map { Value(label: $0.key, value: $0.value) })
        default:
            throw ConfigurationError(
                path: "sweep.over.\(path)", problem: "must be a list of values, not \(json.kind)")
        }
        try checkDistinct()
    }

    private func checkDistinct() throws {
        guard case .values(let values) = choice else { return }
        guard !values.isEmpty else { throw Failure(.usage, "--over \(path): has no values") }
        var seen: Set<String> = []
        for value in values where !seen.insert(value.label).inserted {
            throw Failure(.usage, "--over \(path): \(value.label) is given twice")
        }
    }

    /// The parts of a list between its outer commas. Throws where one is empty, or a bracket or quote is left open.
    private static func words(_ text: Substring, of path: String) throws -> [String] {
        var words: [String] = [""]
        var open: [Character] = []
        var quote: Character?
        var isEscaped = false
        for character in text {
            if let mark = quote {
                if character == mark, !isEscaped { quote = nil }
                isEscaped = character == "\\" && !isEscaped
            } else {
                switch character {
                case "\"", "'": quote = character
                case "{", "[": open.append(character == "{" ? "}" : "]")
                case "}", "]":
                    guard open.popLast() == character else {
                        throw Failure(.usage, "--over \(path): \"\(character)\" closes nothing")
                    }
                case "," where open.isEmpty:
                    words.append("")
                    continue
                default: break
                }
            }
            words[words.count - 1].append(character)
        }
        guard open.isEmpty, quote == nil else {
            throw Failure(.usage, "--over \(path): lacks a closing \"\(quote ?? open.last ?? "}")\"")
        }
        words = words.map { $0.trimmingCharacters(in: .whitespaces) }
        guard words.allSatisfy({ !$0.isEmpty }) else {
            throw Failure(.usage, "--over \(path): a value is empty; write \"\" for an empty text")
        }
        return words
    }

    /// A name before a value in braces or brackets, and the value.
    private static func named(_ word: String) -> (name: String?, text: String) {
        guard let match = word.wholeMatch(of: /([A-Za-z0-9_.\- ]+):\s*([{\[].*)/) else { return (nil, word) }
        return (String(match.1), String(match.2))
    }

    private static func wholeNumbers(_ word: String) -> ClosedRange<Int>? {
        guard let match = word.wholeMatch(of: /(-?\d+)\.\.(-?\d+)/), let first = Int(match.1),
            let last = Int(match.2), first <= last, last.subtractingReportingOverflow(first).overflow == false
        else { return nil }
        return first...last
    }

    private static func range(_ word: String) -> Range? {
        guard wholeNumbers(word) == nil, let match = word.wholeMatch(of: /(log:)?([^:]+?)\.\.([^:]+)/),
            let first = Double(match.2), let last = Double(match.3), first.isFinite, last.isFinite,
            first < last, match.1 == nil || first > 0
        else { return nil }
        return Range(bounds: first...last, isLogarithmic: match.1 != nil)
    }

    /// What an object calls itself.
    private static func name(of value: JSONValue) -> String? {
        guard case .object(let members) = value else { return nil }
        for key in ["name", "preset", "scheme"] {
            if case .string(let name)? = members[key] { return name }
        }
        return nil
    }

    private static func text(_ value: JSONValue) -> String {
        if case .string(let text) = value { text } else { value.text() }
    }
}
