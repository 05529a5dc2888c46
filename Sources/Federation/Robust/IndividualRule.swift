package import Configuration

/// How single updates of a round, some of which may be hostile, become one: medians, Krum and their kin.
///
/// A type of its own beside ``ServerRule``, which sees sums only: a rule of this kind cannot stand where updates are masked.
/// What it yields takes the place of the mean; the strategy's server rule moves the model by it.
///
/// A rule sees no coordinate itself. It is told how long the updates are and how far apart, and says which of them count
/// and how: as a weighted sum, or coordinate by coordinate in the order of their values. Ties go to the first, that is to
/// the lower client, and an update that is not finite is infinitely far from every other.
package protocol IndividualRule: Sendable {
    /// Reads the rule's own keys of `task.robust`; the caller refuses what is left over.
    init(_ section: Section) throws
    /// The rule's own keys with their values, as ``init(_:)`` reads them.
    var settings: [String: JSONValue] { get }
    /// What it looks at beside the updates' number: a pass over all of them.
    var measures: UpdateMeasurement { get }
    /// Whether its result depends on how many updates may be hostile, so that a task must say it.
    var heedsHostile: Bool { get }
    /// The norm that every single update is cut to, in model units, where that is all that the rule does: the sum of what is
    /// left has a known sensitivity. Nil elsewhere.
    var normBound: Double? { get }
    /// Fewest updates that it stands up to `hostile` hostile ones of.
    func fewestUpdates(hostile: Int) -> Int
    /// What the updates become, of which `hostile` may be hostile.
    func combine(_ updates: UpdateGeometry, hostile: Int) -> UpdateCombination
}

extension IndividualRule {
    package var settings: [String: JSONValue] { [:] }
    package var measures: UpdateMeasurement { .distances }
    package var heedsHostile: Bool { true }
    package var normBound: Double? { nil }
}

/// What is measured of a round's updates before a rule says what becomes of them.
package enum UpdateMeasurement: Equatable, Sendable { case nothing, norms, distances }

/// What a rule makes of a round's updates.
package enum UpdateCombination: Equatable, Sendable {
    /// Σ weightᵢ xᵢ / divisor, one weight an update; updates that weigh 0 or are not finite are left out.
    case weighted([Double], divisor: Double)
    /// Coordinate by coordinate: the mean of these updates' values without as many of the least and of the greatest.
    case trimmed([Int], cut: Int)
    /// Coordinate by coordinate: the mean of so many of these updates' values, those nearest their median.
    case nearestMedian([Int], count: Int)
}

/// The rules that a task can name.
package enum IndividualRuleCatalog {
    /// One line a rule: its name and its type.
    package static let all: [(name: String, rule: any IndividualRule.Type)] = [
        ("mean", UniformMean.self),
        ("median", CoordinateMedian.self),
        ("trimmed-mean", TrimmedMean.self),
        ("krum", Krum.self),
        ("multi-krum", MultiKrum.self),
        ("bulyan", Bulyan.self),
        ("geometric-median", GeometricMedian.self),
        ("centred-clipping", CentredClipping.self),
        ("norm-bound", NormBound.self),
    ]
}
