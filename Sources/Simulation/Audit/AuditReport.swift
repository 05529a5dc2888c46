internal import Configuration
internal import Federation
package import Operations
internal import Reporting

/// The page of an audit: what is claimed beside what was measured.
struct AuditReport {
    private let outcome: AuditOutcome
    private let command: String

    /// A page of one audit; `command` made it.
    init(_ outcome: AuditOutcome, command: String) { (self.outcome, self.command) = (outcome, command) }

    /// The whole page; the same outcome gives the same bytes.
    var html: String {
        ReportPage(
            title: "\(outcome.task) – privacy audit", header: header,
            main: "\(table)\(scores)\(reading)\(reproduction)", version: ProductVersion.current
        ).html.markup
    }

    private var header: HTML {
        let verdict: HTML =
            outcome.violated.isEmpty
            ? """
            <aside class="notice"><p><b>No form refutes the claim.</b> That proves nothing: an audit finds what is wrong, \
            and a bound below the claim is what a sound pipeline gives.</p></aside>
            """
            : """
            <aside class="notice warning"><p><b>The pipeline does not keep its claim.</b> Refuted by \
            \(outcome.violated.map(\.name).joined(separator: ", ")): more shows of one client than the plan \
            says.</p></aside>
            """
        let tiles: [(String, String)] = [
            ("ε claimed", Readable.epsilon(outcome.claimed)),
            ("ε measured, at least", Readable.epsilon(outcome.best?.lowerBound ?? 0)),
            ("δ", Readable.probability(outcome.delta)),
            ("Canaries", Readable.count(outcome.canaries)),
            ("Significance", Readable.probability(outcome.significance)),
        ]
        return """
            <header>
            <p class="kicker">Privacy audit</p>
            <h1>\(outcome.task)</h1>
            <p class="lead">\(Readable.count(outcome.canaries, "canary client")) in the federation’s own pipeline, mode \
            \(outcome.mode), \(Readable.count(outcome.rounds, "charged round")): each was in by the toss of a coin, and the \
            audit guessed from what was released which were.</p>
            \(verdict)
            <dl class="tiles">
            \(tiles.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>\n" as HTML })
            </dl>
            </header>
            """
    }

    private var table: HTML {
        let rows = outcome.forms.map { form -> HTML in
            let guesses =
                form.guesses.map { "\(Readable.count($0.correct)) of \(Readable.count($0.made))" } ?? ""
            return """
                <tr><th scope="row">\(form.name)</th><td>\(Self.name(form.scope))</td>\
                <td class="number">\(Readable.probability(form.delta))</td>\
                <td class="number">\(Readable.epsilon(form.claimed))</td>\
                <td class="number">\(Readable.epsilon(form.lowerBound))</td>\
                <td>\(form.isViolated ? "refuted" : "")</td><td class="number">\(guesses)</td>\
                <td>\(form.assumption)</td></tr>

                """
        }
        let estimate: HTML =
            outcome.estimate.map { fitted in
                """
                <p>The fit of two normal distributions to the canaries’ scores gives ε = \(Readable.epsilon(fitted)), or \
                \(Readable.epsilon(outcome.estimateOfOneDeviation)) where both have one deviation: estimates that no \
                confidence goes with.</p>
                """
            } ?? ""
        return """
            <section id="forms"><h2>Claimed and measured</h2>
            <p class="note">Lower bounds on ε. All of them together fail with probability \
            \(Readable.probability(outcome.significance)) at most, where what they take for granted holds.</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Forms of the audit">
            <table><thead><tr>\(["Form", "Of", "δ", "ε claimed", "ε at least", "", "Right guesses", "Assumes"]
                .map { "<th scope=\"col\">\($0)</th>" as HTML })</tr></thead><tbody>
            \(rows)</tbody></table></div>\(estimate)</section>

            """
    }

    private static func name(_ scope: AuditOutcome.Scope) -> String {
        switch scope {
        case .run: "the whole run"
        case .release: "one round"
        case .mechanism: "one draw of the noise"
        }
    }

    /// What was left out.
    private var scores: HTML {
        guard !outcome.notes.isEmpty else { return "" }
        return """
            <section id="notes"><h2>Not measured</h2><ul>
            \(outcome.notes.map { "<li>\($0)</li>\n" as HTML })</ul></section>

            """
    }

    private var reading: HTML {
        """
        <section id="reading"><h2>How to read it</h2>
        <p>A canary sends a random direction eight times as long as the clipping norm, or nothing. <b>one-run</b> counts right \
        guesses and assumes nothing; at δ = 1e-5 and a thousand canaries it says 1 to 4 of a sound ε of 8. \
        <b>one-run-gaussian</b> and <b>normal</b> read the same scores as Gaussian noise leaves them, and come near to the \
        truth. <b>releases</b> plays single rounds with a client and without it, all others against it, and looks at the model’s \
        movement. <b>mechanism</b> looks at the noise alone.</p></section>

        """
    }

    private var reproduction: HTML {
        """
        <section id="reproduction"><h2>How to reproduce</h2><pre><code>\(command)</code></pre></section>

        """
    }
}

/// The files of an audit: `audit.json` and `audit.html`.
package enum AuditFiles {
    /// Writes both into a folder. Throws a storage `Failure`.
    package static func write(_ outcome: AuditOutcome, to folder: OutputDirectory, command: String) throws {
        try AtomicFile.write(outcome.json.text(indented: true) + "\n", to: folder.file("audit.json"))
        try AtomicFile.write(AuditReport(outcome, command: command).html, to: folder.file("audit.html"))
    }
}
