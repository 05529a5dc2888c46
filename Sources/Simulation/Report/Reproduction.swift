internal import Configuration
internal import Reporting

/// The configuration in full and the way back to the same model.
struct Reproduction: ReportSection {
    private let summary: SimulationSummary
    private let command: String
    private let resolvedScenario: String

    /// The way back to `report`'s run.
    init(_ report: SimulationReport) {
        summary = report.summary
        command = report.command
        resolvedScenario = report.resolvedScenario
    }

    /// Command, version, seed, and the resolved scenario.
    var html: HTML {
        """
        <section id="reproduce"><h2>To run it again</h2>
        <pre><code>\(command)</code></pre>
        <p>\(promise)</p>
        <table class="facts"><tbody>
        <tr><th scope="row">Version</th><td>\(summary.version)</td></tr>
        <tr><th scope="row">Seed</th><td>\(String(summary.seed))</td></tr>
        <tr><th scope="row">Workers</th><td>\(Readable.count(summary.workers)); their number does not change \
        the \
        model</td></tr>
        <tr><th scope="row">Model</th><td class="hash">\(summary.modelSHA256 ?? "none")</td></tr>
        </tbody></table>
        <details open="open"><summary>Resolved configuration</summary>
        <pre class="tall"><code>\(indentedScenario)</code></pre></details></section>
        """
    }

    private var promise: String {
        guard summary.noiseSource != "secure" else {
            return
                "The noise came from the system’s cryptographic source and is not repeatable: another run "
                + "trains on the same data in the same order, but its model differs by its noise."
        }
        return
            "The same scenario, seed and program on the same kind of machine give the same model, bit for "
            + "bit, whatever the number of workers and however often the run was interrupted and resumed: "
            + "compare the SHA-256 of model.safetensors."
    }

    /// The scenario as given where it has lines already, else indented; text that is not JSON stays as it is.
    private var indentedScenario: String {
        guard !resolvedScenario.contains("\n"),
            let value = try? JSONValue(json5: Array(resolvedScenario.utf8), source: "scenario")
        else { return resolvedScenario }
        return value.text(indented: true)
    }
}
