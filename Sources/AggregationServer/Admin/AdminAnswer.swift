internal import Configuration

/// An object of the admin API's, read leniently.
struct AdminAnswer {
    private let members: [String: JSONValue]

    /// The members of an object; none of anything else.
    init(_ value: JSONValue) {
        if case .object(let members) = value { self.members = members } else { members = [:] }
    }

    /// The objects of a list; none of anything else.
    static func list(_ value: JSONValue?) -> [AdminAnswer] {
        guard case .array(let items) = value else { return [] }
        return items.map(AdminAnswer.init)
    }

    /// The objects of the list under `key`.
    func list(_ key: String) -> [AdminAnswer] { Self.list(members[key]) }

    /// The object under `key`.
    func object(_ key: String) -> AdminAnswer? {
        guard let value = members[key], case .object = value else { return nil }
        return AdminAnswer(value)
    }

    /// The text under `key`, if it is not empty.
    func text(_ key: String) -> String? {
        guard case .string(let text) = members[key], !text.isEmpty else { return nil }
        return text
    }

    /// The number under `key`.
    func number(_ key: String) -> Double? {
        switch members[key] {
        case .integer(let whole): Double(whole)
        case .number(let double): double
        default: nil
        }
    }

    /// The whole number under `key`.
    func integer(_ key: String) -> Int? {
        guard case .integer(let whole) = members[key] else { return nil }
        return whole
    }

    /// Whether `key` is true.
    func flag(_ key: String) -> Bool? {
        guard case .bool(let flag) = members[key] else { return nil }
        return flag
    }

    /// The numbers in the object under `key`, by name.
    func counts(_ key: String) -> [(name: String, count: Int)] {
        guard case .object(let counts) = members[key] else { return [] }
        return counts.sorted { $0.key < $1.key }.compactMap { name, value in
            guard case .integer(let count) = value else { return nil }
            return (name, count)
        }
    }
}
