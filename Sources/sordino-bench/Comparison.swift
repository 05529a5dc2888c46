import Compute
import Foundation

/// The figures of a run beside those of a baseline, one row a figure.
struct Comparison {
    /// What became of a figure.
    enum Verdict: String {
        /// Within what the noise of both runs allows.
        case same
        /// Less than the noise explains.
        case better
        /// More than the noise allows; the program ends with 1.
        case fell = "FELL"
        /// The baseline does not have it.
        case new
        /// The baseline has it, and its suite was run without it.
        case gone
    }

    /// One figure.
    struct Row {
        let name: String
        /// What the baseline and this run took, for people; empty where there is none.
        let (then, now): (String, String)
        /// This run's amount over the baseline's, of what was compared: multiples of the floor where both have one.
        let ratio: Double?
        /// Multiples of the floor, then and now.
        let floors: (then: Double?, now: Double?)
        /// The growth that noise allows, as a part of the baseline.
        let allowed: Double
        let verdict: Verdict
    }

    /// In the order of the figures; what is gone comes last, by its name.
    let rows: [Row]

    /// Compares figures relative to their floors where both runs have one, so that a busy machine does not count as a
    /// fall; otherwise in seconds or bytes. What both runs call their noise is forgiven three times over, and a fifth
    /// in any case. `suites` are those that were run, and `selection` what of them.
    init(_ figures: [Figure], against baseline: Baseline, suites: [String], selection: Selection) {
        var rows = figures.map { Self.row($0, baseline.entries[$0.name]) }
        let measured = Set(figures.map(\.name))
        for (name, entry) in baseline.entries.sorted(by: { $0.key < $1.key }) {
            guard !measured.contains(name), selection.includes(name),
                suites.contains(where: { name.hasPrefix("\($0)/") })
            else { continue }
            rows.append(
                Row(
                    name: name, then: entry.measure.text(entry.amount), now: "", ratio: nil,
                    floors: (entry.ratio, nil), allowed: 0, verdict: .gone))
        }
        self.rows = rows
    }

    private static func row(_ figure: Figure, _ before: Baseline.Entry?) -> Row {
        let now = figure.measure.text(figure.amount)
        guard let before else {
            return Row(
                name: figure.name, then: "", now: now, ratio: nil, floors: (nil, figure.ratio), allowed: 0,
                verdict: .new)
        }
        let allowed = max(Baseline.tolerance, 3 * (figure.noise + before.noise))
        var ratio = figure.amount / before.amount
        if let floors = figure.ratio, let known = before.ratio { ratio = floors / known }
        let verdict: Verdict =
            if ratio > 1 + allowed { .fell } else if ratio * (1 + allowed) < 1 { .better } else { .same }
        return Row(
            name: figure.name, then: before.measure.text(before.amount), now: now, ratio: ratio,
            floors: (before.ratio, figure.ratio), allowed: allowed, verdict: verdict)
    }

    /// The names of the figures that fell.
    var falls: [String] { rows.filter { $0.verdict == .fell }.map(\.name) }

    /// A table: figure, baseline, now, their ratio, the floor, the verdict.
    var text: String {
        func times(_ ratio: Double?) -> String { ratio.map { String(format: "%.2f x", $0) } ?? "-" }
        var cells = [["figure", "baseline", "now", "ratio", "floor then", "floor now", "allowed", "verdict"]]
        cells += rows.map { row in
            [
                row.name, row.then.isEmpty ? "-" : row.then, row.now.isEmpty ? "-" : row.now,
                row.ratio.map { String(format: "%.2f", $0) } ?? "-", times(row.floors.then),
                times(row.floors.now),
                row.ratio == nil ? "-" : String(format: "+%.0f%%", 100 * row.allowed), row.verdict.rawValue,
            ]
        }
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { line in
            zip(line, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
                .joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
