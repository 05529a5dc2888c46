package import Configuration
internal import Federation

/// What a scenario says of its sweep, in `sweep`: the command line may say otherwise.
package struct SweepSection: Sendable {
    package var axes: [SweepAxis] = []
    package var seeds: [Int] = []
    package var target: Double?
    /// The key over which the worst of its values is told.
    package var worstOver: String?
    /// The task's own target, for the table where nothing else is said.
    package var taskTarget: Double?
    /// The task's name.
    package var name = "sweep"

    /// Reads the section of a scenario; without one nothing is swept. Throws ``ConfigurationError``.
    package init(_ document: ConfigurationDocument) throws {
        let scenario = try ScenarioLoader.scenario(document)
        (name, taskTarget) = (scenario.task.name, scenario.task.targetAccuracy)
        guard case .object(let root) = document.root, let value = root["sweep"], value != .null else {
            return
        }
        let sweep = try Section(value, path: "sweep")
        if let over = sweep.value("over") {
            guard case .object(let members) = over else {
                throw sweep.error("over", "must be an object of paths and values, not \(over.kind)")
            }
            axes = try members.sorted { $0.key < $1.key }.map { try SweepAxis(path: $0.key, $0.value) }
        }
        if let text = try sweep.string("seeds") {
            guard let seeds = Self.seeds(text) else {
                throw sweep.error("seeds", "must be a range such as \"1..5\" or a list such as \"1,2,7\"")
            }
            self.seeds = seeds
        }
        target = try sweep.number("target", expected: "an accuracy from 0 to 1") { $0 >= 0 && $0 <= 1 }
        worstOver = try sweep.string("worst_over")
        try sweep.finish()
    }

    /// The seeds of `1..5` or `1,2,7`; nil of anything else, and of more than a sweep may have runs.
    package static func seeds(_ text: String) -> [Int]? {
        if let match = text.wholeMatch(of: /(\d+)\.\.(\d+)/), let first = Int(match.1),
            let last = Int(match.2)
        {
            return first <= last && last - first < SweepPlan.limit ? Array(first...last) : nil
        }
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        let seeds = words.compactMap { Int($0) }.filter { $0 >= 0 }
        return seeds.count == words.count ? seeds : nil
    }
}
