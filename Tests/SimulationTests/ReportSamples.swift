import Foundation
@testable import Learning

@testable import Simulation

/// Reports of runs that did not happen, with plausible figures: what the report's tests look at.
enum ReportSamples: String, CaseIterable {
    case privateRun, withoutPrivacy, regression, abandonedRounds, oneRound, tenThousandRounds, nothing
    /// Without privacy, clipping, faults and latencies.
    case still
    /// Values in the unit of the data.
    case errors
    /// What the run was for each client.
    case fair

    var report: SimulationReport {
        switch self {
        case .privateRun: Self.privateReport(rounds: 30)
        case .withoutPrivacy: Self.openReport(rounds: 373)
        case .regression: Self.regressionReport()
        case .abandonedRounds: Self.abandonedReport()
        case .oneRound: Self.privateReport(rounds: 1)
        case .tenThousandRounds: Self.privateReport(rounds: 10_000)
        case .nothing: Self.emptyReport()
        case .still: Self.stillReport()
        case .errors: Self.errorReport()
        case .fair: Self.fairReport()
        }
    }

    /// A deterministic value in 0..<1 for anything that looks measured.
    static func jitter(_ index: Int, _ salt: Int = 0) -> Double {
        let mixed = (UInt64(index) &* 0x9E37_79B9_7F4A_7C15) ^ (UInt64(salt) &* 0xBF58_476D_1CE4_E5B9)
        let spread = (mixed ^ (mixed >> 29)) &* 0x94D0_49BB_1331_11EB
        return Double((spread ^ (spread >> 32)) >> 11) / 9_007_199_254_740_992
    }

    static func record(_ round: Int, of rounds: Int, every: Int = 1, reported: Int = 26) -> RoundRecord {
        let progress = Double(round) / Double(rounds)
        let evaluated = round % every == 0 || round == rounds
        return RoundRecord(
            round: round,
            accuracy: evaluated ? 0.88 - 0.76 * exp(-5 * progress) + 0.02 * jitter(round) : nil,
            loss: evaluated ? 0.42 + 1.9 * exp(-4 * progress) + 0.05 * jitter(round, 1) : nil,
            epsilon: 7.93 * progress.squareRoot(), epsilonServer: nil, clientsSelected: 30,
            clientsReported: reported + Int(4 * jitter(round, 2)), seconds: 0.021 + 0.004 * jitter(round, 3),
            evaluationSeconds: evaluated ? 0.006 + 0.001 * jitter(round, 4) : 0, bytesUp: 30 * 27_312,
            bytesDown: 30 * 38_416, virtualSeconds: 14.2 * Double(round) + 3 * jitter(round, 5),
            abandoned: nil)
    }

    static func diagnostics(_ round: Int, of rounds: Int) -> RoundDiagnostics {
        let size = 0.5 + 0.9 * exp(-3 * Double(round) / Double(rounds)) + 0.1 * jitter(round, 6)
        return RoundDiagnostics(
            round: round, updateNorms: [0.4, 0.8, 1, 1.25, 1.9].map { $0 * size },
            clippedFraction: min(1, max(0, size - 0.3)),
            clientLoss: 0.3 + 1.7 * exp(-5 * Double(round) / Double(rounds)),
            clientsFailed: 0)
    }

    static func summary(rounds: Int) -> SimulationSummary {
        SimulationSummary(
            task: "digits", roundsCompleted: rounds, roundsAbandoned: 0, finalAccuracy: 0.8733,
            bestAccuracy: 0.8867,
            finalLoss: 0.4613, epsilon: 7.9312, epsilonServer: nil, delta: 1e-5, accountant: "pld",
            adjacency: "add-or-remove-one", mechanism: "discrete_gaussian", sampling: "poisson",
            noiseMultiplier: 0.9421,
            clippingNorm: 0.5, noiseSource: "seeded", privacyMode: "central", secondsTotal: 1.284,
            secondsPerRoundMedian: 0.0231, peakRSSBytes: 74_231_808, clientsTrained: 27 * rounds,
            examplesTrained: 190 * rounds, bytesUp: rounds * 30 * 27_312, bytesDown: rounds * 30 * 38_416,
            modelSHA256: String(repeating: "9f86d081884c7d65", count: 4), seed: 1, workers: 2,
            version: "0.1.0",
            finished: "all rounds done",
            baselines: [
                .init(name: "without_privacy", accuracy: 0.9411, loss: 0.2132),
                .init(name: "central", accuracy: 0.9656, loss: 0.1251),
            ])
    }

    static func distribution(clients: Int, classes: Int) -> ClientDistribution {
        let sampled = ClientDistribution.evenSample(of: clients)
        return ClientDistribution(
            population: clients,
            clientSizes: (0..<clients).map { 3 + Int(9 * jitter($0, 7) * jitter($0, 8)) },
            classNames: (0..<classes).map(String.init), sampledClients: sampled,
            classCounts: sampled.map { client in
                (0..<classes).map { Int(20 * pow(jitter(client * 64 + $0, 9), 4)) }
            })
    }

    static let scenario = """
        {
          "simulation" : {
            "clients" : 200,
            "data" : { "format" : "csv", "label" : "digit", "path" : "data/digits.csv.gz" },
            "partition" : { "alpha" : 0.5, "scheme" : "dirichlet" },
            "seed" : 1
          },
          "task" : {
            "cohort_size" : 30,
            "model" : { "classes" : 10, "hidden" : [64], "preset" : "mlp" },
            "name" : "digits",
            "privacy" : { "calibrate" : true, "clipping_norm" : 0.5, "mode" : "central" },
            "rounds" : 30
          }
        }
        """

