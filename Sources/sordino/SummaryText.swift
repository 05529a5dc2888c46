internal import Foundation
internal import Operations
internal import Simulation

/// A simulation's summary for reading.
enum SummaryText {
    static func text(_ summary: SimulationSummary, folder: String) -> String {
        var lines: [(String, String)] = []
        let finished = summary.finished
        lines.append(
            ("task", "\(summary.task): \(summary.roundsCompleted) rounds (\(finished)), seed \(summary.seed)")
        )
        if let accuracy = summary.finalAccuracy {
            let best = summary.bestAccuracy.map { ", best \(percent($0))" } ?? ""
            lines.append(("test accuracy", "\(percent(accuracy))\(best)"))
        }
        if let loss = summary.finalLoss { lines.append(("test loss", Quantity.decimal(loss, places: 4))) }
        if let error = summary.finalRMSE {
            let others = [
                summary.finalMAE.map { "MAE \(Quantity.decimal($0, places: 4))" },
                summary.finalR2.map { "R2 \(Quantity.decimal($0, places: 4))" },
            ].compactMap(\.self)
            lines.append(
                ("test RMSE", ([Quantity.decimal(error, places: 4)] + others).joined(separator: ", ")))
        }
        for (name, model) in summary.personal?.models ?? [] {
            if let accuracy = model.accuracy {
                lines.append(
                    (
                        name,
                        "\(percent(accuracy.mean)) in the mean of \(accuracy.clients) clients, "
                            + "\(percent(accuracy.worstDecile)) of the worst tenth"
                    ))
            }
            if let error = model.error {
                lines.append(
                    (
                        name,
                        "RMSE \(Quantity.decimal(error.rmse, places: 4)) at \(error.clients) clients, "
                            + "\(Quantity.decimal(error.worstDecile, places: 4)) of the worst tenth"
                    ))
            }
        }
        for baseline in summary.baselines {
            let figure =
                baseline.accuracy.map(percent) ?? baseline.rmse.map {
                    "RMSE \(Quantity.decimal($0, places: 4))"
                }
                ?? baseline.loss.map { Quantity.decimal($0, places: 4) } ?? "-"
            lines.append((baseline.name == "central" ? "central training" : "without privacy", figure))
        }
        lines.append(contentsOf: privacy(summary))
        if let median = summary.secondsPerRoundMedian {
            lines.append(
                (
                    "time",
                    "\(Quantity.duration(seconds: summary.secondsTotal)), \(milliseconds(median)) a round"
                ))
        }
        lines.append(("memory", "\(Quantity.bytes(summary.peakRSSBytes)) at most"))
        for warning in summary.warnings { lines.append(("warning", warning)) }
        lines.append(
            (
                "model",
                summary.modelSHA256.map { "\(folder)/model.safetensors, SHA-256 \($0)" }
                    ?? "none: no round was published"
            ))
        lines.append(("report", "\(folder)/report.html"))
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { $0.0 + String(repeating: " ", count: width - $0.0.count + 2) + $0.1 + "\n" }
            .joined()
    }

    private static func privacy(_ summary: SimulationSummary) -> [(String, String)] {
        var lines = clientPrivacy(summary)
        if let epsilon = summary.epsilonExample, let delta = summary.delta {
            lines.append(
                (
                    "one record",
                    "epsilon \(Quantity.decimal(epsilon, places: 3)) at delta \(delta), add-or-remove-one record"
                ))
        }
        return lines
    }

    private static func clientPrivacy(_ summary: SimulationSummary) -> [(String, String)] {
        guard summary.privacyMode != "none", let delta = summary.delta else {
            return [("privacy", "none: mode \"none\" was asked for")]
        }
        func bound(_ epsilon: Double?) -> String {
            epsilon.map { Quantity.decimal($0, places: 3) } ?? "unbounded"
        }
        var lines = [
            (
                "privacy",
                "epsilon \(bound(summary.epsilon)) at delta \(delta), \(summary.adjacency ?? ""), client level"
                    + " (\(summary.accountant ?? ""))"
            ),
            (
                "against server",
                summary.epsilonServer == nil
                    ? "unbounded: with mode \"\(summary.privacyMode)\" the server sees the exact sum"
                    : "epsilon \(bound(summary.epsilonServer))"
            ),
        ]
        lines.append(("other members", "epsilon \(bound(summary.epsilonMembers))"))
        let note =
            summary.noiseSource == "seeded" ? " (a rehearsal: private only while the seed is secret)" : ""
        lines.append(("noise source", summary.noiseSource + note))
        return lines
    }

    private static func percent(_ share: Double) -> String { Quantity.decimal(share * 100, places: 2) + " %" }

    private static func milliseconds(_ seconds: Double) -> String {
        seconds < 1
            ? Quantity.decimal(seconds * 1000, places: 1) + " ms" : Quantity.duration(seconds: seconds)
    }
}
