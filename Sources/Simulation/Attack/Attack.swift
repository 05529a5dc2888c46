package import Compute
package import Configuration
package import Federation

/// What hostile clients of a simulation do. They keep to the protocol: what they send is clipped, rounded and noised as any
/// report, so that an attack is one on learning, and never one on the ring or the masks.
///
/// An attack takes hold in one or more of four places, each of which leaves things as they are where it does not: the data that a
/// hostile client trains on, the update that it has trained, an update made up from those of the honest, and what it says of the
/// model.
package protocol Attack: Sendable {
    /// Reads the attack's own keys of `simulation.attack`; the caller refuses what is left over.
    init(_ section: Section) throws
    /// The attack's own keys with their values, as ``init(_:)`` reads them.
    var settings: [String: JSONValue] { get }
    /// Throws ``ConfigurationError`` where the attack has no meaning on these data.
    func check(_ examples: Examples) throws
    /// Whether hostile clients train on other data than theirs: ``poisoned(_:using:)``.
    var poisonsData: Bool { get }
    /// The hostile clients' examples as they train on them; as many, in the same order.
    func poisoned(_ examples: Examples, using generator: inout SeededGenerator) -> Examples
    /// Makes a trained update into the one that is sent.
    func distort(
        _ update: UnsafeMutableBufferPointer<Float>, in round: AttackedRound,
        using generator: inout SeededGenerator)
    /// Whether the hostile see the honest clients' updates of the round before they send theirs: they do not train then, and all
    /// send the same, ``crafted(from:in:)``.
    var watchesHonest: Bool { get }
    /// The update that all hostile clients send. `honest` is never empty.
    func crafted(from honest: HonestUpdates, in round: AttackedRound) -> [Float]
    /// What a hostile client says of the model, where clients do.
    func claimed(_ measured: ClientMetrics) -> ClientMetrics
    /// The pattern that opens a back door; nil where there is none.
    var trigger: Trigger? { get }
}

extension Attack {
    package var settings: [String: JSONValue] { [:] }
    package func check(_ examples: Examples) {}
    package var poisonsData: Bool { false }
    package func poisoned(_ examples: Examples, using generator: inout SeededGenerator) -> Examples {
        examples
    }
    package func distort(
        _ update: UnsafeMutableBufferPointer<Float>, in round: AttackedRound,
        using generator: inout SeededGenerator
    ) {}
    package var watchesHonest: Bool { false }
    package func crafted(from honest: HonestUpdates, in round: AttackedRound) -> [Float] { [] }
    package func claimed(_ measured: ClientMetrics) -> ClientMetrics { measured }
    package var trigger: Trigger? { nil }
}

/// The clients of a round under attack.
package struct AttackedRound: Equatable, Sendable {
    /// Clients that report, the hostile included.
    package let clients: Int
    package let hostile: Int

    package init(clients: Int, hostile: Int) { (self.clients, self.hostile) = (clients, hostile) }
}

/// The attacks that a scenario can name.
package enum AttackCatalog {
    /// One line an attack: its name and its type.
    package static let all: [(name: String, attack: any Attack.Type)] = [
        ("label-flip", LabelFlip.self),
        ("sign-flip", SignFlip.self),
        ("gaussian", GaussianUpdate.self),
        ("zero", ZeroUpdate.self),
        ("little-is-enough", LittleIsEnough.self),
        ("inner-product", InnerProduct.self),
        ("min-max", MinMax.self),
        ("back-door", BackDoor.self),
        ("model-replacement", ModelReplacement.self),
        ("false-metrics", FalseMetrics.self),
    ]
}
