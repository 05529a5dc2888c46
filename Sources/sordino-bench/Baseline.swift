import Configuration
import Foundation

/// Figures of an earlier run, as `--save` wrote them.
struct Baseline {
    private struct Entry {
        let amount: Double
        let ratio: Double?
        let noise: Double
    }

    /// Differences that count as none, whatever the noise was.
    private static let tolerance = 0.20
    private let entries: [String: Entry]

    /// Reads a saved run; throws ``ConfigurationError`` or a file error.
    init(path: String) throws {
        let document = try JSONValue(json5: Data(contentsOf: URL(fileURLWithPath: path)), source: path)
        let section = try Section(document, path: "")
        var entries: [String: Entry] = [:]
        for (index, item) in (try section.list("figures") ?? []).enumerated() {
            let figure = try Section(item, path: "figures[\(index)]")
            let amount = try figure.positive("seconds") ?? figure.positive("bytes")
            guard let name = try figure.string("name"), let amount else {
                throw figure.error("name", "and seconds or bytes must be there, as --save writes them")
            }
            entries[name] = Entry(
                amount: amount, ratio: try figure.positive("ratio"),
                noise: try figure.nonNegative("noise") ?? 0)
        }
        self.entries = entries
    }

    /// One line for every figure that takes more than it did: relative to its floor where both runs have one,
    /// so that another machine or a busy one does not count as a fall; otherwise in seconds or bytes. What both runs call
    /// their noise is forgiven three times over, and a fifth in any case.
    func falls(_ figures: [Figure]) -> [String] {
        figures.compactMap { figure in
            guard let before = entries[figure.name] else { return nil }
            let allowed = max(Self.tolerance, 3 * (figure.noise + before.noise))
            let (now, then, unit): (Double, Double, String) =
                if let ratio = figure.ratio, let known = before.ratio {
                    (ratio, known, "times its floor")
                } else {
                    (figure.amount, before.amount, figure.measure.rawValue)
                }
            guard now > then * (1 + allowed) else { return nil }
            return String(
                format: "%@ fell: %.4g %@, before %.4g (%.0f%% are allowed for noise)", figure.name, now,
                unit,
                then, 100 * allowed)
        }
    }
}
