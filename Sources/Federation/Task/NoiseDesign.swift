internal import Configuration
internal import Glibc
internal import Privacy
internal import SecureAggregation

/// Everything of a privacy plan but the amount of noise: from a noise multiplier it builds grid, sensitivity,
/// mechanism and event, so that calibration searches over the very event that will be charged.
struct NoiseDesign {
    private let configuration: PrivacyConfiguration
    private let sampling: PrivacyEvent.Sampling
    private let dimension: Int
    /// Most reports in a sum.
    private let reports: Int
    private let expectedCohort: Int
    /// Who brings the noise under `distributed`.
    private let shares: NoiseShares?
    /// Distance between neighbouring sums in clipping norms: replace-one moves one update across its ball.
    private let distance: Double
    /// Rounds of one tree of noise; nil for noise of each round's own.
    private let roundsPerTree: Int?
    /// Noise over rounds by a matrix; nil for others.
    private let matrix: MatrixDesign?
    /// Most rounds that one client is in; nil: it may be in all.
    private let participations: Int?

    init(_ task: TaskConfiguration, cohort: CohortPlan, dimension: Int) throws {
        let configuration = task.privacy
        self.configuration = configuration
        shares = configuration.mode == .distributed ? try NoiseShares(task, cohort: cohort) : nil
        self.dimension = dimension
        reports = cohort.greatestGroup
        expectedCohort = Int(cohort.expected)
        roundsPerTree = cohort.roundsPerTree
        matrix = try MatrixDesign(task, cohort: cohort)
        participations = task.asynchronous?.maximalParticipations
        distance = configuration.adjacency == .replaceOne ? 2 : 1
        switch (configuration.sampling, cohort.sampling) {
        case (.poisson, .poisson(let probability)): sampling = .poisson(probability: probability)
        case (.fixedSize, .fixedSize(let size)):
            sampling = .fixedSize(population: cohort.population, cohort: size)
        default: sampling = .none
        }
    }

    /// The plan with this much noise.
    func plan(noiseMultiplier: Double, rounds: Int) throws -> PrivacyPlan {
        let parts = try parts(noiseMultiplier)
        return try PrivacyPlan(
            configuration: configuration, noiseMultiplier: noiseMultiplier, parts: parts, rounds: rounds,
            participations: participations, indicatorShare: try indicatorShare(noiseMultiplier))
    }

    /// The clipping indicator's part of the norm of a vector that it rides in: the noise of the sum of ±1 is then what it is where it
    /// has noise of its own (``AdaptiveClipping/NoiseSplit``), and what the update is left with too.
    private func indicatorShare(_ multiplier: Double) throws -> Double? {
        guard configuration.mode == .distributed, configuration.adaptiveClipping != nil else { return nil }
        do {
            let split = try AdaptiveClipping.noiseSplit(noiseMultiplier: multiplier, cohort: expectedCohort)
            return multiplier / (2 * split.countDeviation)
        } catch {
            throw ConfigurationError(path: "task.privacy", problem: error.description)
        }
    }

    /// What follows from a noise multiplier.
    struct Parts {
        let rounding: GridRounding
        let noise: PrivacyPlan.Noise
        /// What a round costs, or what a tree of rounds costs as a whole.
        let event: PrivacyEvent
        /// Against the server; nil: unbounded.
        let serverEvent: PrivacyEvent?
        /// Against other members of a cohort.
        let membersEvent: PrivacyEvent
        let bits: Int
    }

    /// The least noise multiplier, to a relative 1e-4, whose ε after `rounds` stays within the target.
    func calibratedMultiplier(target: Double, rounds: Int) throws -> Double {
        let rounds = min(rounds, participations ?? rounds)
        func epsilon(_ multiplier: Double, _ accountant: AccountantKind) throws -> Double {
            try PrivacyPlan.guarantee(
                parts(multiplier).event, configuration, rounds: rounds, accountant: accountant
            )
            .epsilon
        }
        // Rényi accounting is fast and never below the truth: it brackets the answer for the others.
        let first: AccountantKind = configuration.accountant == .pld ? .pld : .rdp
        var most = 1.0
        while try epsilon(most, first) > target {
            most *= 2
            guard most < 0x1p40 else {
                throw PrivacyRefusal(
                    "task.privacy: no noise reaches target_epsilon \(target) in \(rounds) rounds")
            }
        }
        var least = most / 2
        while most == 1, try epsilon(least, first) <= target, least > 0x1p-20 { least /= 2 }
        try Self.narrow(&least, &most) { try epsilon($0, first) <= target }
        if configuration.accountant == .best, try epsilon(most, .best) < target * (1 - 1e-4) {
            // How much sharper the best value is has no bound: half the noise may do, and half of that.
            least = most / 2
            while try epsilon(least, .best) <= target, least > 0x1p-20 { (least, most) = (least / 2, least) }
            try Self.narrow(&least, &most) { try epsilon($0, .best) <= target }
        }
        return most
    }

