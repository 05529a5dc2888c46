internal import Federation
internal import Reporting

/// The top of the report: what was run, how it ended, what must be known before any number is believed.
struct ReportHeadline {
    private let summary: SimulationSummary
    private let rounds: [RoundRecord]
    /// Number of clients of the federation.
    private let population: Int
    private let targetEpsilon: Double?
    private let isClassification: Bool

    /// The headline of `report`.
    init(_ report: SimulationReport) {
        summary = report.summary
        rounds = report.rounds
        population = report.distribution.population
        targetEpsilon = report.targetEpsilon
        isClassification = report.isClassification
    }

    /// Title, sentence, notices and tiles, as a `header` element.
    var html: HTML {
        """
        <header>
        <p class="kicker">Simulated federation</p>
        <h1>\(summary.task)</h1>
        <p class="lead">\(whatWasRun)</p>
        \(notices)
        <dl class="tiles">
        \(tiles.map(\.html))
        </dl>
        </header>
        """
    }

    private var whatWasRun: String {
        let clients = Readable.count(population, "client")
        let published = summary.roundsCompleted == 1 ? "one shared model" : "a shared model"
        let reported = rounds.filter { $0.abandoned == nil }.map(\.clientsReported).sorted()
        let cohort =
            reported.isEmpty
            ? "" : ", with a median of \(Readable.count(reported[reported.count / 2])) reporting each"
        let noise =
            switch PrivacyMode(rawValue: summary.privacyMode) {
            case .distributed: "every client added its share of the noise"
            case .local: "every client added all the noise itself"
            case .central: "the server added noise to each sum"
            case PrivacyMode.none?, nil: "no noise was added"
            }
        return "A federation of \(clients) trained \(published) in "
            + "\(Readable.count(summary.roundsCompleted, "round"))\(cohort); \(noise). "
            + "The run took \(Readable.duration(summary.secondsTotal)) and ended because: "
            + "\(summary.finished)."
    }

    private var notices: HTML {
        var notices = HTML()
        for warning in summary.warnings {
            notices += """
                <aside class="notice warning"><p><b>Do not trust this model:</b> \(warning).</p></aside>

                """
        }
        if summary.isWithoutPrivacy {
            notices += """
                <aside class="notice warning"><p><b>Nothing is private in this run.</b> No noise was added, \
                and the server sees every client’s exact update. Each released model may reveal what single \
                clients hold.</p>\
                </aside>

                """
        }
        if summary.noiseSource == "seeded" {
            notices += """
                <aside class="notice"><p><b>A rehearsal, whose ε holds only while the seed is secret;</b> \
                <code>--noise secure</code> makes a releasable model.</p></aside>

                """
        }
        return notices
    }

    private struct Tile {
        var name: String
        var value: String
        var detail: String
        var kind: HTML = ""

        var html: HTML {
            let below: HTML = detail.isEmpty ? "" : "<dd class=\"detail\">\(detail)</dd>"
            return "<div class=\"tile\(kind)\"><dt>\(name)</dt><dd>\(value)</dd>\(below)</div>\n"
        }
    }

    private var tiles: [Tile] {
        let abandoned =
            summary.roundsAbandoned == 0
            ? "none abandoned"
            : "and \(Readable.count(summary.roundsAbandoned)) abandoned, which released nothing"
        return [
            qualityTile, epsilonTile, serverEpsilonTile,
            Tile(name: "Rounds published", value: Readable.count(summary.roundsCompleted), detail: abandoned),
            Tile(
                name: "Clients trained", value: Readable.count(summary.clientsTrained),
                detail: "over all rounds, on \(Readable.count(summary.examplesTrained, "example"))"),
            Tile(
                name: "Time of a round", value: Readable.duration(summary.secondsPerRoundMedian),
                detail: "median, evaluation apart"),
            Tile(
                name: "Traffic", value: "↑ \(Readable.bytes(summary.bytesUp))",
                detail: "from clients; ↓ \(Readable.bytes(summary.bytesDown)) to them"),
            Tile(
                name: "Peak memory", value: Readable.bytes(summary.peakRSSBytes),
                detail: "with \(Readable.count(summary.workers, "worker"))"),
            Tile(
                name: "SHA-256 of the model", value: summary.modelSHA256 ?? "none",
                detail: summary.modelSHA256 == nil ? "no round was published" : "model.safetensors",
                kind: " wide"),
        ]
    }

    private var qualityTile: Tile {
        guard isClassification else {
            if let error = summary.finalRMSE {
                var detail = "root mean squared error on the hold-out"
                if let mae = summary.finalMAE { detail += "; MAE \(Readable.number(mae))" }
                if let share = summary.finalR2 { detail += "; R² \(Readable.number(share))" }
                return Tile(name: "Final RMSE", value: Readable.number(error), detail: detail, kind: " main")
            }
            let losses = rounds.compactMap(\.loss).filter(\.isFinite)
            return Tile(
                name: "Final loss", value: Readable.number(summary.finalLoss),
                detail: "on the hold-out" + (losses.min().map { "; best \(Readable.number($0))" } ?? ""),
                kind: " main")
        }
        let best = rounds.first { $0.accuracy != nil && $0.accuracy == summary.bestAccuracy }
        let place = best.map { " in round \(Readable.count($0.round))" } ?? ""
        return Tile(
            name: "Final accuracy", value: Readable.percent(summary.finalAccuracy),
            detail: "on the hold-out; best \(Readable.percent(summary.bestAccuracy))\(place)", kind: " main")
    }

    private var epsilonTile: Tile {
        guard let epsilon = summary.epsilon, epsilon.isFinite else {
            return Tile(
                name: "ε of the released models", value: "unbounded",
                detail: summary.isWithoutPrivacy ? "nothing is private" : "no bound holds", kind: " main")
        }
        var detail = "at δ = \(Readable.probability(summary.delta))"
        if let adjacency = summary.adjacency { detail += ", \(adjacency)" }
        if let accountant = summary.accountant { detail += "; accountant \(accountant.uppercased())" }
        if let targetEpsilon { detail += "; budget \(Readable.epsilon(targetEpsilon))" }
        return Tile(
            name: "ε of the released models", value: Readable.epsilon(epsilon), detail: detail, kind: " main")
    }

    private var serverEpsilonTile: Tile {
        guard let epsilon = summary.epsilonServer, epsilon.isFinite else {
            return Tile(
                name: "ε against the server", value: "unbounded", detail: "the server sees exact updates",
                kind: " main")
        }
        return Tile(
            name: "ε against the server", value: Readable.epsilon(epsilon),
            detail: "at δ = \(Readable.probability(summary.delta)), without amplification by sampling",
            kind: " main")
    }
}
