internal import Compute
internal import Configuration
internal import Datasets
internal import Federation
internal import Glibc
internal import Learning

/// Membership inference on a scenario's last model, as `simulation.privacy_attack.membership_inference` says: runs of the same
/// scenario, each with a seeded half of the records or clients.
struct MembershipAttack {
    private static let path = "simulation.privacy_attack.membership_inference"
    /// Far above every client's number, so that no hostile client draws from the same stream.
    private static let streams = 1 << 29

    private let configuration: MembershipConfiguration
    private let setup: SimulationSetup
    private let evaluator: Evaluator
    /// All rows that clients have, client by client, and which unit each belongs to.
    private let rows: [Int32]
    private let units: [Int]
    private let unitCount: Int

    /// Throws ``ConfigurationError`` where the attack has no meaning on these data, this model or this partition.
    init(_ configuration: MembershipConfiguration, _ setup: SimulationSetup) throws {
        (self.configuration, self.setup) = (configuration, setup)
        let plan = setup.plan
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: Self.path, problem: problem)
        }
        guard case .classes = setup.training.targets else {
            throw refuse("asks how sure a model is of a class, and these data have none")
        }
        evaluator = try Evaluator(
            model: plan.model, options: plan.training, targets: setup.training.targets)
        guard evaluator.tellsClasses, plan.ownContent == nil, setup.attack == nil else {
            throw refuse(
                "needs one model for all whose outputs are probabilities: remove simulation.attack, local parameters "
                    + "and models of clients' own, and losses without a link")
        }
        let partition = setup.partition
        let clients = 0..<partition.clientCount
        rows = clients.flatMap { Array(partition[$0]) }
        guard Set(rows).count == rows.count else {
            throw refuse("needs rows that are held once; without with_replacement they are")
        }
        switch configuration.unit {
        case .record: (units, unitCount) = (Array(rows.indices), rows.count)
        case .client:
            units = clients.flatMap { client in partition[client].map { _ in client } }
            unitCount = partition.clientCount
        }
        guard unitCount >= 4 else { throw refuse("needs at least 4 to tell members from others") }
    }

    /// Plays the runs, one after another, and keeps of each what it says of every unit. `ended` is told how many are done, and says
    /// whether to stop; the result is then nil. Throws ``ConfigurationError`` where a run publishes nothing.
    func run(_ ended: (Int) -> Bool = { _ in false }) throws -> (
        outcome: MembershipOutcome, curves: MembershipCurves
    )? {
        let examples = setup.training.taking(rows)
        let start = setup.plan.model.initialParameters(seed: setup.seed)
        var confidence: [[Double]] = []
        var membership: [[Bool]] = []
        var charged = 0
        for number in 0...configuration.shadows {
            var random = SeededGenerator(
                seed: setup.seed, purpose: .attack, client: Self.streams, round: number)
            let isIn = half(using: &random)
            let shadow = self.shadow(with: isIn, seed: random.next())
            let simulator = try Simulator(
                shadow, journal: SilentJournal(), from: Simulator.Progress(parameters: start))
            _ = try simulator.run()
            guard simulator.progress.published > 0 else {
                throw ConfigurationError(
                    path: Self.path,
                    problem: "a run with half of the \(configuration.unit.rawValue)s publishes no model: "
                        + "lower task.min_reports, or give clients more records")
            }
            charged = max(charged, simulator.progress.charged)
            confidence.append(means(evaluator.margins(simulator.progress.parameters.values, on: examples)))
            membership.append(isIn)
            if ended(number + 1) { return nil }
        }
        let ceiling = try MembershipCeiling(setup.plan, unit: configuration.unit, rounds: charged)
        return Self.outcome(
            MembershipScores(confidence: confidence, isMember: membership), configuration, ceiling)
    }

    /// Half of the units, drawn anew for each run, so that what other runs had tells nothing of this one's draw.
    private func half(using random: inout SeededGenerator) -> [Bool] {
        var isIn = (0..<unitCount).map { $0 % 2 == 0 }
        isIn.shuffle(using: &random)
        return isIn
    }

    /// The scenario with some of its units. Initial weights are public and stay; all other randomness is drawn again, the noise
    /// above all: in two runs with the same noise no noise would be between them.
    private func shadow(with isIn: [Bool], seed: UInt64) -> SimulationSetup {
        var place = 0
        let clients = (0..<setup.partition.clientCount).map { client -> [Int32] in
            setup.partition[client].filter { _ in
                defer { place += 1 }
                return isIn[units[place]]
            }
        }
        var shadow = setup
        shadow.partition = Partition(clients: clients)
        shadow.seed = seed
        shadow.noise = .seeded(seed)
        (shadow.holdout, shadow.clientHoldout, shadow.masks) = (nil, nil, false)
        return shadow
    }

    /// The mean over each unit's rows.
    private func means(_ values: [Double]) -> [Double] {
        var sums = [Double](repeating: 0, count: unitCount)
        var counts = [Double](repeating: 0, count: unitCount)
        for (value, unit) in zip(values, units) {
            sums[unit] += value
            counts[unit] += 1
        }
        return zip(sums, counts).map { $1 > 0 ? $0 / $1 : 0 }
    }

    /// The figures of all statistics, and their curves.
    static func outcome(
        _ scores: MembershipScores, _ configuration: MembershipConfiguration, _ ceiling: MembershipCeiling?
    ) -> (outcome: MembershipOutcome, curves: MembershipCurves) {
        let all = MembershipScores.Statistic.allCases.map { statistic in
            (statistic: statistic, scored: scores.scored(statistic))
        }
        let together = all.map { RateCurve($0.scored.flatMap { $0 }) }
        // A rate that not even one of the others makes up cannot be told.
        func canTell(_ rate: Double) -> Bool { together.allSatisfy { Double($0.counts.others) * rate >= 1 } }
        let attacks = zip(all, together).map { found, curve in
            let areas = found.scored.map { RateCurve($0).area }
            let center = mean(areas)
            let variance =
                areas.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(max(1, areas.count - 1))
            return MembershipOutcome.Attack(
                name: found.statistic.rawValue, auc: center,
                aucError: (variance / Double(areas.count)).squareRoot(),
                tprAtHundredth: canTell(0.01) ? curve.truePositiveRate(at: 0.01) : nil,
                tprAtThousandth: canTell(0.001) ? curve.truePositiveRate(at: 0.001) : nil)
        }
        let drawn = (0...60).map { pow(10, -3 + 3 * Double($0) / 60) }
        func points(_ rate: (Double) -> Double) -> MembershipCurves.Points { drawn.map { ($0, rate($0)) } }
        return (
            MembershipOutcome(
                unit: configuration.unit.rawValue, runs: scores.confidence.count,
                members: together[0].counts.members, others: together[0].counts.others,
                attacks: attacks,
                ceiling: ceiling.map {
                    .init(
                        auc: $0.area, tprAtHundredth: $0.truePositiveRate(at: 0.01),
                        tprAtThousandth: $0.truePositiveRate(at: 0.001))
                }),
            MembershipCurves(
                attacks: zip(all, together).map { found, curve in
                    (found.statistic.rawValue, points(curve.truePositiveRate).filter { canTell($0.x) })
                },
                ceiling: ceiling.map { ceiling in points { ceiling.truePositiveRate(at: $0) } } ?? [])
        )
    }

    private static func mean(_ values: [Double]) -> Double {
        values.reduce(0, +) / Double(max(1, values.count))
    }
}