    /// Bisects until the bracket is a relative 1e-4 wide; `fits` holds at `most` and is monotone.
    private static func narrow(_ least: inout Double, _ most: inout Double, _ fits: (Double) throws -> Bool)
        rethrows
    {
        while most > least * (1 + 1e-4) {
            let middle = (least * most).squareRoot()
            if try fits(middle) { most = middle } else { least = middle }
        }
    }

    /// Mechanisms for sums of clipped updates; the others of the catalog bound another norm, or nothing.
    private static let mechanisms =
        MechanismCatalog.all.filter(\.suitsUpdates).map(\.name) + PrivacyConfiguration.overRounds

    private func parts(_ multiplier: Double) throws -> Parts {
        guard Self.mechanisms.contains(configuration.mechanism) else {
            throw ConfigurationError(
                path: "task.privacy.mechanism",
                problem: Section.unknownName(configuration.mechanism, known: Self.mechanisms))
        }
        do {
            if let shares { return try distributedParts(multiplier, shares) }
            let rounding = try rounding(multiplier)
            var sensitivity = rounding.sensitivity
            sensitivity.l2 *= distance
            if let roundsPerTree {
                return try treeParts(multiplier * sensitivity.l2, rounding, sensitivity, roundsPerTree)
            }
            if let matrix { return try matrixParts(matrix, multiplier, rounding, sensitivity) }
            guard configuration.adaptiveClipping != nil else {
                let isLocal = configuration.mode == .local
                let mechanism = try mechanism(multiplier * sensitivity.l2)
                let event = event(mechanism.event(for: sensitivity))
                return Parts(
                    rounding: rounding,
                    noise: isLocal ? .local(mechanism) : .central(mechanism, count: nil),
                    event: event, serverEvent: isLocal ? event : nil,
                    membersEvent: againstMembers(event), bits: 32)
            }
            // Two Gaussians side by side cost what one costs whose inverse square is the sum of theirs.
            let split = try AdaptiveClipping.noiseSplit(noiseMultiplier: multiplier, cohort: expectedCohort)
            let event = event(.gaussian(noiseMultiplier: multiplier))
            return Parts(
                rounding: rounding,
                noise: .central(
                    try mechanism(split.updateMultiplier * sensitivity.l2),
                    count: try mechanism(2 * split.countDeviation * distance)), event: event,
                serverEvent: nil, membersEvent: againstMembers(event), bits: 32)
        } catch let error as MechanismError {
            throw ConfigurationError(path: "task.privacy", problem: error.description)
        } catch let error as MatrixError {
            throw ConfigurationError(path: "task.privacy.matrix", problem: error.description)
        } catch let error as ClippingError {
            throw ConfigurationError(path: "task.privacy", problem: error.description)
        }
    }

    /// Gaussian noise of this deviation in every node of trees over rounds.
    private func treeParts(
        _ deviation: Double, _ rounding: GridRounding, _ sensitivity: PrivacyEvent.IntegerSensitivity,
        _ roundsPerTree: Int
    ) throws -> Parts {
        let mechanism = try RoundedGaussian(sigma: deviation)
        let tree = try TreeAggregation(
            mechanism: mechanism, leaves: roundsPerTree, estimator: configuration.treeEstimator ?? .prefix)
        var event = event(tree.event(for: sensitivity))
        event.steps = roundsPerTree
        return Parts(
            rounding: rounding, noise: .tree(tree), event: event, serverEvent: nil,
            membersEvent: againstMembers(event), bits: 32)
    }

    /// Gaussian noise that the strategy makes rounds share.
    private func matrixParts(
        _ design: MatrixDesign, _ multiplier: Double, _ rounding: GridRounding,
        _ sensitivity: PrivacyEvent.IntegerSensitivity
    ) throws -> Parts {
        let matrix = try design.noise(
            multiplier: multiplier, contribution: sensitivity.l2, dimension: dimension)
        let event = event(matrix.event(for: sensitivity))
        return Parts(
            rounding: rounding, noise: .matrix(matrix, whole: try RoundedGaussian(sigma: matrix.deviation)),
            event: event, serverEvent: nil, membersEvent: againstMembers(event), bits: 32)
    }

