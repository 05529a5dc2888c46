package import Configuration
internal import Compute
internal import Datasets
internal import Federation
internal import Learning
internal import Operations
internal import Privacy

/// An audit of a scenario (`sordino audit`): what its plan claims, and what of that an observer of the very pipeline can
/// refute.
package struct AuditRun {
    /// What the command line adds to the scenario.
    package struct Settings: Sendable {
        /// Canaries; nil: 1000, or as many as there are clients.
        package var canaries: Int?
        /// How often all bounds together may fail, 0 to 1.
        package var significance = 0.05
        /// Releases with and without one client; nil: as many as are quick. 0: none.
        package var releases: Int?
        /// Draws of the mechanism alone; 0: none.
        package var draws = 200_000
        /// Those of a run.
        package var run: ScenarioRun.Settings

        package init(run: ScenarioRun.Settings) { self.run = run }
    }

    /// What the forms that see most take for granted.
    static let normality = "noise that is normal, as Gaussian mechanisms' is, and no sampling"
    private static let formCount = 7.0

    /// Name of the task.
    package let taskName: String
    /// Rounds of the audited run.
    package var rounds: Int { setup.plan.rules.rounds }
    private let setup: SimulationSetup
    private let claim: PrivacyPlan
    private let settings: Settings
    private let canaries: Int
    /// Which canary holds each place.
    private let places: [Int]
    private let releases: ReleaseAudit?
    private var notes: [String] = []

    /// Reads, checks and loads a scenario. Throws ``ConfigurationError`` for what cannot be audited.
    package init(_ document: ConfigurationDocument, _ settings: Settings) throws {
        let setup = try ScenarioLoader.load(document, settings.run).setup
        try self.init(setup, claimed: setup.plan, settings)
    }

    /// The audit of a setup that runs another plan than is claimed, or counts a client in several places: what its own
    /// tests plant. `places`: which canary holds each place; nil: each one.
    init(_ setup: SimulationSetup, claimed plan: TaskPlan, _ settings: Settings, places: [Int]? = nil) throws
    {
        guard let claim = plan.privacy else {
            throw ConfigurationError(
                path: "task.privacy.mode",
                problem: "is \"none\", which promises clients nothing that could be audited")
        }
        try Self.check(setup)
        let clients = setup.partition.clientCount
        let count = settings.canaries ?? min(1000, clients)
        guard (2...clients).contains(count) else {
            throw ConfigurationError(
                path: "--canaries",
                problem:
                    "is \(count), but canaries hold the places of clients: give 2 to \(clients), or more "
                    + "simulation.clients")
        }
        guard settings.significance > 0, settings.significance < 1 else {
            throw ConfigurationError(path: "--significance", problem: "must lie between 0 and 1")
        }
        self.places = places ?? Array(0..<count)
        canaries = (self.places.max() ?? 0) + 1
        taskName = plan.configuration.name
        (self.setup, self.claim, self.settings) = (setup, claim, settings)
        if settings.releases == 0 {
            releases = nil
        } else {
            let made = try ReleaseAudit.make(
                setup, claim: claim.configuration, releases: settings.releases)
            releases = made.audit
            notes += [made.note].compactMap(\.self)
        }
    }

    /// Refuses what scores of canaries say nothing of.
    private static func check(_ setup: SimulationSetup) throws {
        let plan = setup.plan
        func refuse(_ path: String, _ problem: String) -> ConfigurationError {
            ConfigurationError(path: path, problem: problem)
        }
        if plan.configuration.asynchronous != nil {
            throw refuse("task.asynchronous", "cannot be audited: canaries take part in rounds")
        }
        if plan.robust != nil || plan.maskingGroups > 1 {
            throw refuse("task.robust", "cannot be audited: a robust rule releases no sum")
        }
        if plan.privacy?.matrix != nil {
            throw refuse(
                "task.privacy.mechanism",
                "\"matrix\" cannot be audited: scores look at sums whose noise is their own, which these have only together"
            )
        }
        if plan.configuration.privacy.treeEstimator == .honaker {
            throw refuse(
                "task.privacy.tree_estimator",
                "\"honaker\" cannot be audited: the nodes that scores look at do not show; take \"prefix\"")
        }
        if plan.model.forest != nil {
            throw refuse(
                "task.model", "cannot be audited: canaries are directions, which forests have none of")
        }
        if plan.configuration.statistics != nil {
            throw refuse("task.kind", "\"statistics\" cannot be audited: canaries are updates of a model")
        }
        if setup.attack != nil {
            throw refuse("simulation.attack", "cannot be audited: hostile clients would hide canaries")
        }
        if plan.report.trained.count != plan.dimension || !plan.clientMemory.isEmpty {
            throw refuse(
                "task.strategy",
                "\"\(plan.configuration.strategy.name)\" cannot be audited: its clients send or keep more than an update"
            )
        }
    }

    /// Plays the run with canaries in it, and what else is measured. Nil where the observer wanted to stop. Throws what a run
    /// throws, and ``ConfigurationError`` where nothing was published.
    package func perform(_ observer: any SimulationObserver) throws -> AuditOutcome? {
        let isIn = CanaryFleet.coins(canaries, seed: setup.seed)
        var audited = setup
        (audited.holdout, audited.clientHoldout) = (nil, nil)
        let fleet = CanaryFleet(
            places: places, isIn: isIn, clients: setup.partition.clientCount, plan: setup.plan,
            claim: claim.configuration, seed: setup.seed)
        audited.canaries = fleet
        let simulator = try Simulator(audited, journal: SilentJournal())
        guard try simulator.run(observer) != nil else { return nil }
        let charged = simulator.progress.charged
        guard simulator.progress.published > 0, let watch = fleet.watch else {
            throw ConfigurationError(
                path: "task.rounds", problem: "not one was published, so that there is nothing to look at")
        }
        let scores = CanaryScores(scores: watch.scores, isIn: isIn)
        let share = settings.significance / Self.formCount
        let claimed = try claimed(rounds: charged)
        var outcome = outcome(claimed: claimed, rounds: charged)
        outcome.forms = try Self.forms(
            scores, claimed: claimed, delta: claim.configuration.targetDelta, significance: share)
        outcome.take(scores)
        if let releases {
            guard
                let tried = try releases.run(
                    claim: claim, rounds: charged, significance: share, observer)
            else { return nil }
            outcome.forms += tried
        }
        if settings.draws > 0 { outcome.forms += try mechanismForms(share) }
        return outcome
    }

    /// ε of so many charged rounds: against the server where it sees single reports.
    private func claimed(rounds: Int) throws -> Double {
        guard claim.configuration.mode == .local else { return try claim.spent(rounds: rounds).epsilon }
        return try claim.spentAgainstServer(rounds: rounds)?.epsilon ?? .infinity
    }

    private func outcome(claimed: Double, rounds: Int) -> AuditOutcome {
        let configuration = claim.configuration
        return AuditOutcome(
            task: taskName, unit: "client", mode: configuration.mode.rawValue, mechanism: claim.mechanismName,
            adjacency: configuration.adjacency.rawValue, delta: configuration.targetDelta,
            significance: settings.significance, canaries: canaries, rounds: rounds, isMasked: setup.masks,
            noiseSource: setup.noise.name, claimed: claimed, forms: [], estimate: nil, notes: notes)
    }

    /// What scores of canaries say of a run.
    static func forms(
        _ scores: CanaryScores, claimed: Double, delta: Double, significance: Double
    ) throws -> [AuditOutcome.Form] {
        func form(_ name: String, _ bound: Double, _ guesses: OneRunGuesses?) -> AuditOutcome.Form {
            AuditOutcome.Form(
                name: name, claimed: claimed, lowerBound: bound, delta: delta, scope: .run,
                assumption: name == "one-run" ? "" : normality,
                guesses: guesses.map { ($0.guesses, $0.correct) })
        }
        let plain = try scores.oneRun(delta: delta, significance: significance)
        let gaussian = try scores.oneRunGaussian(delta: delta, significance: significance)
        let normal = try NormalShift(inside: scores.inside, outside: scores.outside)?.epsilonLowerBound(
            delta: delta, significance: significance)
        return [
            form("one-run", plain.epsilonLowerBound, plain.guesses),
            form("one-run-gaussian", gaussian.epsilonLowerBound, gaussian.guesses),
            form("normal", normal ?? 0, nil),
        ]
    }

    /// The mechanism that adds the noise, alone, against what it says of itself. The unit moves a sum by one deviation of the
    /// noise, whatever it is in the plan: that is where draws tell most.
    private func mechanismForms(_ share: Double) throws -> [AuditOutcome.Form] {
        guard let running = setup.plan.privacy else { return [] }
        let delta = claim.configuration.targetDelta
        let unit = max(1, Int(claim.mechanism.variance.squareRoot().rounded()))
        let audit = MechanismAudit(running.mechanism, sensitivity: unit)
        let claimed = try MechanismAudit(claim.mechanism, sensitivity: unit).claimed(delta: delta)
        let draws = try setup.noise.draw(client: 0, round: Self.mechanismStream) {
            try audit.draw(settings.draws, from: &$0)
        }
        func form(_ name: String, _ bound: Double) -> AuditOutcome.Form {
            AuditOutcome.Form(
                name: name, claimed: claimed, lowerBound: bound, delta: delta, scope: .mechanism)
        }
        let plain = form("mechanism", try draws.epsilonLowerBound(delta: delta, significance: share))
        // Other noise is normal only where it is large.
        guard claim.mechanism.variance >= Self.normalVariance,
            let bound = try draws.gaussianEpsilonLowerBound(delta: delta, significance: share)
        else { return [plain] }
        var normal = form("mechanism-normal", bound)
        normal.assumption = Self.normality
        return [plain, normal]
    }

    /// Grid units squared from which sums of Poisson variables differ from a normal one by less than a bound's width.
    private static let normalVariance = 1000.0

    /// Far above every round's number.
    private static let mechanismStream = 1 << 31
}
