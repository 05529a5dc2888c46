internal import Compute
internal import Configuration

/// Which rows train, validate and test.
struct Split: Equatable, Sendable {
    /// Shares of all rows.
    var test = 0.0
    var validation = 0.0
    /// Whether every class keeps its share in every part; nil: where there are classes.
    var stratified: Bool?
    var seed: UInt64?
    /// With k folds, the fold that is held out; the other k - 1 train.
    var folds: (count: Int, held: Int)?
    /// What is never divided between two parts.
    var unit = Unit.row

    /// What goes to a part as a whole.
    enum Unit: String, CaseIterable, Sendable {
        case row
        /// All rows of a natural client: parts hold subjects that training never saw.
        case group
    }

    static func == (left: Split, right: Split) -> Bool {
        left.test == right.test && left.validation == right.validation && left.stratified == right.stratified
            && left.seed == right.seed && left.folds?.count == right.folds?.count
            && left.folds?.held == right.folds?.held && left.unit == right.unit
    }

    /// The rows of each part, ascending. No row is in two parts and every row is in one.
    struct Parts: Equatable, Sendable {
        var train: [Int32]
        var validation: [Int32]
        var test: [Int32]
    }

    init() {}

    /// Reads a `split` section.
    init(_ section: Section) throws {
        let share: (Double) -> Bool = { $0 >= 0 && $0 < 1 }
        test = try section.number("test", expected: "a share from 0 to below 1", accepts: share) ?? 0
        validation =
            try section.number("validation", expected: "a share from 0 to below 1", accepts: share) ?? 0
        guard test + validation < 1 else {
            throw section.error("test", "and validation leave nothing to train on")
        }
        stratified = try section.bool("stratified")
        unit = try section.choice("by", of: Unit.self) ?? .row
        if unit == .group, stratified == true {
            throw section.error("stratified", "cannot be true with by: \"group\": groups are kept whole")
        }
        seed = try section.integer("seed", in: 0...Int.max).map { UInt64($0) }
        if let count = try section.integer("folds", in: 2...10_000) {
            guard test == 0 else {
                throw section.error("folds", "cannot be given together with test: a fold is the test part")
            }
            folds = (count, try section.integer("fold", in: 0...count - 1) ?? 0)
        } else if section.value("fold") != nil {
            throw section.error("fold", "needs folds, the number of folds")
        }
        try section.finish()
    }

    /// Divides `count` rows, whose classes are `labels` where there are classes and whose natural clients are `groups`
    /// where there are any.
    ///
    /// Rows are shuffled, sorted by class where stratified, and then taken at even steps, so that each part has its
    /// share of each class to within one row. Groups that are kept whole are shuffled and taken so that each part has its
    /// share of the rows to within a group. Throws ``ConfigurationError`` when a part comes out empty.
    func parts(
        count: Int, labels: [Int32]?, groups: [Int32]? = nil, seed defaultSeed: UInt64, path: String
    ) throws -> Parts {
        var generator = SeededGenerator(seed: seed ?? defaultSeed, purpose: .split)
        if unit == .group {
            guard let groups else {
                throw ConfigurationError(
                    path: path,
                    problem: "has no groups to split by: say under group which column or file makes one")
            }
            let parts = groupedParts(groups, using: &generator)
            let number = Set(groups).count
            try check(parts, of: number == 1 ? "1 group is" : "\(number) groups are", path: path)
            return parts
        }
        guard test > 0 || validation > 0 || folds != nil else {
            let parts = Parts(train: Array(0..<Int32(count)), validation: [], test: [])
            try check(parts, of: "\(count) rows are", path: path)
            return parts
        }
        var order = (0..<Int32(count)).shuffled(using: &generator)
        if stratified ?? true, let labels {
            // Swift's sort is stable, so that rows of a class stay shuffled.
            order.sort { labels[Int($0)] < labels[Int($1)] }
        }
        var parts = Parts(train: [], validation: [], test: [])
        var rest: [Int32] = []
        for (position, row) in order.enumerated() {
            let isTest = folds.map { position % $0.count == $0.held } ?? Self.isTaken(position, share: test)
            if isTest { parts.test.append(row) } else { rest.append(row) }
        }
        for (position, row) in rest.enumerated() {
            if Self.isTaken(position, share: validation / (1 - test)) {
                parts.validation.append(row)
            } else {
                parts.train.append(row)
            }
        }
        try check(parts, of: "\(count) rows are", path: path)
        parts.train.sort()
        parts.validation.sort()
        parts.test.sort()
        return parts
    }

    /// Throws where a part that is wanted is empty; `what` says what there was to divide.
    private func check(_ parts: Parts, of what: String, path: String) throws {
        for (name, rows, wanted) in [
            ("train", parts.train, true), ("validation", parts.validation, validation > 0),
            ("test", parts.test, test > 0 || folds != nil),
        ] where wanted && rows.isEmpty {
            throw ConfigurationError(
                path: path, problem: "\(what) too few: the \(name) part would be empty")
        }
    }

    /// Divides whole groups. Which fold a group is in does not depend on the fold that is held out.
    private func groupedParts(_ groups: [Int32], using generator: inout SeededGenerator) -> Parts {
        var sizes: [Int32: Int] = [:]
        for group in groups { sizes[group, default: 0] += 1 }
        let order = sizes.keys.sorted().shuffled(using: &generator)
        var held: Set<Int32> = []
        if let folds {
            // The largest first, each to the fold with the fewest rows: folds differ by a group at most.
            let bySize = order.enumerated().sorted { left, right in
                (sizes[right.element] ?? 0, left.offset) < (sizes[left.element] ?? 0, right.offset)
            }
            var filled = [Int](repeating: 0, count: folds.count)
            for (_, group) in bySize {
                let fold = filled.indices.min { (filled[$0], $0) < (filled[$1], $1) } ?? 0
                filled[fold] += sizes[group] ?? 0
                if fold == folds.held { held.insert(group) }
            }
        } else {
            held = Self.taken(order, sizes: sizes, share: test)
        }
        let rest = order.filter { !held.contains($0) }
        let validating = Self.taken(rest, sizes: sizes, share: validation / (1 - test))
        var parts = Parts(train: [], validation: [], test: [])
        for (row, group) in groups.enumerated() {
            if held.contains(group) {
                parts.test.append(Int32(row))
            } else if validating.contains(group) {
                parts.validation.append(Int32(row))
            } else {
                parts.train.append(Int32(row))
            }
        }
        return parts
    }

    /// Groups that hold about this share of the rows; where any is wanted of two or more groups, at least one and not all.
    private static func taken(_ order: [Int32], sizes: [Int32: Int], share: Double) -> Set<Int32> {
        guard share > 0 else { return [] }
        var taken: Set<Int32> = []
        var due = 0.0
        for group in order {
            let size = Double(sizes[group] ?? 0)
            due += size * share
            // Taken where that leaves the parts nearer to their shares than not.
            if due >= size / 2 {
                taken.insert(group)
                due -= size
            }
        }
        if taken.isEmpty, order.count > 1, let smallest = order.min(by: { sizes[$0] ?? 0 < sizes[$1] ?? 0 }) {
            return [smallest]
        }
        if taken.count == order.count, order.count > 1, let first = order.first { taken.remove(first) }
        return taken
    }

    /// Whether the row at this position is one of the `share` taken at even steps.
    private static func isTaken(_ position: Int, share: Double) -> Bool {
        // The small addend keeps products such as 10 * 0.3 from falling just below a whole number.
        func taken(before position: Int) -> Double { (Double(position) * share + 1e-9).rounded(.down) }
        return taken(before: position + 1) > taken(before: position)
    }
}
