internal import Federation
internal import Reporting

/// The figures of each round, as far as a page can hold them.
struct RoundTable: ReportSection {
    private let rounds: [RoundRecord]
    private let isClassification: Bool
    private let statement: SpendingStatement?

    /// The table of `report`.
    init(_ report: SimulationReport) {
        rounds = report.rounds
        isClassification = report.isClassification
        statement = report.spendingStatement
    }

    /// Most rows of the table; beyond, `rounds.jsonl` has them.
    static let shownRounds = 200

    /// The table, with a note where it was thinned.
    var html: HTML {
        let shown = shownRecords
        let scope: HTML =
            shown.count < rounds.count
            ? """
            \(Readable.count(shown.count)) of \(Readable.count(rounds.count)) rounds are \
            shown, evenly spread and evaluated ones first; <code>rounds.jsonl</code> has them all.
            """ : "The same figures are in <code>rounds.jsonl</code>."
        let columns = usedColumns
        return """
            <section id="rounds"><h2>Round by round</h2>
            <p class="note">\(scope)\(privacyNote)</p>
            <div class="scroll tall" tabindex="0" role="region" aria-label="Table of rounds">
            <table class="rounds"><thead><tr>\(columns.map(\.heading))</tr></thead>
            <tbody>
            \(shown.map { row($0, columns) })</tbody></table></div></section>
            """
    }

    private var privacyNote: String {
        guard rounds.contains(where: { $0.epsilon != nil }) else { return "" }
        switch statement {
        case .exact:
            return
                " ε is the exact composition here; in the file an upper bound before the last planned round."
        case .renyi: return ""
        case .bound, nil: return " ε before the last round is an upper bound."
        }
    }

    /// All records of a short run; of a long one the first, the last, and one of each of equal stretches: its
    /// last abandoned round, else its last evaluated one, else its last.
    var shownRecords: [RoundRecord] {
        guard rounds.count > Self.shownRounds, let first = rounds.first, let last = rounds.last else {
            return rounds
        }
        let inner = rounds.dropFirst().dropLast()
        let chosen = Series.stretches(of: inner.count, atMost: Self.shownRounds - 2).compactMap { stretch in
            let part = inner[
                (inner.startIndex + stretch.lowerBound)..<(inner.startIndex + stretch.upperBound)]
            return part.last { $0.abandoned != nil } ?? part.last { $0.loss != nil || $0.accuracy != nil }
                ?? part.last
        }
        return [first] + chosen + [last]
    }

    private struct Column {
        var name: String
        var isUsed: Bool
        var text: (RoundRecord) -> String

        var heading: HTML {
            "<th scope=\"col\" class=\"number\">\(name)</th>"
        }
    }

    private var usedColumns: [Column] {
        let evaluated = rounds.contains { $0.accuracy != nil || $0.loss != nil }
        let columns = [
            Column(name: "Accuracy", isUsed: isClassification) { Readable.percent($0.accuracy) },
            Column(name: "RMSE", isUsed: rounds.contains { $0.rmse != nil }) { Readable.number($0.rmse) },
            Column(name: "MAE", isUsed: rounds.contains { $0.mae != nil }) { Readable.number($0.mae) },
            Column(name: "R²", isUsed: rounds.contains { $0.r2 != nil }) { Readable.number($0.r2) },
            Column(name: "Loss", isUsed: evaluated) { Readable.number($0.loss) },
            Column(name: "ε", isUsed: rounds.contains { $0.epsilon != nil }) { Readable.epsilon($0.epsilon) },
            Column(name: "ε server", isUsed: rounds.contains { $0.epsilonServer != nil }) {
                Readable.epsilon($0.epsilonServer)
            },
            Column(name: "ε members", isUsed: rounds.contains { $0.epsilonMembers != $0.epsilon }) {
                Readable.epsilon($0.epsilonMembers)
            },
            Column(name: "Selected", isUsed: true) { Readable.count($0.clientsSelected) },
            Column(name: "Reported", isUsed: true) { Readable.count($0.clientsReported) },
            Column(name: "Time", isUsed: true) { Readable.duration($0.seconds) },
            Column(name: "Evaluation", isUsed: evaluated) {
                $0.evaluationSeconds > 0 ? Readable.duration($0.evaluationSeconds) : Readable.absent
            },
            Column(name: "Up", isUsed: true) { Readable.bytes($0.bytesUp) },
            Column(name: "Down", isUsed: true) { Readable.bytes($0.bytesDown) },
            Column(name: "Virtual clock", isUsed: rounds.contains { $0.virtualSeconds > 0 }) {
                Readable.duration($0.virtualSeconds)
            },
        ]
        return [Column(name: "Round", isUsed: true) { Readable.count($0.round) }] + columns.filter(\.isUsed)
    }

    private func row(_ record: RoundRecord, _ columns: [Column]) -> HTML {
        let cells = columns.dropFirst().map { "<td class=\"number\">\($0.text(record))</td>" as HTML }
        let head: HTML = "<th scope=\"row\" class=\"number\">\(Readable.count(record.round))</th>"
        guard let reason = record.abandoned else { return "<tr>\(head)\(cells)</tr>\n" }
        return """
            <tr class="lost">\(head)\(cells)</tr>
            <tr class="lost reason"><td></td><td colspan="\(columns.count - 1)">abandoned: \(reason)</td></tr>

            """
    }
}
