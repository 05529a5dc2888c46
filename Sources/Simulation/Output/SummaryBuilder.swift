internal import Cryptography
internal import Datasets
internal import Federation
internal import Operations
internal import Privacy

/// Adds a run up.
enum SummaryBuilder {
    static func summary(
        scenario: Scenario, setup: SimulationSetup, progress: Simulator.Progress, model: TensorFile?,
        seconds: Double
    ) throws -> SimulationSummary {
        let published = progress.records.filter { $0.abandoned == nil }
        let evaluated = published.filter { $0.accuracy != nil || $0.loss != nil }
        let privacy = setup.plan.privacy
        let spent = try privacy?.spent(rounds: progress.charged)
        let server = try privacy?.spentAgainstServer(rounds: progress.charged)
        let members = try privacy?.spentAgainstMembers(rounds: progress.charged)
        let digest = try model?.digest()
        return SimulationSummary(
            task: scenario.task.name, roundsCompleted: progress.published,
            roundsAbandoned: progress.records.count - published.count,
            finalAccuracy: evaluated.last?.accuracy,
            bestAccuracy: evaluated.compactMap(\.accuracy).max(), finalLoss: evaluated.last?.loss,
            finalMAE: evaluated.last?.mae, finalRMSE: evaluated.last?.rmse, finalR2: evaluated.last?.r2,
            epsilon: finite(spent?.epsilon), epsilonServer: finite(server?.epsilon),
            epsilonMembers: finite(members?.epsilon),
            delta: privacy == nil && setup.plan.example == nil ? nil : scenario.task.privacy.targetDelta,
            epsilonExample: finite(try exampleEpsilon(setup, rounds: progress.charged)),
            accountant: spent?.accountant.rawValue,
            adjacency: privacy?.configuration.adjacency.rawValue, mechanism: privacy?.mechanismName,
            sampling: privacy?.configuration.sampling.rawValue, noiseMultiplier: privacy?.noiseMultiplier,
            clippingNorm: privacy?.configuration.clippingNorm,
            noiseSource: privacy == nil && setup.plan.example == nil ? "none" : setup.noise.name,
            privacyMode: scenario.task.privacy.mode.rawValue, secondsTotal: seconds,
            secondsPerRoundMedian: median(published.map(\.seconds)),
            peakRSSBytes: ProcessMemory.peakResidentBytes ?? 0, clientsTrained: progress.clientsTrained,
            examplesTrained: progress.examplesTrained,
            bytesUp: progress.records.reduce(0) { $0 + $1.bytesUp },
            bytesDown: progress.records.reduce(0) { $0 + $1.bytesDown },
            modelSHA256: digest, seed: setup.seed, workers: setup.workers,
            version: ProductVersion.current, finished: "", baselines: [])
    }

    /// A client is taken to have been in every round.
    private static func exampleEpsilon(_ setup: SimulationSetup, rounds: Int) throws -> Double? {
        try setup.plan.example?.epsilon(rounds: rounds, delta: setup.plan.configuration.privacy.targetDelta)
    }

    private static func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }

    private static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
