internal import HTTPWire

/// Which rounds somebody asks for: by number, and at most so many. With a first number those that follow it, else the last.
package struct RoundQuestion: Sendable, Equatable {
    /// Most rounds that one answer has.
    package static let mostRounds = 1000
    /// Rounds of an answer where nothing else is said.
    package static let standardLimit = 500
    /// Numbers that a round may have.
    package static let numbers = 1...RoundFile.numbers.upperBound

    /// The first number; nil: from the beginning, of which the last are told.
    package let from: Int?
    /// The last number; nil: to the newest.
    package let through: Int?
    /// Most rounds that are told.
    package let limit: Int

    /// Nil for numbers that no round has, and a first one above the last.
    package init?(from: Int? = nil, through: Int? = nil, limit: Int = Self.standardLimit) {
        guard [from, through].compactMap(\.self).allSatisfy(Self.numbers.contains),
            from ?? 0 <= through ?? .max
        else { return nil }
        self.from = from
        self.through = through
        self.limit = min(max(limit, 1), Self.mostRounds)
    }

    /// The question that a request's `from`, `to` and `limit` ask; nil where `from` and `to` are no numbers of rounds.
    init?(_ target: RequestTarget) {
        func number(_ name: String) -> Int?? { target.parameter(name).map { Int($0) } }
        let (from, through) = (number("from"), number("to"))
        if case .some(nil) = from { return nil }
        if case .some(nil) = through { return nil }
        let limit = (number("limit") ?? nil) ?? (from == nil ? Self.standardLimit : Self.mostRounds)
        self.init(from: from ?? nil, through: through ?? nil, limit: limit)
    }

    /// The numbers of the rounds that are asked for.
    var range: ClosedRange<Int> {
        (from ?? Self.numbers.lowerBound)...(through ?? Self.numbers.upperBound)
    }

    /// Whether numbers are named, so that rounds of long ago may be meant.
    var namesNumbers: Bool { from != nil || through != nil }

    /// Those of `rounds`, which ascend, that are asked for.
    func answer(_ rounds: [RoundFile]) -> [RoundFile] {
        let wanted = rounds.filter { range.contains($0.round) }
        return Array(from == nil ? wanted.suffix(limit) : wanted.prefix(limit))
    }

    /// The rounds as a state directory has them. Throws where a file is damaged.
    func answer(_ archive: RoundArchive) throws -> [RoundFile] {
        try archive.rounds(range, limit: limit, firstOnes: from != nil)
    }
}
