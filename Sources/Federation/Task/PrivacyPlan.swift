internal import Configuration
package import Privacy

/// The privacy of a task, resolved: grid, sensitivity, noise, and the event of one round.
package struct PrivacyPlan: Sendable {
    package let configuration: PrivacyConfiguration
    /// Clipping and grid of the encoded updates; Δ̃, the norm that encoding keeps, is its sensitivity.
    package let rounding: GridRounding
    /// Standard deviation of the noise divided by the sensitivity under the stated adjacency.
    package let noiseMultiplier: Double
    /// Who draws which noise: the mode.
    let noise: Noise
    /// Ring width of the reports.
    let bits: Int
    /// Where clipping adapts: its state before the first round.
    package let adaptiveClipping: AdaptiveClipping?
    /// Where clipping adapts and clients add the noise: the clipping indicator's part of the clipping norm. The indicator is one more
    /// coordinate of the vector, ± this part, so that the norm of the whole, its noise and its event are those
    /// of any vector; nil elsewhere.
    package let indicatorShare: Double?
    /// What one round costs whoever sees the released models; with tree noise what a whole tree of rounds costs
    /// a client that is in one of them, with matrix noise what the run costs.
    let roundEvent: PrivacyEvent
    /// What one round costs against the server; nil: unbounded (the server sees exact sums or updates).
    package let serverEvent: PrivacyEvent?
    /// What one round costs against other members of its cohort, or a tree of rounds as a whole.
    let membersEvent: PrivacyEvent
    /// Most charged rounds that one client is in; nil: it may be in all.
    package let participations: Int?
    /// Rounds that `target_epsilon` affords; nil: no budget was set.
    package let affordableRounds: Int?
    /// Rényi divergences of one round; nil where Rényi accounting does not know the event.
    let roundCurve: RenyiCurve?
    let serverCurve: RenyiCurve?
    let membersCurve: RenyiCurve?

    init(_ task: TaskConfiguration, cohort: CohortPlan, dimension: Int) throws {
        let configuration = task.privacy
        let design = try NoiseDesign(task, cohort: cohort, dimension: dimension)
        let multiplier: Double
        if let given = configuration.noiseMultiplier {
            multiplier = given
        } else {
            guard let target = configuration.targetEpsilon else {
                throw ConfigurationError(
                    path: "task.privacy.target_epsilon", problem: "is needed to calibrate the noise")
            }
            multiplier = try design.calibratedMultiplier(target: target, rounds: task.rounds)
        }
        self = try design.plan(noiseMultiplier: multiplier, rounds: task.rounds)
    }

    init(
        configuration: PrivacyConfiguration, noiseMultiplier: Double, parts: NoiseDesign.Parts, rounds: Int,
        participations: Int?, indicatorShare: Double?
    ) throws {
        self.indicatorShare = indicatorShare
        self.configuration = configuration
        self.participations = participations
        self.noiseMultiplier = noiseMultiplier
        rounding = parts.rounding
        noise = parts.noise
        bits = parts.bits
        adaptiveClipping = try configuration.adaptiveClipping?.start(at: configuration.clippingNorm)
        let roundEvent = parts.event
        self.roundEvent = roundEvent
        roundCurve = Self.curve(roundEvent)
        serverCurve = parts.serverEvent.flatMap(Self.curve)
        serverEvent = parts.serverEvent
        membersEvent = parts.membersEvent
        membersCurve = Self.curve(parts.membersEvent)
        affordableRounds = try configuration.targetEpsilon.map { target in
            try Self.affordableRounds(
                roundEvent, configuration, target: target, rounds: rounds, participations: participations)
        }
        if affordableRounds == 0, let target = configuration.targetEpsilon {
            throw PrivacyRefusal(
                "task.privacy: one round already costs more than target_epsilon \(target); raise noise_multiplier"
            )
        }
    }

    /// What a ledger charges where no noise stands between an observer and the exact sum: an unbounded ε.
    package static func unprotected(_ adjacency: Adjacency) -> PrivacyEvent {
        PrivacyEvent(mechanism: .gaussian(noiseMultiplier: 0), adjacency: adjacency)
    }

    private static func curve(_ event: PrivacyEvent) -> RenyiCurve? {
        try? RDPAccountant([event]).curve(at: event.orders)
    }

    /// The greatest number of rounds, up to `rounds`, whose ε stays within the target.
    private static func affordableRounds(
        _ event: PrivacyEvent, _ configuration: PrivacyConfiguration, target: Double, rounds: Int,
        participations: Int?
    ) throws -> Int {
        // Calibration ends just below its target; rounding may carry the last digit over it.
        let limit = target * (1 + 1e-9)
        func fits(_ count: Int) throws -> Bool {
            try guarantee(
                event, configuration, rounds: min(count, participations ?? count), accountant: nil
            ).epsilon <= limit
        }
        if try fits(rounds) { return rounds }
        var (least, most) = (0, rounds)
        while most - least > 1 {
            let middle = (least + most) / 2
            if try fits(middle) { least = middle } else { most = middle }
        }
        return least
    }
}
