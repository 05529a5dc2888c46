package import Configuration

/// The arguments of ``TreesLayer``, before the number of features is known.
package struct TreeOptions: Sendable, Equatable {
    /// Where features may be cut.
    private enum Edges: Equatable {
        /// One list for all features.
        case common([Float])
        /// A list for each.
        case each([[Float]])
    }

    private let trees: Int
    private let depth: Int
    private let classes: Int?
    private let values: Int
    private let given: Edges?
    /// How many bins of about as many rows each feature was cut into, where its edges were taken from data.
    private let quantiles: Int?
    /// How splits are found.
    private enum Splits: String, CaseIterable {
        case best, random
    }
    private let splits: Splits
    private let splitSeed: Int

    /// Reads the keys. Throws ``ConfigurationError``.
    init(_ section: Section) throws {
        trees = try section.integer("trees", in: 1...100_000) ?? 100
        depth = try section.integer("depth", in: 1...12) ?? 4
        classes = try section.integer("classes", in: 2...1024)
        let outputs = try section.integer("outputs", in: 1...1024)
        guard classes == nil || outputs == nil else {
            throw section.error("outputs", "cannot stand beside classes: give one of the two")
        }
        guard classes != nil || outputs != nil else {
            throw section.error("classes", "is missing: how many classes there are, or outputs for values")
        }
        values = outputs ?? 0
        quantiles = try section.integer("quantiles", in: 2...65_536)
        splits = try section.choice("splits", of: Splits.self) ?? .best
        let seed = try section.integer("split_seed", in: 0...Int.max)
        guard seed == nil || splits == .random else {
            throw section.error("split_seed", "is for splits: \"random\"")
        }
        splitSeed = seed ?? 1
        given = try section.list(Self.edgesKey).map { try Self.edges($0, section) }
    }

    /// All keys.
    static let keys = [
        "trees", "depth", "classes", "outputs", "splits", "split_seed", quantilesKey, edgesKey,
    ]
    /// The key of the edges.
    package static let edgesKey = "edges"
    /// The key of how many bins edges are to be taken from data for.
    package static let quantilesKey = "quantiles"

    /// All keys with their values.
    var arguments: [String: JSONValue] {
        var arguments: [String: JSONValue] = ["trees": .integer(trees), "depth": .integer(depth)]
        if let classes {
            arguments["classes"] = .integer(classes)
        } else {
            arguments["outputs"] = .integer(values)
        }
        if let quantiles { arguments[Self.quantilesKey] = .integer(quantiles) }
        arguments["splits"] = .string(splits.rawValue)
        if splits == .random { arguments["split_seed"] = .integer(splitSeed) }
        switch given {
        case .common(let edges): arguments[Self.edgesKey] = Self.json(edges)
        case .each(let features): arguments[Self.edgesKey] = .array(features.map(Self.json))
        case nil: break
        }
        return arguments
    }

    /// Values of one example at the output.
    var outputCount: Int { classes ?? values }

    /// The forest with these edges.
    func shape(edges: [[Float]]) -> ForestShape {
        let objective: TreeObjective = classes == nil ? .squaredError : classes == 2 ? .logistic : .softmax
        return ForestShape(
            trees: trees, depth: depth, outputs: classes == 2 ? 1 : outputCount, objective: objective,
            edges: edges,
            splitSeed: splits == .random ? UInt64(splitSeed) : nil)
    }

    /// The edges of so many features.
    func edges(features: Int) throws(ShapeProblem) -> [[Float]] {
        switch given {
        case .common(let edges): return [[Float]](repeating: edges, count: features)
        case .each(let lists) where lists.count == features: return lists
        case .each(let lists):
            throw ShapeProblem(
                message: "has edges of \(lists.count) features, but the data have \(features)")
        case nil:
            throw ShapeProblem(
                message: "has no edges, where features may be cut: give a list for each feature, such as "
                    + "edges: [[18, 30, 45], [0.5]], or one for all, such as edges: [0.25, 0.5, 0.75]")
        }
    }

    /// Edges as configurations write them.
    package static func json(_ edges: [Float]) -> JSONValue { .array(edges.map { .number(Double($0)) }) }

    private static func edges(_ items: [JSONValue], _ section: Section) throws -> Edges {
        if items.contains(where: { if case .array = $0 { true } else { false } }) {
            return .each(
                try items.enumerated().map { place, item in
                    guard case .array(let numbers) = item else {
                        throw section.error(
                            edgesKey,
                            "must be a list of lists, one a feature; number \(place + 1) is \(item.kind)")
                    }
                    return try ascending(numbers, section, of: "feature \(place + 1)")
                })
        }
        return .common(try ascending(items, section, of: "all features"))
    }

    private static func ascending(_ items: [JSONValue], _ section: Section, of what: String) throws -> [Float]
    {
        var edges: [Float] = []
        for item in items {
            let number: Double =
                switch item {
                case .integer(let whole): Double(whole)
                case .number(let number): number
                default: .nan
                }
            let edge = Float(number)
            guard edge.isFinite, edges.last.map({ $0 < edge }) ?? true else {
                throw section.error(
                    edgesKey,
                    "must be numbers that ascend; those of \(what) are not, at place \(edges.count + 1)")
            }
            edges.append(edge)
        }
        return edges
    }
}
