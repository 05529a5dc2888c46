internal import Reporting

/// What clients have of models of their own: accuracy, or error, of each kind beside the published model's.
struct PersonalModels: ReportSection {
    private let figures: PersonalFigures?

    /// The models of `report`.
    init(_ report: SimulationReport) { figures = report.summary.personal }

    /// A table with a row a kind of model; nothing where there is no more to tell than how the published one serves.
    var html: HTML {
        guard let models = figures?.models else { return "" }
        let accuracies = models.compactMap { name, model in model.accuracy.map { (name, $0) } }
        let errors = models.compactMap { name, model in model.error.map { (name, $0) } }
        return """
            <section id="personal"><h2>What clients would use</h2>
            <p class="note">On what each client kept from training, every client counting once. Exact values of \
            the simulated clients: a diagnostic that no deployment could give.</p>
            \(accuracies.isEmpty ? "" : accuracyTable(accuracies))\(errors.isEmpty ? "" : errorTable(errors))\
            </section>
            """
    }

    private func accuracyTable(_ rows: [(String, ClientAccuracy)]) -> HTML {
        table(
            ["Mean", "Worst tenth", "10 %", "Median", "90 %", "Lowest"],
            rows.map { name, figures in
                (
                    name,
                    [
                        figures.mean, figures.worstDecile, figures.p10, figures.p50, figures.p90,
                        figures.lowest,
                    ].map { Readable.percent($0) }
                )
            })
    }

    private func errorTable(_ rows: [(String, ClientError)]) -> HTML {
        table(
            ["RMSE of all", "Median of clients", "90 %", "Worst tenth"],
            rows.map { name, figures in
                (
                    name,
                    [figures.rmse, figures.p50, figures.p90, figures.worstDecile].map { Readable.number($0) }
                )
            })
    }

    private func table(_ heads: [String], _ rows: [(name: String, cells: [String])]) -> HTML {
        """
        <div class="scroll" tabindex="0" role="region" aria-label="Models of clients">
        <table><thead><tr><th scope="col">A client’s model</th>\
        \(heads.map { "<th scope=\"col\" class=\"number\">\($0)</th>" as HTML })</tr></thead>
        <tbody>
        \(rows.map { row in
            """
            <tr><th scope="row">\(row.name)</th>\
            \(row.cells.map { "<td class=\"number\">\($0)</td>" as HTML })</tr>

            """ as HTML
        })</tbody></table></div>
        """
    }
}
