internal import Reporting

/// What attacks on privacy found: pictures beside their reconstructions, and how well members are told from others.
struct PrivacyAttackResults: ReportSection {
    private let outcome: PrivacyAttackOutcome?
    private let exhibits: PrivacyExhibits
    private let epsilon: Double?

    /// The attacks of `report`.
    init(_ report: SimulationReport) {
        outcome = report.summary.privacyAttack
        exhibits = report.exhibits
        epsilon = report.summary.epsilon
    }

    /// A part for each attack that was made; nothing where none was.
    var html: HTML {
        guard let outcome else { return "" }
        let inversion = outcome.gradientInversion.map(inversion)
        let membership = outcome.membershipInference.map(membership)
        guard inversion != nil || membership != nil else { return "" }
        return """
            <section id="privacy-attack"><h2>Attacks on privacy</h2>
            <p class="note">Made from exact values of the simulated clients, whose data it shows: not releasable.</p>
            \(inversion ?? "")\(membership ?? "")</section>
            """
    }

    // MARK: Gradient inversion

    private func inversion(_ outcome: InversionOutcome) -> HTML {
        let rows = outcome.views.map { view -> HTML in
            let cells = [
                view.method, Readable.number(view.distance, digits: 3), Readable.number(view.mse, digits: 3),
                Readable.number(view.psnr, digits: 3), Readable.number(view.correlation, digits: 3),
                Readable.number(view.bestCorrelation, digits: 3), Readable.percent(view.labelsRight),
            ]
            return row(Self.name(view.view), cells)
        }
        let blind = row(
            "a guess: the others’ mean",
            [
                "", "", Readable.number(outcome.blindMSE, digits: 3), "",
                Readable.number(outcome.blindCorrelation, digits: 3), "", "",
            ])
        return """
            <p>What observers of round \(Readable.count(outcome.round)) make of client \(outcome.client), which has \
            \(Readable.count(outcome.records, "example")) and takes \(Readable.count(outcome.steps, "step")): inputs \
            whose gradient points where the observed update does. Classes are \(outcome.labels).</p>
            \(table(
                "Reconstructions",
                ["Seen by", "Way", "Distance", "MSE", "PSNR, dB", "Correlation", "Best", "Classes right"],
                rows + [blind]))\(pictures)
            """
    }

    private static func name(_ view: String) -> String {
        view == InversionView.server.rawValue
            ? "the server, which has the client’s report" : "everybody: the change of the published model"
    }

    private var pictures: HTML {
        guard let exhibit = exhibits.pictures else { return "" }
        let shown = exhibit.truth.prefix(InversionPictures.most).indices
        func strip(_ title: String, _ examples: [[Float]], _ label: (Int) -> String) -> HTML {
            """
            <tr><th scope="row">\(title)</th><td>\(shown.map { index in
                exhibit.shape.picture(examples[index], range: exhibit.range).html(label: label(index))
            })</td></tr>

            """
        }
        let found = exhibit.views.map { view in
            strip(Self.name(view.view.rawValue), view.found) { index in
                "reconstruction \(index + 1), correlation "
                    + Readable.number(view.correlations[index], digits: 2)
            }
        }
        return """
            <div class="scroll" tabindex="0" role="region" aria-label="Pictures and their reconstructions">
            <table class="facts"><tbody>
            \(strip("the client’s own", exhibit.truth) { "example \($0 + 1)" })\(found)</tbody></table></div>
            """
    }

    // MARK: Membership inference

    private func membership(_ outcome: MembershipOutcome) -> HTML {
        let rows = outcome.attacks.map { attack in
            row(
                Self.statistics[attack.name] ?? attack.name,
                [
                    "\(Readable.number(attack.auc, digits: 3)) ± \(Readable.number(attack.aucError, digits: 1))",
                    Readable.percent(attack.tprAtHundredth), Readable.percent(attack.tprAtThousandth),
                ])
        }
        let ceiling = outcome.ceiling.map { ceiling in
            row(
                "most that privacy leaves",
                [
                    Readable.number(ceiling.auc, digits: 3), Readable.percent(ceiling.tprAtHundredth),
                    Readable.percent(ceiling.tprAtThousandth),
                ])
        }
        let promise =
            outcome.ceiling == nil
            ? "Nothing protects a \(outcome.unit) here."
            : epsilon.map { "ε of the released models is \(Readable.epsilon($0))." }
                ?? "What protects a record is privacy.example."
        return """
            <p>Whether a \(outcome.unit) was in the training of the last model, told from \
            \(Readable.count(outcome.runs - 1)) other runs with half of them: \(Readable.count(outcome.members)) \
            members and \(Readable.count(outcome.others)) others over \(Readable.count(outcome.runs, "run")), each in \
            turn the target. \(promise)</p>
            \(table(
                "Membership inference",
                ["Attack", "Area ± standard error", "Found at 1 % false alarms", "at 0.1 %"],
                rows + (ceiling.map { [$0] } ?? [])))\(curves(outcome))
            """
    }

    private static let statistics = [
        "threshold": "confidence against a threshold", "offline": "LiRA, offline", "online": "LiRA, online",
    ]

    private func curves(_ outcome: MembershipOutcome) -> HTML {
        guard let exhibit = exhibits.curves else { return "" }
        var curves = exhibit.attacks.reversed().enumerated().map { index, attack in
            RateChart.Curve(
                name: Self.statistics[attack.name] ?? attack.name, style: index + 1, points: attack.points)
        }
        if !exhibit.ceiling.isEmpty {
            curves.append(.init(name: "most that privacy leaves", style: 4, points: exhibit.ceiling))
        } else {
            let chance = exhibit.attacks.first?.points.map { ($0.x, $0.x) } ?? []
            curves.append(.init(name: "chance", style: 4, points: chance))
        }
        let chart = RateChart(
            id: "membership", title: "Members found.",
            note: "Over false alarms, both on axes of decades; the scores of all runs together.",
            horizontalTitle: "false alarms among others", verticalTitle: "members found", curves: curves)
        return chart.html.map { "<div class=\"figures\">\n\($0)</div>" } ?? ""
    }

    // MARK: Tables

    private func row(_ name: String, _ cells: [String]) -> HTML {
        """
        <tr><th scope="row">\(name)</th>\(cells.map { "<td class=\"number\">\($0)</td>" as HTML })</tr>

        """
    }

    private func table(_ label: String, _ heads: [String], _ rows: [HTML]) -> HTML {
        """
        <div class="scroll" tabindex="0" role="region" aria-label="\(label)">
        <table><thead><tr><th scope="col">\(heads[0])</th>\
        \(heads.dropFirst().map { "<th scope=\"col\" class=\"number\">\($0)</th>" as HTML })</tr></thead>
        <tbody>
        \(rows)</tbody></table></div>
        """
    }
}
