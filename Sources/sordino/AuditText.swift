internal import Operations
internal import Simulation

/// An audit for reading: what is claimed beside what was measured.
enum AuditText {
    static func text(_ outcome: AuditOutcome) -> String {
        var table = TextTable([
            .words("form"), .words("of"), .numbers("delta"), .numbers("claimed"), .numbers("at least"),
            .words(""),
        ])
        for form in outcome.forms {
            table.add([
                form.name, form.scope.rawValue, "\(form.delta)", number(form.claimed),
                number(form.lowerBound), form.isViolated ? "REFUTED" : "",
            ])
        }
        var lines = [
            "epsilon claimed   \(number(outcome.claimed)) (delta \(outcome.delta), \(outcome.rounds) rounds)",
            "epsilon measured  at least \(number(outcome.best?.lowerBound ?? 0)) at significance "
                + "\(outcome.significance), \(outcome.canaries) canaries",
        ]
        if let best = outcome.best {
            let assumption = best.assumption.isEmpty ? "nothing" : best.assumption
            lines.append("  by form \(best.name), which assumes \(assumption)")
        }
        if let fitted = outcome.estimate, let alike = outcome.estimateOfOneDeviation {
            lines.append(
                "epsilon estimated \(number(fitted)), or \(number(alike)) with one deviation (no confidence)")
        }
        lines += outcome.notes
        return lines.joined(separator: "\n") + "\n"
            + table.text(empty: "nothing was measured", width: Terminal.width())
    }

    private static func number(_ epsilon: Double) -> String {
        epsilon.isFinite ? Quantity.decimal(epsilon, places: 3) : "inf"
    }
}
