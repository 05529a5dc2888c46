internal import Configuration

/// How the texts of the label column become classes.
enum LabelRule: Equatable, Sendable {
    /// The classes are what the column holds, sorted (numbers by value).
    case automatic
    /// The classes in their order; any other label makes a bad row.
    case fixed([String])
    /// Each text's class; any other label makes a bad row.
    case mapped([String: Int32], names: [String])
    /// Numbers above the threshold are class 1, others class 0.
    case threshold(Double, names: [String])

    /// Most classes that are accepted.
    static let classLimit = 1 << 20

    /// Reads `classes`, `label_map` and `label_threshold`, of which the last two exclude each other.
    init(_ section: Section) throws {
        let names = try Self.classNames(section)
        let map = try section.section("label_map")
        let threshold = try section.number("label_threshold")
        if map != nil && threshold != nil {
            throw section.error("label_threshold", "cannot be given together with label_map")
        }
        if let map {
            self = try Self.mapped(map, names: names)
        } else if let threshold {
            let names = names ?? ["0", "1"]
            guard names.count == 2 else {
                throw section.error("classes", "must name 2 classes for a threshold")
            }
            self = .threshold(threshold, names: names)
        } else if let names {
            self = .fixed(names)
        } else {
            self = .automatic
        }
    }

    /// The class names under `classes`: a list, or a count for the names `"0"`, `"1"` and so on.
    static func classNames(_ section: Section) throws -> [String]? {
        switch section.value("classes") {
        case nil: return nil
        case .integer(let count)? where (1...classLimit).contains(count):
            return (0..<count).map { "\($0)" }
        case .array(let items)?:
            let names = try items.map {
                canonical(try TableOptions.token($0, path: section.path + ".classes"))
            }
            guard !names.isEmpty, Set(names).count == names.count else {
                throw section.error("classes", "must name at least one class and none twice")
            }
            return names
        case .some: throw section.error("classes", "must be a count above 0 or a list of class names")
        }
    }

    private static func mapped(_ map: Section, names: [String]?) throws -> LabelRule {
        var targets: [String: String] = [:]
        for label in map.keys {
            guard let value = map.value(label) else { continue }
            targets[canonical(label)] = canonical(try TableOptions.token(value, path: "\(map.path).\(label)"))
        }
        let names = names ?? sorted(Array(Set(targets.values)))
        var codes: [String: Int32] = [:]
        for (label, target) in targets {
            guard let code = names.firstIndex(of: target) else {
                throw map.error(label, "is mapped to \"\(target)\", which is none of the classes")
            }
            codes[label] = Int32(code)
        }
        guard !names.isEmpty else { throw ConfigurationError(path: map.path, problem: "maps no label") }
        return .mapped(codes, names: names)
    }

    /// The same rule with the classes of a model, in the model's order. Throws ``ConfigurationError`` where the rule knows
    /// a class that the model does not.
    func aligned(with classes: [String], file: String) throws -> LabelRule {
        func place(_ name: String) throws -> Int32 {
            if let place = classes.firstIndex(of: name) { return Int32(place) }
            throw ConfigurationError(
                path: file,
                problem:
                    "names the class \(BadRows.show(name)), which is none of the model's: \(classes.prefix(12).map(BadRows.show).joined(separator: ", "))"
            )
        }
        switch self {
        case .automatic: return .fixed(classes)
        case .fixed(let names):
            for name in names { _ = try place(name) }
            return .fixed(classes)
        case .mapped(let map, let names):
            return .mapped(try map.mapValues { try place(names[Int($0)]) }, names: classes)
        case .threshold(let threshold, let names):
            guard names == classes else {
                throw ConfigurationError(
                    path: file,
                    problem:
                        "has a label_threshold for the classes \(names.map(BadRows.show).joined(separator: ", ")), but the model's are \(classes.prefix(12).map(BadRows.show).joined(separator: ", ")); name them under classes"
                )
            }
            return .threshold(threshold, names: classes)
        }
    }

    /// A label's one spelling: whole numbers without decimals (`"1.0"` is `"1"`), other text as it is.
    static func canonical(_ text: String) -> String {
        guard let number = DecimalNumber.parse(text), number == number.rounded(), abs(number) < 1e15 else {
            return text
        }
        return "\(Int(number))"
    }

    /// Texts in the order of their values where all are numbers, else in the order of their characters.
    static func sorted(_ texts: [String]) -> [String] {
        let numbers = texts.map { DecimalNumber.parse($0) }
        guard numbers.allSatisfy({ $0 != nil }) else { return texts.sorted() }
        return zip(texts, numbers.map { $0 ?? 0 }).sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map(\.0)
    }
}
