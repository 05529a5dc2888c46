package import Configuration

/// The one update that is nearest to its neighbours (Blanchard et al. 2017, section 4).
package struct Krum: IndividualRule {
    package init(_ section: Section) {}

    package func fewestUpdates(hostile: Int) -> Int { 2 * hostile + 3 }

    package func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
        let scores = Self.scores(of: updates, among: Array(0..<updates.count), hostile: hostile)
        return .mean(of: UpdateGeometry.least(1, of: scores), in: updates)
    }

    /// The score of each of these updates: the sum of its squared distances to the `among.count` − `hostile` − 2 nearest
    /// others among them.
    static func scores(of updates: UpdateGeometry, among: [Int], hostile: Int) -> [Double] {
        let neighbours = max(0, among.count - hostile - 2)
        return among.map { one in
            guard updates.isUsable[one] else { return .infinity }
            let distances = among.filter { $0 != one }.map { updates.squaredDistance(one, $0) }.sorted()
            return distances.prefix(neighbours).reduce(0, +)
        }
    }
}

/// The mean of the updates that are nearest to their neighbours (Blanchard et al. 2017, section 5).
package struct MultiKrum: IndividualRule {
    /// How many; nil: all that need not be hostile.
    private let keep: Int?

    package init(_ section: Section) throws {
        keep = try section.integer("keep", in: 1...100_000_000)
    }

    package var settings: [String: JSONValue] { keep.map { ["keep": .integer($0)] } ?? [:] }

    package func fewestUpdates(hostile: Int) -> Int {
        // Without any hostile update there is nothing to tell apart.
        max(hostile == 0 ? 1 : 2 * hostile + 3, (keep ?? 0) + hostile)
    }

    package func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination {
        let scores = Krum.scores(of: updates, among: Array(0..<updates.count), hostile: hostile)
        return .mean(of: UpdateGeometry.least(keep ?? updates.count - hostile, of: scores), in: updates)
    }
}

extension UpdateCombination {
    /// The mean of these updates.
    static func mean(of chosen: [Int], in updates: UpdateGeometry) -> UpdateCombination {
        var weights = [Double](repeating: 0, count: updates.count)
        let usable = chosen.filter { updates.isUsable[$0] }
        for place in usable { weights[place] = 1 }
        return .weighted(weights, divisor: Double(max(1, usable.count)))
    }
}
