internal import Configuration
package import Encoding
package import Privacy

/// A plan that privacy forbids: the budget affords not even one round.
package struct PrivacyRefusal: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// The privacy of a task, resolved: grid, sensitivity, noise, and the event of one round.
package struct PrivacyPlan: Sendable {
    package let configuration: PrivacyConfiguration
    /// Clipping and grid of the encoded updates; Δ̃, the norm that encoding keeps, is its sensitivity.
    package let rounding: GridRounding
    /// Standard deviation of the noise divided by the sensitivity under the stated adjacency.
    package let noiseMultiplier: Double
    /// The noise that the noise-adder draws: the server on the sum, or each client, whole (`local`) or a share
    /// (`distributed`).
    package let mechanism: any PrivacyMechanism
    /// Noise that clients add in shares; nil where they do not.
    private let shares: SharedNoise?
    /// Ring width of the reports.
    private let bits: Int
    /// Where clipping adapts: its state before the first round, and the noise of its count.
    package let adaptiveClipping: AdaptiveClipping?
    package let countMechanism: (any PrivacyMechanism)?
    /// Noise over rounds (DP-FTRL); nil where each round has noise of its own.
    package let tree: TreeAggregation?
    /// What one round costs whoever sees the released models; with tree noise what a whole tree of rounds costs
    /// a client that is in one of them.
    private let roundEvent: PrivacyEvent
    /// What one round costs against the server; nil: unbounded (the server sees exact sums or updates).
    package let serverEvent: PrivacyEvent?
    /// What one round costs against other members of its cohort, or a tree of rounds as a whole.
    private let membersEvent: PrivacyEvent
    /// Rounds that `target_epsilon` affords; nil: no budget was set.
    package let affordableRounds: Int?
    /// Rényi divergences of one round; nil where Rényi accounting does not know the event.
    private let roundCurve: RenyiCurve?
    private let serverCurve: RenyiCurve?
    private let membersCurve: RenyiCurve?

    init(_ task: TaskConfiguration, cohort: CohortPlan, dimension: Int) throws {
        let configuration = task.privacy
        let frame = try PrivacyFrame(task, cohort: cohort, dimension: dimension)
        let multiplier: Double
        if let given = configuration.noiseMultiplier {
            multiplier = given
        } else {
            guard let target = configuration.targetEpsilon else {
                throw ConfigurationError(
                    path: "task.privacy.target_epsilon", problem: "is needed to calibrate the noise")
            }
            multiplier = try frame.calibratedMultiplier(target: target, rounds: task.rounds)
        }
        self = try frame.plan(noiseMultiplier: multiplier, rounds: task.rounds)
    }

    init(
        configuration: PrivacyConfiguration, noiseMultiplier: Double, parts: PrivacyFrame.Parts, rounds: Int
    ) throws {
        self.configuration = configuration
        self.noiseMultiplier = noiseMultiplier
        rounding = parts.rounding
        mechanism = parts.mechanism
        bits = parts.bits
        countMechanism = parts.countMechanism
        tree = parts.tree
        shares = parts.shares
        adaptiveClipping = try configuration.adaptiveClipping?.start(at: configuration.clippingNorm)
        let roundEvent = parts.event
        self.roundEvent = roundEvent
        roundCurve = Self.curve(roundEvent)
        serverCurve = parts.serverEvent.flatMap(Self.curve)
        serverEvent = parts.serverEvent
        membersEvent = parts.membersEvent
        membersCurve = Self.curve(parts.membersEvent)
        affordableRounds = try configuration.targetEpsilon.map { target in
            try Self.affordableRounds(roundEvent, configuration, target: target, rounds: rounds)
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

    /// What the ledger charges for a round against whoever sees the released models, `charge` being the round's
    /// number among the charged ones, from 1: its event, or a whole tree's with the tree's first round.
    package func events(charge: Int) -> [PrivacyEvent] {
        guard let tree else { return [roundEvent] }
        return tree.isFirstOfTree(step: charge) ? [roundEvent] : []
    }

    /// The same against other members of a cohort.
    package func membersEvents(charge: Int) -> [PrivacyEvent] {
        guard let tree else { return [membersEvent] }
        return tree.isFirstOfTree(step: charge) ? [membersEvent] : []
    }

    /// The least number of charged rounds that have so many events.
    package func rounds(events: Int) -> Int {
        guard let tree, events > 0 else { return events }
        return (events - 1) * tree.leaves + 1
    }

    /// Name of the mechanism as configurations and reports write it.
    package var mechanismName: String { tree == nil ? mechanism.name : configuration.mechanism }

    /// The guarantee after `rounds` charged rounds against whoever sees the released models.
    package func spent(rounds: Int, accountant: AccountantKind? = nil) throws -> PrivacyGuarantee {
        try Self.guarantee(roundEvent, configuration, rounds: rounds, accountant: accountant)
    }

    /// The guarantee after `rounds` charged rounds against other members of the cohorts, colluding ones at the rate that
    /// the task assumes.
    package func spentAgainstMembers(rounds: Int, accountant: AccountantKind? = nil) throws
        -> PrivacyGuarantee
    {
        try Self.guarantee(membersEvent, configuration, rounds: rounds, accountant: accountant)
    }

    /// ε after `rounds` by Rényi accounting alone, which takes no time and is never below the truth: for every
    /// round's record. Falls back to the configured accountant where Rényi accounting does not know the event.
    package func epsilonQuickly(rounds: Int) throws -> Double {
        guard let roundCurve else { return try spent(rounds: rounds).epsilon }
        return epsilon(of: roundCurve, rounds: rounds)
    }

    /// The same against the server; infinite where nothing bounds it.
    package func epsilonAgainstServerQuickly(rounds: Int) throws -> Double {
        guard let serverCurve else { return try spentAgainstServer(rounds: rounds)?.epsilon ?? .infinity }
        return epsilon(of: serverCurve, rounds: rounds)
    }

    /// The same against other members.
    package func epsilonAgainstMembersQuickly(rounds: Int) throws -> Double {
        guard let membersCurve else { return try spentAgainstMembers(rounds: rounds).epsilon }
        return epsilon(of: membersCurve, rounds: rounds)
    }

    private func epsilon(of curve: RenyiCurve, rounds: Int) -> Double {
        var total = RenyiCurve(orders: curve.orders)
        total.add(curve, steps: tree?.trees(steps: rounds) ?? rounds)
        return total.epsilon(delta: Self.accountedDelta(configuration)).epsilon
    }

    /// The same against the server; nil: unbounded.
    package func spentAgainstServer(rounds: Int, accountant: AccountantKind? = nil) throws
        -> PrivacyGuarantee?
    {
        try serverEvent.map { try Self.guarantee($0, configuration, rounds: rounds, accountant: accountant) }
    }

    /// Ring and grid of the reports.
    package var codec: FixedPointCodec { FixedPointCodec(bits: bits, scale: rounding.scale) }

    /// Largest squared norm of one encoded update, in grid units squared.
    package var squaredNormBound: UInt64 { rounding.squaredNormBound }

    /// Whether half a grid unit is less than 1/8192 of the noise's deviation: the bias of rounding to nearest is
    /// then beneath notice. The norm bound is the same either way.
    package var roundsToNearest: Bool { configuration.mode != .distributed && mechanism.variance >= 0x1p24 }

    /// Whether updates are rotated at random before rounding, so that no coordinate of a sum stands out and wraps.
    package var rotates: Bool { configuration.mode == .distributed }

    /// Whether each client adds noise to its own update.
    package var clientsAddNoise: Bool { configuration.mode == .local || configuration.mode == .distributed }

    /// Grid points a model unit while updates are clipped to `norm`: a clipped update fills the same ball of
    /// integers whatever the norm, so that the noise need not change with it.
    package func scale(forClippingNorm norm: Double) -> Double {
        rounding.scale * (configuration.clippingNorm / norm)
    }

    /// What each client adds to its update in a round of so many members: all of the noise (`local`) or a share
    /// (`distributed`).
    package func clientNoise(members: Int) throws -> any PrivacyMechanism {
        try shares?.share(members: members) ?? mechanism
    }

    /// Whether the noise that a client adds depends on the round's number of members.
    package var noiseFollowsMembers: Bool { shares?.shares.followsMembers == true }

    /// Smallest share of the invited whose sum may be released, 0 to 1.
    var minimumShare: Double {
        guard let shares, shares.shares.followsMembers else { return 0 }
        return 1 - shares.shares.dropoutRate
    }

    /// The noise that ``topUp(_:members:survivors:from:)`` adds; nil for none.
    package func topUpNoise(members: Int, survivors: Int) throws -> (any PrivacyMechanism)? {
        try shares?.topUp(members: members, survivors: survivors)
    }

    /// Brings the noise of the survivors' shares to the variance that every sum of the task has, where the sizes of
    /// cohorts must not show. It counts against whoever sees released models, never against the server.
    package func topUp(
        _ sum: inout RingVector, members: Int, survivors: Int, from source: inout some NoiseSource
    ) throws {
        guard let missing = try topUpNoise(members: members, survivors: survivors) else { return }
        let noise = try missing.draw(count: rounding.dimension, from: &source)
        noise.withUnsafeBufferPointer { sum.add(integers: $0) }
    }

    /// Adds the server's noise to an exact sum. Reduction modulo 2^bits comes after the noise, so that a wrap is
    /// post-processing and can hurt accuracy only. After a thrown error the sum must not be used.
    package func addCentralNoise(to sum: inout RingVector, from source: inout some NoiseSource) throws {
        let dimension = rounding.dimension
        try mechanism.draw(count: dimension, from: &source) { sum.add(integers: $1, at: $0) }
        try countMechanism?.draw(count: 1, from: &source) { sum.add(integers: $1, at: dimension + $0) }
    }

    /// Adds the tree's noise to the exact sum of the charged round number `step`, from 1. `source` gives the
    /// noise stream of a step, the same whenever it is asked (``TreeAggregation``).
    package func addTreeNoise<Source: NoiseSource>(
        to sum: inout RingVector, step: Int, from source: (_ step: Int) throws -> Source
    ) throws {
        guard let tree else { preconditionFailure("the plan has no tree") }
        var noise = [Int64](repeating: 0, count: rounding.dimension)
        try noise.withUnsafeMutableBufferPointer {
            try tree.drawIncrement(step: step, into: $0, source: source)
        }
        noise.withUnsafeBufferPointer { sum.add(integers: $0) }
    }

    /// Fractional orders are proved for the Gaussian; whole ones for every mechanism.
    private static func curve(_ event: PrivacyEvent) -> RenyiCurve? {
        let orders =
            if case .gaussian = event.mechanism { RenyiOrders.standard } else { RenyiOrders.integers }
        return try? RDPAccountant([event]).curve(at: orders)
    }

    /// The δ left for the noise: abandoning a round for want of survivors tells of the cohort's size, and under
    /// Poisson sampling the plan keeps the chance of that within a hundredth of δ over the whole run.
    static func accountedDelta(_ configuration: PrivacyConfiguration) -> Double {
        let tellsOfSize = configuration.mode == .distributed && configuration.sampling == .poisson
        return tellsOfSize ? 0.99 * configuration.targetDelta : configuration.targetDelta
    }

    static func guarantee(
        _ event: PrivacyEvent, _ configuration: PrivacyConfiguration, rounds: Int, accountant: AccountantKind?
    ) throws -> PrivacyGuarantee {
        var event = event
        if case .tree(let multiplier, _) = event.mechanism {
            let trees = (rounds + event.steps - 1) / event.steps
            event.mechanism = .tree(noiseMultiplier: multiplier, participations: trees)
        } else {
            event.steps = rounds
        }
        return try PrivacyGuarantee.of(
            [event], delta: accountedDelta(configuration), accountant: accountant ?? configuration.accountant)
    }

    /// The greatest number of rounds, up to `rounds`, whose ε stays within the target.
    private static func affordableRounds(
        _ event: PrivacyEvent, _ configuration: PrivacyConfiguration, target: Double, rounds: Int
    ) throws -> Int {
        // Calibration ends just below its target; rounding may carry the last digit over it.
        let limit = target * (1 + 1e-9)
        func fits(_ count: Int) throws -> Bool {
            try guarantee(event, configuration, rounds: count, accountant: nil).epsilon <= limit
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
