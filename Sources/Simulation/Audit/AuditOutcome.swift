package import Configuration
internal import Operations
internal import Privacy

/// What an audit came to: what the plan claims and what was measured, side by side. It is what `audit.json` says.
package struct AuditOutcome: Equatable, Sendable {
    /// One way to measure, with a bound that fails at most as often as its share of the significance says.
    package struct Form: Equatable, Sendable {
        /// Its name, such as `one-run`.
        package var name: String
        /// ε that the plan claims of what was measured.
        package var claimed: Double
        /// The greatest ε that was refuted.
        package var lowerBound: Double
        /// δ of both.
        package var delta: Double
        /// What is claimed and measured: `run`, `release` or `mechanism`.
        package var scope: Scope
        /// What it takes for granted; empty: nothing.
        package var assumption = ""
        /// Guesses made, and those that were right, where any were.
        package var guesses: (made: Int, correct: Int)?

        /// Whether the claim is refuted.
        package var isViolated: Bool { lowerBound > claimed }

        package static func == (left: Form, right: Form) -> Bool { left.json == right.json }
    }

    /// What an ε is of.
    package enum Scope: String, Sendable {
        /// The whole run.
        case run
        /// One round's release.
        case release
        /// One draw of the mechanism alone.
        case mechanism
    }

    package var task: String
    /// What is protected: `client` or `record`.
    package var unit: String
    package var mode: String
    package var mechanism: String
    package var adjacency: String
    package var delta: Double
    package var significance: Double
    package var canaries: Int
    package var rounds: Int
    /// Whether reports were really masked.
    package var isMasked: Bool
    package var noiseSource: String
    /// ε that the plan claims of the whole run.
    package var claimed: Double
    package var forms: [Form]
    /// The estimate of Andrew et al. of the whole run, which no confidence goes with; nil where there is none.
    package var estimate: Double?
    /// The same with one deviation for both fits.
    package var estimateOfOneDeviation: Double?
    /// What was not done, and why, one line each.
    package var notes: [String]

    /// The form whose bound on the whole run is greatest.
    package var best: Form? {
        forms.filter { $0.scope == .run }.max { $0.lowerBound < $1.lowerBound }
    }

    /// Forms that refute what is claimed.
    package var violated: [Form] { forms.filter(\.isViolated) }

    /// The object in `audit.json`; an ε without bound is the string "inf".
    package var json: JSONValue {
        let plain = forms.first { $0.guesses != nil }?.guesses
        return .object([
            "version": .string(ProductVersion.current), "task": .string(task), "unit": .string(unit),
            "mode": .string(mode), "mechanism": .string(mechanism), "adjacency": .string(adjacency),
            "rounds": .integer(rounds), "secagg": .string(isMasked ? "real" : "sum"),
            "noise_source": .string(noiseSource),
            "epsilon_claimed": Self.number(claimed),
            "epsilon_lower_bound": Self.number(best?.lowerBound ?? 0),
            "epsilon_estimate": estimate.map(Self.number) ?? .null,
            "epsilon_estimate_one_deviation": estimateOfOneDeviation.map(Self.number) ?? .null,
            "delta": .number(delta), "significance": .number(significance),
            "canaries": .integer(canaries), "guesses": plain.map { .integer($0.made) } ?? .null,
            "correct": plain.map { .integer($0.correct) } ?? .null,
            "method": best.map { .string($0.name) } ?? .null,
            "violation": .bool(!violated.isEmpty),
            "violated": .array(violated.map { .string($0.name) }),
            "forms": .array(forms.map(\.json)), "notes": .array(notes.map { .string($0) }),
        ])
    }

    /// Takes the estimates of these scores.
    mutating func take(_ scores: CanaryScores) {
        estimate = GaussianPair(fitting: scores.inside, and: scores.outside)?.epsilon(delta: delta)
        estimateOfOneDeviation = NormalShift(inside: scores.inside, outside: scores.outside).map {
            AnalyticGaussian(mu: abs($0.estimate)).epsilon(delta: delta)
        }
    }

    static func number(_ epsilon: Double) -> JSONValue {
        epsilon.isFinite ? .number(epsilon) : .string("inf")
    }
}

extension AuditOutcome.Form {
    /// One of `forms`.
    var json: JSONValue {
        .object([
            "name": .string(name), "scope": .string(scope.rawValue),
            "epsilon_claimed": AuditOutcome.number(claimed),
            "epsilon_lower_bound": AuditOutcome.number(lowerBound), "delta": .number(delta),
            "guesses": guesses.map { .integer($0.made) } ?? .null,
            "correct": guesses.map { .integer($0.correct) } ?? .null,
            "assumes": assumption.isEmpty ? .null : .string(assumption), "violated": .bool(isViolated),
        ])
    }
}
