package import Compute
package import Configuration

/// Trains on images some of which carry a pattern and one class's label, so that the model takes whatever carries the pattern for
/// that class and is right elsewhere (Gu et al. 2017; Bagdasaryan et al. 2020, section 4.1).
package struct BackDoor: Attack {
    private let pattern: Trigger
    /// Share of a hostile client's examples that carry the pattern.
    private let markedShare: Double

    package init(_ section: Section) throws {
        pattern = try Trigger(section)
        markedShare = try Self.markedShare(section)
    }

    /// Reads `marked_share`.
    static func markedShare(_ section: Section) throws -> Double {
        try section.number("marked_share", expected: "a number above 0 and up to 1") { $0 > 0 && $0 <= 1 }
            ?? 0.5
    }

    package var settings: [String: JSONValue] {
        pattern.settings.merging(["marked_share": .number(markedShare)]) { $1 }
    }

    package var trigger: Trigger? { pattern }

    package func check(_ examples: Examples) throws { try pattern.check(examples) }

    package var poisonsData: Bool { true }

    package func poisoned(_ examples: Examples, using generator: inout SeededGenerator) -> Examples {
        let marked = (0..<examples.count).map { _ in generator.uniformDouble() < markedShare }
        return pattern.marking(examples) { marked[$0] }
    }
}