    static let command = "sordino simulate simulations/quickstart.json5 --seed 1"

    static func privateReport(rounds: Int) -> SimulationReport {
        SimulationReport(
            summary: summary(rounds: rounds), rounds: (1...rounds).map { record($0, of: rounds) },
            diagnostics: (1...rounds).map { diagnostics($0, of: rounds) },
            distribution: distribution(clients: 200, classes: 10), resolvedScenario: scenario,
            command: command,
            targetEpsilon: 8)
    }

    static func openReport(rounds: Int) -> SimulationReport {
        var report = privateReport(rounds: rounds)
        report.summary.task = "mnist-1000"
        report.summary.privacyMode = "none"
        report.summary.noiseSource = "none"
        report.summary.epsilon = nil
        report.summary.clippingNorm = nil
        report.summary.finished = "target accuracy of 0.95 reached"
        report.summary.baselines.removeFirst()
        report.rounds = (1...rounds).map { record($0, of: rounds, every: 5) }
        for index in report.rounds.indices { report.rounds[index].epsilon = nil }
        report.distribution = distribution(clients: 1000, classes: 26)
        report.targetEpsilon = nil
        report.resolvedScenario =
            "{\"simulation\":{\"clients\":1000},\"task\":{\"privacy\":{\"mode\":\"none\"}}}"
        return report
    }

    static func regressionReport() -> SimulationReport {
        var report = privateReport(rounds: 80)
        report.summary.task = "diabetes"
        report.summary.finalAccuracy = nil
        report.summary.bestAccuracy = nil
        report.summary.privacyMode = "distributed"
        report.summary.mechanism = "skellam"
        report.summary.epsilonServer = 11.204
        report.summary.noiseSource = "secure"
        report.summary.baselines = [
            .init(name: "without_privacy", accuracy: nil, loss: 0.31),
            .init(name: "central", accuracy: nil, loss: 0.29),
        ]
        for index in report.rounds.indices {
            report.rounds[index].accuracy = nil
            report.rounds[index].epsilonServer = report.rounds[index].epsilon.map { $0 * 1.41 }
        }
        report.distribution = ClientDistribution(
            population: 4, clientSizes: [46, 200, 130, 303], classNames: [], sampledClients: [],
            classCounts: [])
        report.targetEpsilon = 10
        return report
    }

    static func fairReport() -> SimulationReport {
        var report = stillReport()
        let accuracies: [Double?] = (0..<200).map { client in
            client % 7 == 0 ? nil : Double(client % 11) / 10
        }
        report.shares = ClientShares(
            accuracies: accuracies, participation: (0..<200).map { $0 % 6 }, bytesUp: 27_312,
            bytesDown: 38_416)
        report.summary.clientAccuracy = ClientAccuracy(accuracies.compactMap(\.self), examples: 400)
        return report
    }

    static func stillReport() -> SimulationReport {
        var report = openReport(rounds: 40)
        for index in report.rounds.indices { report.rounds[index].virtualSeconds = 0 }
        return report
    }

    static func errorReport() -> SimulationReport {
        var report = regressionReport()
        (report.summary.finalRMSE, report.summary.finalMAE, report.summary.finalR2) = (54.2, 43.1, 0.49)
        report.summary.baselines = [.init(name: "central", accuracy: nil, loss: 0.29, rmse: 51.7)]
        for index in report.rounds.indices {
            let rest = 79 - index
            report.rounds[index].rmse = 54.2 + Double(rest)
            report.rounds[index].mae = 43.1 + Double(rest)
            report.rounds[index].r2 = 0.49 - 0.01 * Double(rest)
        }
        return report
    }

    /// What a model scores that took classes for each other like this: true class by row.
    static func evaluation(_ confusion: [[Int]]) -> EvaluationMetrics {
        let classes = confusion.indices
        var metrics = EvaluationMetrics(examples: confusion.joined().reduce(0, +), loss: 0.5)
        metrics.confusion = confusion
        metrics.perClass = classes.map { index in
            EvaluationMetrics.Scores(
                hits: confusion[index][index], predicted: classes.reduce(0) { $0 + confusion[$1][index] },
                actual: confusion[index].reduce(0, +))
        }
        return metrics
    }

    static func abandonedReport() -> SimulationReport {
        var report = privateReport(rounds: 60)
        for index in [3, 17, 18, 41] {
            report.rounds[index].abandoned = "only 12 of at least 20 clients reported before the deadline"
            report.rounds[index].accuracy = nil
            report.rounds[index].loss = nil
            report.rounds[index].clientsReported = 12
        }
        report.diagnostics.removeAll { [4, 18, 19, 42].contains($0.round) }
        report.summary.roundsCompleted = 56
        report.summary.roundsAbandoned = 4
        report.summary.baselines = []
        report.diagnostics[9].updateNorms = [0.3, 0.6, 0.9, 2, 900]
        return report
    }

    static func emptyReport() -> SimulationReport {
        var report = privateReport(rounds: 1)
        report.rounds = []
        report.diagnostics = []
        report.distribution = ClientDistribution(population: 0, clientSizes: [])
        report.summary.roundsCompleted = 0
        report.summary.finalAccuracy = nil
        report.summary.bestAccuracy = nil
        report.summary.finalLoss = nil
        report.summary.epsilon = nil
        report.summary.secondsPerRoundMedian = nil
        report.summary.baselines = []
        return report
    }
}
