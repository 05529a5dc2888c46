internal import Learning
internal import Reporting

/// The last model class by class, under the classes' names: scores, and what was taken for what.
struct ClassScores: ReportSection {
    private let evaluation: EvaluationMetrics?
    private let names: [String]

    /// The classes of `report`.
    init(_ report: SimulationReport) {
        evaluation = report.evaluation
        names = report.distribution.classNames
    }

    /// Most classes that have a row; of more those with the lowest F1 are shown.
    static let mostRows = 30
    /// Most classes that the table of confusions has room for.
    static let mostColumns = 20

    /// Two tables; nothing where no classes were learnt or none were evaluated.
    var html: HTML {
        guard let confusion = evaluation?.confusion, let scores = evaluation?.perClass, !scores.isEmpty,
            confusion.count == scores.count
        else { return "" }
        let shown = shownClasses(scores)
        let scope: String =
            shown.count < scores.count
            ? "The \(shown.count) of \(Readable.count(scores.count)) classes with the lowest F1. " : ""
        return """
            <section id="class-scores"><h2>Class by class</h2>
            <p class="note">\(scope)The last model on the server’s hold-out.</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Scores of the classes">
            <table class="classes"><thead><tr><th scope="col">Class</th>\
            <th scope="col" class="number">Examples</th><th scope="col" class="number">Precision</th>\
            <th scope="col" class="number">Recall</th><th scope="col" class="number">F1</th></tr></thead>
            <tbody>
            \(shown.map { row($0, scores[$0], confusion[$0]) })</tbody></table></div>
            \(table(confusion))</section>
            """
    }

    private func shownClasses(_ scores: [EvaluationMetrics.Scores]) -> [Int] {
        guard scores.count > Self.mostRows else { return Array(scores.indices) }
        return scores.indices.sorted { (scores[$0].f1, $0) < (scores[$1].f1, $1) }
            .prefix(Self.mostRows).sorted()
    }

    private func name(_ index: Int) -> String { index < names.count ? names[index] : String(index) }

    private func row(_ index: Int, _ scores: EvaluationMetrics.Scores, _ truth: [Int]) -> HTML {
        let examples = truth.reduce(0, +)
        let cells = [
            Readable.count(examples), Readable.percent(scores.precision),
            examples == 0 ? Readable.absent : Readable.percent(scores.recall), Readable.percent(scores.f1),
        ]
        return """
            <tr><th scope="row">\(name(index))</th>\
            \(cells.map { "<td class=\"number\">\($0)</td>" as HTML })</tr>

            """
    }

    /// What was taken for what, shaded by the share of a class's examples; nothing where there are too many classes.
    private func table(_ confusion: [[Int]]) -> HTML {
        guard confusion.count <= Self.mostColumns else { return "" }
        return """
            <p class="note">What was taken for what: true classes down, predictions across.</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of confusions">
            <table class="confusion"><thead><tr><th scope="col">True class</th>\
            \(confusion.indices.map { "<th scope=\"col\" class=\"number\">\(name($0))</th>" as HTML })</tr></thead>
            <tbody>
            \(confusion.indices.map { line($0, confusion[$0]) })</tbody></table></div>
            """
    }

    private func line(_ truth: Int, _ counts: [Int]) -> HTML {
        let total = counts.reduce(0, +)
        let cells = counts.enumerated().map { predicted, count -> HTML in
            let shade: HTML =
                switch Double(count) / Double(max(1, total)) {
                case 0.75...: "t4"
                case 0.5...: "t3"
                case 0.1...: "t2"
                case _ where count > 0: "t1"
                default: "t0"
                }
            let strength: HTML = predicted == truth ? " strong" : ""
            return "<td class=\"number \(shade)\(strength)\">\(Readable.count(count))</td>"
        }
        return "<tr><th scope=\"row\">\(name(truth))</th>\(cells)</tr>\n"
    }
}
