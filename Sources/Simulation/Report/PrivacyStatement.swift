internal import Federation
internal import Reporting

/// What the run's privacy statement says, on what it rests, and what it leaves out.
struct PrivacyStatement: ReportSection {
    private let summary: SimulationSummary
    private let targetEpsilon: Double?

    /// The statement about `report`'s run.
    init(_ report: SimulationReport) {
        summary = report.summary
        targetEpsilon = report.targetEpsilon
    }

    /// The facts as a table, then what ε covers and what it does not.
    var html: HTML {
        """
        <section id="privacy"><h2>What the privacy statement means</h2>
        <div class="scroll" tabindex="0" role="region" aria-label="Privacy of this run">
        <table class="facts"><tbody>
        \(facts.map { "<tr><th scope=\"row\">\($0.name)</th><td>\($0.text)</td></tr>\n" as HTML })</tbody>\
        </table></div>
        \(coverage)
        <p><b>Not releasable.</b> Update norms, the clipped fraction, the clients’ training losses and the \
        distribution of their data are exact values of simulated clients. They are shown to understand the \
        simulation; no ε covers them, and a deployment could not know them. <code>diagnostics.jsonl</code> \
        has those of each round, marked as not releasable.</p>
        </section>
        """
    }

    private struct Fact {
        var name: String
        var text: String
    }

    private var facts: [Fact] {
        let mode = PrivacyMode(rawValue: summary.privacyMode)
        var facts = [
            Fact(name: "Mode", text: summary.privacyMode),
            Fact(name: "Who adds the noise", text: mode?.noiseAdder ?? Readable.absent),
            Fact(name: "Who must be trusted", text: mode?.trusted ?? Readable.absent),
        ]
        guard !summary.isWithoutPrivacy else { return facts }
        facts += [
            Fact(name: "Unit of privacy", text: "the client, with all its examples"),
            Fact(name: "Adjacency", text: adjacencyInWords),
            Fact(
                name: "Clipping",
                text: "each update to an L2 norm of \(Readable.setting(summary.clippingNorm)) at most"),
            Fact(name: "Mechanism", text: mechanismInWords),
            Fact(
                name: "Noise multiplier",
                text:
                    "\(Readable.setting(summary.noiseMultiplier)): standard deviation of the noise in "
                    + noisedInWords + ", divided by the sensitivity under this adjacency"),
            Fact(name: "Sampling", text: samplingInWords),
            Fact(name: "Accountant", text: summary.accountant?.uppercased() ?? Readable.absent),
            Fact(
                name: "ε of the released models",
                text: bound(summary.epsilon)
                    + (targetEpsilon.map { "; the budget is \(Readable.epsilon($0))" } ?? "")),
            Fact(
                name: "ε against the server",
                text: summary.epsilonServer == nil
                    ? "unbounded: the server sees exact updates" : bound(summary.epsilonServer)),
            Fact(
                name: "ε against other members",
                text: bound(summary.epsilonMembers)
                    + (mode == .distributed
                        ? "; members of a round are told who its members are, so that no sampling counts"
                        : "")),
            Fact(name: "Source of the noise", text: noiseSourceInWords),
        ]
        return facts
    }

    private func bound(_ epsilon: Double?) -> String {
        guard let epsilon, epsilon.isFinite else { return "unbounded" }
        return "\(Readable.epsilon(epsilon)) at δ = \(Readable.probability(summary.delta)), rounded up"
    }

    private var noisedInWords: String {
        switch summary.mechanism {
        case "tree": "each node of a tree"
        case "matrix": "what the matrix makes of all sums"
        default: "the sum"
        }
    }

    private var mechanismInWords: String {
        switch summary.mechanism {
        case "discrete_gaussian":
            "discrete Gaussian, drawn as whole numbers on the grid of the encoded updates"
        case "skellam": "Skellam, drawn as whole numbers on the grid of the encoded updates"
        case "tree":
            "tree aggregation (DP-FTRL): Gaussian noise rounded onto the grid in the nodes of trees over rounds"
        case "matrix":
            "matrix mechanism (DP-FTRL): Gaussian noise on the grid, of which later rounds take back a part"
        case let name?: name
        case nil: Readable.absent
        }
    }

    private var adjacencyInWords: String {
        switch summary.adjacency {
        case "add-or-remove-one":
            "add-or-remove-one: neighbouring federations differ by one client more or less"
        case "replace-one": "replace-one: neighbouring federations differ by the data of one client"
        case "zero-out": "zero-out: in the neighbouring federation one client contributes nothing"
        case let name?: name
        case nil: Readable.absent
        }
    }

    private var samplingInWords: String {
        if summary.mechanism == "tree" {
            return "none claimed: a client takes part at most once in each tree of rounds, whoever chose it"
        }
        if summary.mechanism == "matrix" {
            return "none claimed: a client takes part at most so often and so near, whoever chose it"
        }
        return switch summary.sampling {
        case "none": "none claimed: ε is as if every client took part in every round"
        case "poisson": "Poisson: each client independently; the cohort must stay secret for ε to hold"
        case "fixed-size": "fixed size, without replacement; the cohort must stay secret for ε to hold"
        case let name?: name
        case nil: Readable.absent
        }
    }

    private var noiseSourceInWords: String {
        switch summary.noiseSource {
        case "seeded":
            "seeded, so that the run can be repeated: a rehearsal, private only while the seed is secret"
        case "secure": "the system’s cryptographic source"
        default: summary.noiseSource
        }
    }

    private var coverage: HTML {
        guard !summary.isWithoutPrivacy else {
            return """
                <p><b>What ε covers.</b> Nothing: without noise there is no ε. Ask for <code>central</code>, \
                <code>local</code> or <code>distributed</code> privacy in the task’s <code>privacy</code> \
                section.</p>
                """
        }
        guard let epsilon = summary.epsilon, epsilon.isFinite else {
            return
                "<p><b>What ε covers.</b> Nothing: no finite ε bounds what the models of this run reveal.</p>"
        }
        return """
            <p><b>What ε covers.</b> All models of this run together, whoever sees them and whatever else \
            they know: for any one client, the chance of any outcome changes by a factor of at most \
            e<sup>ε</sup>, but for the probability δ. \(abandonedInWords)</p>
            <p><b>What it does not cover.</b> Other runs on the same clients, such as those that chose the \
            learning rate or the clipping norm: their losses add up. Nor the fact that a client is enrolled, \
            nor the server’s own hold-out, on which the models are evaluated.</p>
            """
    }

    private var abandonedInWords: String {
        summary.roundsAbandoned == 0
            ? "" : "Abandoned rounds released nothing, and yet keep the charge that was made for them."
    }
}

extension PrivacyMode {
    /// Who adds the noise, as a sentence's end.
    fileprivate var noiseAdder: String {
        switch self {
        case .distributed: "each client adds a share; only the sum of a cohort carries all of it"
        case .local: "each client adds all of it before its update leaves"
        case .central: "the server, to the exact sum of clipped updates"
        case .none: "nobody"
        }
    }

    /// Whose honesty the statement rests on.
    fileprivate var trusted: String {
        switch self {
        case .distributed:
            "a threshold of the cohort, and a certificate authority that is not the server’s; "
                + "with both in one hand the server must at least be honest but curious"
        case .local: "nobody beside the client itself"
        case .central: "the server, which sees every update"
        case .none: "everybody"
        }
    }
}