    /// Noise in shares: sized so that the honest among the fewest survivors bring all of it; whoever is above that
    /// brings more.
    private func distributedParts(_ multiplier: Double, _ shares: NoiseShares) throws -> Parts {
        let inSum = multiplier * distance * shares.greatestExcess.squareRoot()
        // The rotation overlaps two transforms: a coordinate's second moment is below twice the even spread.
        let bits =
            shares.bits
            ?? min(
                32,
                max(
                    16,
                    1
                        + RingScale.bitsNeeded(
                            clients: reports, dimension: dimension, centralNoiseMultiplier: inSum,
                            deviations: shares.deviations)))
        guard
            let ring = RingScale(
                bits: bits, clients: reports, dimension: dimension, clippingNorm: configuration.clippingNorm,
                centralNoiseMultiplier: inSum, deviations: shares.deviations, flatness: 2)
        else {
            throw ConfigurationError(
                path: "task.secure_aggregation.bits",
                problem: "\(bits) cannot hold a sum of \(reports) reports")
        }
        let rounding = try GridRounding(
            clipping: NormClipping(bound: configuration.clippingNorm), scale: ring.scale, dimension: dimension
        )
        var sensitivity = rounding.sensitivity
        sensitivity.l2 *= distance
        let noise = SharedNoise(
            shares: shares, mechanismName: configuration.mechanism, deviation: multiplier * sensitivity.l2)
        let mechanism = try noise.share(members: reports)
        guard let sum = mechanism.event(for: sensitivity, sumOf: shares.honest(of: reports)) else {
            throw ConfigurationError(
                path: "task.privacy.mechanism",
                problem: "no bound is proved for a sum of \"\(mechanism.name)\" shares")
        }
        var serverEvent = event(sum)
        serverEvent.sampling = .none
        var released = event(sum)
        if case .skellam(let variance, let sensitivity) = sum {
            released.mechanism = .skellam(
                variance: variance * shares.releasedExcess, sensitivity: sensitivity)
        }
        return Parts(
            rounding: rounding, noise: .distributed(noise, share: mechanism), event: released,
            serverEvent: serverEvent, membersEvent: againstMembers(event(sum)), bits: bits)
    }

    /// What the event costs against other members of the cohort, who see what is released and more.
    ///
    /// Members of a masked round are told who its members are, so that no sampling hides a member from another, and
    /// that a client is not there shows in the roster itself: what is left is that its vector may be zero (zero-out).
    /// The event's noise is that of the honest among the fewest survivors: neither what colluding members brought nor what
    /// the server adds is in it. In the other modes a member learns of a round what everybody does, and whether it was
    /// itself invited. Under Poisson sampling that says nothing of others; of a fixed number of places one that
    /// colluders hold or miss is one less or more for the others, so that no amplification is claimed.
    private func againstMembers(_ event: PrivacyEvent) -> PrivacyEvent {
        var event = event
        switch configuration.mode {
        case .distributed:
            event.sampling = .none
            if event.adjacency == .addOrRemoveOne { event.adjacency = .zeroOut }
        case .central, .local, .none:
            if case .fixedSize = event.sampling { event.sampling = .none }
        }
        return event
    }

    private func mechanism(_ deviation: Double) throws -> any PrivacyMechanism {
        try MechanismCatalog.mechanism(named: configuration.mechanism, standardDeviation: deviation)
    }

    private func event(_ mechanism: PrivacyEvent.Mechanism) -> PrivacyEvent {
        PrivacyEvent(mechanism: mechanism, sampling: sampling, adjacency: configuration.adjacency)
    }

    /// The finest grid (its scale a power of two over the clipping norm) on which sums and noise stay within 32
    /// bits.
    private func rounding(_ multiplier: Double) throws -> GridRounding {
        // Draws in one sum: everybody's, or a tree's fresh node and those it replaces; a matrix says itself.
        let draws =
            roundsPerTree.map(AggregationTree.height) ?? (configuration.mode == .local ? reports : 1)
        let spread = matrix?.spread ?? Double(draws).squareRoot()
        // Twelve standard deviations: a coordinate wraps with probability below 1e-32.
        let headroom = Double(reports) + 12 * multiplier * distance * spread + 1
        let clipOnGrid = exp2(log2(0x1p31 / headroom).rounded(.down))
        return try GridRounding(
            clipping: NormClipping(bound: configuration.clippingNorm),
            scale: clipOnGrid / configuration.clippingNorm,
            dimension: dimension)
    }
}
