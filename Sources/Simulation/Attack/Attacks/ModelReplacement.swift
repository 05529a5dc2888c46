package import Compute
package import Configuration

/// A back door whose update is enlarged so far that the mean becomes the hostile clients' model (Bagdasaryan et al. 2020, equation
/// 3): γ Δ with γ = n / f where it is not given.
package struct ModelReplacement: Attack {
    private let backDoor: BackDoor
    /// γ; nil: clients of the round over hostile ones.
    private let boost: Double?

    package init(_ section: Section) throws {
        backDoor = try BackDoor(section)
        boost = try section.positive("boost")
    }

    package var settings: [String: JSONValue] {
        backDoor.settings.merging(boost.map { ["boost": .number($0)] } ?? [:]) { $1 }
    }

    package var trigger: Trigger? { backDoor.trigger }

    package func check(_ examples: Examples) throws { try backDoor.check(examples) }

    package var poisonsData: Bool { true }

    package func poisoned(_ examples: Examples, using generator: inout SeededGenerator) -> Examples {
        backDoor.poisoned(examples, using: &generator)
    }

    package func distort(
        _ update: UnsafeMutableBufferPointer<Float>, in round: AttackedRound,
        using generator: inout SeededGenerator
    ) {
        guard let values = update.baseAddress else { return }
        let factor = boost ?? Double(round.clients) / Double(max(1, round.hostile))
        Kernels.scale(values, by: Float(factor), count: update.count)
    }
}
