internal import Compute
internal import Configuration
internal import Datasets
internal import Federation
internal import Glibc
internal import Privacy

/// Many releases of one round's kind with a client, and as many without it: the worst neighbours that there are.
///
/// All other clients send one direction backwards, the client sends it forwards, so that whatever its presence changes,
/// the sum, the divisor or who else is in the cohort, moves the published model along that direction, or shows in how far
/// the noise moves it otherwise. Neighbours are those of the plan's adjacency: without the client the roster is shorter by
/// one under Poisson sampling, and its report does not come where no sampling is claimed; where data are replaced it sends
/// what the others send.
struct ReleaseAudit {
    private let setup: SimulationSetup
    private let releases: Int
    /// Which data sets are neighbours, and who is drawn.
    private let neighbours: PrivacyConfiguration

    /// Releases of each kind by default: as many as fit about so many coordinates of updates.
    static let work = 4e8
    static let releaseRange = 200...4000

    /// δ at which the claim of one release is tried beside the task's.
    private static let deltas = [1e-3, 0.03, 0.1]

    /// Nil where releases are not independent of one another, or show no sum: the note says so.
    static func make(
        _ setup: SimulationSetup, claim: PrivacyConfiguration, releases: Int?
    ) throws -> (audit: ReleaseAudit?, note: String?) {
        let plan = setup.plan
        guard let privacy = plan.privacy else { return (nil, nil) }
        let mode = privacy.configuration.mode
        if privacy.tree != nil {
            return (nil, "releases: not tried, since noise in trees is not each round's own")
        }
        if mode == .local {
            return (nil, "releases: not tried, since canaries tell of single reports already")
        }
        guard plan.stateNames.isEmpty else {
            return (
                nil,
                "releases: not tried, since strategy \"\(plan.configuration.strategy.name)\" or the download's grid "
                    + "remembers earlier rounds"
            )
        }
        guard privacy.configuration.adaptiveClipping == nil else {
            return (nil, "releases: not tried, since the clipping norm follows earlier rounds")
        }
        let cost = Double(plan.greatestCohort) * Double(plan.dimension)
        let count = releases ?? min(max(Int(work / cost), releaseRange.lowerBound), releaseRange.upperBound)
        do {
            return (try ReleaseAudit(setup, claim: claim, releases: count), nil)
        } catch let error as ConfigurationError {
            return (nil, "releases: not tried: \(error)")
        }
    }

    private init(_ setup: SimulationSetup, claim: PrivacyConfiguration, releases: Int) throws {
        self.releases = releases
        let plan = setup.plan
        // Where no sampling is claimed an observer knows the cohort: all of it is the roster here.
        let population = claim.sampling == .none ? plan.greatestCohort : plan.population
        var own = setup
        own.plan = try plan.lasting(rounds: releases, population: population)
        own.partition = Partition(clients: (0..<population).map { Array(setup.partition[$0]) })
        (own.holdout, own.clientHoldout, own.attack) = (nil, nil, nil)
        self.setup = own
        neighbours = claim
    }

    /// What was measured, against what `claim` says of one round, and where rounds compose as Gaussians do of `rounds`. Each
    /// form has this significance. Nil where the observer wanted to stop.
    func run(
        claim: PrivacyPlan, rounds: Int, significance: Double, _ observer: any SimulationObserver
    ) throws -> [AuditOutcome.Form]? {
        guard let with = try movements(isIn: true, observer),
            let without = try movements(isIn: false, observer)
        else { return nil }
        let along = Distinguisher(inside: with.map(\.along), outside: without.map(\.along))
        let rest = Distinguisher(inside: with.map(\.rest), outside: without.map(\.rest))
        let deltas = [claim.configuration.targetDelta] + Self.deltas
        let each = significance / Double(2 * deltas.count)
        let tried = try deltas.map { delta in
            let bound = max(
                try along.epsilonLowerBound(delta: delta, significance: each),
                try rest.epsilonLowerBound(delta: delta, significance: each))
            let claimed = try PrivacyGuarantee.of(claim.events(charge: 1), delta: delta).epsilon
            return AuditOutcome.Form(
                name: "releases", claimed: claimed, lowerBound: bound, delta: delta, scope: .release)
        }
        // Of all δ that one where the claim fares worst.
        var forms = tried.sorted { $0.lowerBound - $0.claimed > $1.lowerBound - $1.claimed }.prefix(1).map {
            $0
        }
        if claim.configuration.sampling == .none,
            let shift = NormalShift(inside: with.map(\.along), outside: without.map(\.along))
        {
            let mu = shift.lowerBound(significance: significance) * Double(rounds).squareRoot()
            let delta = claim.configuration.targetDelta
            forms.append(
                AuditOutcome.Form(
                    name: "releases-normal", claimed: try claim.spent(rounds: rounds).epsilon,
                    lowerBound: AnalyticGaussian(mu: mu).epsilon(delta: delta), delta: delta, scope: .run,
                    assumption: AuditRun.normality))
        }
        return forms
    }

    /// Nil where the observer wanted to stop.
    private func movements(isIn: Bool, _ observer: any SimulationObserver) throws
        -> [ReleaseMovements.Movement]?
    {
        var setup = setup
        let target = setup.partition.clientCount - 1
        let (forwards, backwards) = (CanaryFleet.overshoot, -CanaryFleet.overshoot)
        var parts = (0..<target).reduce(into: [Int: CanaryFleet.Part]()) {
            $0[$1] = CanaryFleet.Part(direction: 0, isSteady: true, length: backwards)
        }
        let isReplaced = neighbours.adjacency == .replaceOne
        parts[target] = .init(
            direction: 0, isSteady: true, length: isIn || !isReplaced ? forwards : backwards)
        // Noise and cohorts of the two kinds are independent.
        setup.seed = setup.seed &+ (isIn ? 0x51_7cc1_b727_2202 : 0x2f_6e2b_1bb5_4a32)
        if case .seeded = setup.noise { setup.noise = .seeded(setup.seed) }
        var fleet = CanaryFleet(parts, directions: CanaryDirections(setup.plan, seed: setup.seed))
        let movements = ReleaseMovements(fleet.directions)
        fleet.movements = movements
        if !isIn, !isReplaced {
            if neighbours.sampling == .poisson {
                setup.partition = Partition(clients: (0..<target).map { Array(setup.partition[$0]) })
            } else if setup.plan.rules.minimumReports < setup.partition.clientCount {
                fleet.absent = [target]
            } else {
                fleet.silence(target)
            }
        }
        setup.canaries = fleet
        let simulator = try Simulator(setup, journal: SilentJournal())
        guard try simulator.run(StopListener(observer)) != nil else { return nil }
        return movements.all
    }
}

/// Stops a run when somebody else's is to be stopped, and tells nobody of its rounds.
private final class StopListener: SimulationObserver {
    private let other: any SimulationObserver

    init(_ other: any SimulationObserver) { self.other = other }

    func roundEnded(_ record: RoundRecord, of rounds: Int) {}
    func warned(_ warning: String) {}
    var wantsToStop: Bool { other.wantsToStop }
}
