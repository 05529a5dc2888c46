internal import Configuration

/// One column of the clients' tables as a task of statistics declares it. What is declared is public: nothing of it is read
/// from data.
package struct StatisticsColumn: Equatable, Sendable {
    /// What the column's values are.
    package enum Kind: Equatable, Sendable {
        /// Numbers; what lies outside the bounds counts as the nearer bound. `low` is below `high`.
        case number(low: Double, high: Double)
        /// Texts; what is not in the domain counts as `other`.
        case category(domain: [String])
    }

    /// Name of the column in the file, or of what is made of several.
    package let name: String
    package let kind: Kind
    /// The file's columns that it is read from: itself, or those whose mean it is.
    package let sources: [String]

    /// Most texts of a domain.
    static let domainLimit = 1 << 16
    /// What stands for a missing category in the schema that clients' data are read by.
    static let missing = "(missing)"

    /// Reads `{ bounds: [low, high] }`, with `mean_of: [columns]` where it is no column of the file itself, or
    /// `{ domain: [texts] }`. Throws ``ConfigurationError``.
    init(name: String, _ section: Section) throws {
        self.name = name
        let bounds = try section.list("bounds")
        let domain = try section.list("domain")
        sources = section.value("mean_of") == nil ? [name] : try Self.texts(section, "mean_of")
        if domain != nil, section.value("mean_of") != nil {
            throw section.error("mean_of", "is a number, so it has bounds and no domain")
        }
        try section.finish()
        switch (bounds, domain) {
        case (let bounds?, nil):
            let numbers = bounds.compactMap(Self.number)
            guard bounds.count == 2, numbers.count == 2, numbers[0] < numbers[1],
                (numbers[1] - numbers[0]).isFinite
            else {
                throw section.error("bounds", "must be two numbers, the lower first, such as [0, 100]")
            }
            kind = .number(low: numbers[0], high: numbers[1])
        case (nil, .some): kind = .category(domain: try Self.texts(section, "domain"))
        default:
            throw ConfigurationError(
                path: section.path,
                problem: "must say either bounds: [low, high] of numbers or domain: [\"…\"] of categories")
        }
    }

    /// A list of texts or numbers as texts, none empty, none twice. Throws ``ConfigurationError``.
    static func texts(_ section: Section, _ key: String) throws -> [String] {
        let items = try section.list(key) ?? []
        let texts = items.compactMap { item -> String? in
            switch item {
            case .string(let text): text
            case .integer(let number): "\(number)"
            case .number(let number): "\(number)"
            default: nil
            }
        }
        guard !items.isEmpty, texts.count == items.count, !texts.contains(""), !texts.contains(missing) else {
            throw section.error(key, "must be a list of words or numbers, such as [\"yes\", \"no\"]")
        }
        guard texts.count <= domainLimit else {
            throw section.error(key, "names \(texts.count) values, above the \(domainLimit) possible")
        }
        if let text = texts.first(where: { Self.spelling(of: $0) != $0 }) {
            throw section.error(
                key, "names \"\(text)\", which data are read as \"\(Self.spelling(of: text))\": write that")
        }
        var seen: Set<String> = []
        if let twice = texts.first(where: { !seen.insert($0).inserted }) {
            throw section.error(key, "names \"\(twice)\" twice")
        }
        return texts
    }

    /// A text as readers of tables spell it: whole numbers without decimals, signs or zeros in front.
    private static func spelling(of text: String) -> String {
        let isPlain = text.utf8.allSatisfy { (48...57).contains($0) || [43, 45, 46, 69, 101].contains($0) }
        guard isPlain, let number = Double(text), number == number.rounded(), abs(number) < 1e15 else {
            return text
        }
        return "\(Int(number))"
    }

    private static func number(_ value: JSONValue) -> Double? {
        switch value {
        case .integer(let whole): Double(whole)
        case .number(let number) where number.isFinite: number
        default: nil
        }
    }

    /// Features of an example that each source becomes: a number and whether it is missing, or a category's place.
    var featuresPerSource: Int {
        switch kind {
        case .number: 2
        case .category: 1
        }
    }

    /// A source in the schema that clients' data are read by: values as they are, and what is missing marked.
    func schema(of source: String) -> JSONValue {
        switch kind {
        case .number:
            .object([
                "name": .string(source), "encoding": .string("numeric"), "center": .integer(0),
                "scale": .integer(1), "imputed": .integer(0), "indicator": .bool(true),
            ])
        case .category(let domain):
            .object([
                "name": .string(source), "encoding": .string("ordinal"),
                "categories": .array((domain + [Self.missing]).map { .string($0) }),
                "imputed": .string(Self.missing),
            ])
        }
    }
}
