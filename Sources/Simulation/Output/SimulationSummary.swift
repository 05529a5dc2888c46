/// `summary.json`: what a finished or interrupted run amounts to.
package struct SimulationSummary: Codable, Equatable, Sendable {
    /// A run to compare with, made by the same command.
    package struct Baseline: Codable, Equatable, Sendable {
        /// `"central"` (all data in one place, no privacy) or `"without_privacy"` (the same federation).
        package var name: String
        package var accuracy: Double?
        package var loss: Double?
        /// Root mean squared error in the unit of the data; absent where classes are learnt.
        package var rmse: Double?

        package init(name: String, accuracy: Double?, loss: Double?, rmse: Double? = nil) {
            self.rmse = rmse
            self.name = name
            self.accuracy = accuracy
            self.loss = loss
        }
    }

    /// What hostile clients did.
    package struct Attack: Codable, Equatable, Sendable {
        /// The attack's name.
        package var name: String
        package var hostileClients: Int
        /// How often the last model takes hold-out images with the back door's pattern for the wanted class; absent without a
        /// back door.
        package var successRate: Double?

        package init(name: String, hostileClients: Int, successRate: Double?) {
            (self.name, self.hostileClients, self.successRate) = (name, hostileClients, successRate)
        }

        private enum CodingKeys: String, CodingKey {
            case name
            case hostileClients = "hostile_clients"
            case successRate = "success_rate"
        }
    }

    package var task: String
    package var roundsCompleted: Int
    package var roundsAbandoned: Int
    package var finalAccuracy: Double?
    package var bestAccuracy: Double?
    package var finalLoss: Double?
    /// As in the last evaluated round's record; null where classes are learnt.
    package var finalMAE: Double?
    package var finalRMSE: Double?
    package var finalR2: Double?
    /// ε against whoever sees the released models; null when unbounded.
    package var epsilon: Double?
    /// ε against the server; null when unbounded.
    package var epsilonServer: Double?
    /// ε against other members of the cohorts; null when unbounded.
    package var epsilonMembers: Double?
    package var delta: Double?
    /// ε of a record of a client that was in every round, against whoever sees that client's updates; null without
    /// `privacy.example`.
    package var epsilonExample: Double?
    /// Accountant whose value `epsilon` is.
    package var accountant: String?
    package var adjacency: String?
    package var mechanism: String?
    package var sampling: String?
    package var noiseMultiplier: Double?
    package var clippingNorm: Double?
    /// `"seeded"`: a rehearsal, private only while the seed is secret; `"secure"`: releasable; `"none"`.
    package var noiseSource: String
    package var privacyMode: String
    package var secondsTotal: Double
    package var secondsPerRoundMedian: Double?
    package var peakRSSBytes: Int
    package var clientsTrained: Int
    package var examplesTrained: Int
    package var bytesUp: Int
    package var bytesDown: Int
    /// SHA-256 of `model.safetensors`, lower-case hexadecimal; null where no round was published, which leaves no model.
    package var modelSHA256: String?
    package var seed: UInt64
    package var workers: Int
    package var version: String
    /// Why the run ended.
    package var finished: String
    /// What the run should be mistrusted for, such as training that diverges. From exact values of the simulated
    /// clients: not releasable.
    package var warnings: [String] = []
    package var baselines: [Baseline]
    /// The last model on what clients kept from training; null without `simulation.client_holdout`. From exact values of
    /// the simulated clients: not releasable.
    package var clientAccuracy: ClientAccuracy?
    /// What clients would use themselves; null where that is the last model and there is no more to tell. Not releasable.
    package var personal: PersonalFigures?
    /// Hostile clients and what they came to; null without.
    package var attack: Attack?
    /// What attacks on privacy found; null without. Not releasable.
    package var privacyAttack: PrivacyAttackOutcome?

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case task, epsilon, delta, accountant, adjacency, mechanism, sampling, seed, workers, version,
            finished
        case attack, baselines, warnings, personal
        case roundsCompleted = "rounds_completed"
        case roundsAbandoned = "rounds_abandoned"
        case finalAccuracy = "final_accuracy"
        case bestAccuracy = "best_accuracy"
        case finalLoss = "final_loss"
        case finalMAE = "final_mae"
        case finalRMSE = "final_rmse"
        case finalR2 = "final_r2"
        case epsilonServer = "epsilon_server"
        case epsilonMembers = "epsilon_members"
        case epsilonExample = "epsilon_example"
        case noiseMultiplier = "noise_multiplier"
        case clippingNorm = "clipping_norm"
        case noiseSource = "noise_source"
        case privacyMode = "privacy_mode"
        case secondsTotal = "seconds_total"
        case secondsPerRoundMedian = "seconds_per_round_median"
        case peakRSSBytes = "peak_rss_bytes"
        case clientsTrained = "clients_trained"
        case examplesTrained = "examples_trained"
        case bytesUp = "bytes_up"
        case bytesDown = "bytes_down"
        case modelSHA256 = "model_sha256"
        case clientAccuracy = "client_accuracy"
        case privacyAttack = "privacy_attack"
    }

    /// Writes every key, with null where a value is absent: readers find the same fields in every summary.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(task, forKey: .task)
        try container.encode(roundsCompleted, forKey: .roundsCompleted)
        try container.encode(roundsAbandoned, forKey: .roundsAbandoned)
        try container.encode(finalAccuracy, forKey: .finalAccuracy)
        try container.encode(bestAccuracy, forKey: .bestAccuracy)
        try container.encode(finalLoss, forKey: .finalLoss)
        try container.encode(finalMAE, forKey: .finalMAE)
        try container.encode(finalRMSE, forKey: .finalRMSE)
        try container.encode(finalR2, forKey: .finalR2)
        try container.encode(epsilon, forKey: .epsilon)
        try container.encode(epsilonServer, forKey: .epsilonServer)
        try container.encode(epsilonMembers, forKey: .epsilonMembers)
        try container.encode(epsilonExample, forKey: .epsilonExample)
        try container.encode(delta, forKey: .delta)
        try container.encode(accountant, forKey: .accountant)
        try container.encode(adjacency, forKey: .adjacency)
        try container.encode(mechanism, forKey: .mechanism)
        try container.encode(sampling, forKey: .sampling)
        try container.encode(noiseMultiplier, forKey: .noiseMultiplier)
        try container.encode(clippingNorm, forKey: .clippingNorm)
        try container.encode(noiseSource, forKey: .noiseSource)
        try container.encode(privacyMode, forKey: .privacyMode)
        try container.encode(secondsTotal, forKey: .secondsTotal)
        try container.encode(secondsPerRoundMedian, forKey: .secondsPerRoundMedian)
        try container.encode(peakRSSBytes, forKey: .peakRSSBytes)
        try container.encode(clientsTrained, forKey: .clientsTrained)
        try container.encode(examplesTrained, forKey: .examplesTrained)
        try container.encode(bytesUp, forKey: .bytesUp)
        try container.encode(bytesDown, forKey: .bytesDown)
        try container.encode(modelSHA256, forKey: .modelSHA256)
        try container.encode(seed, forKey: .seed)
        try container.encode(workers, forKey: .workers)
        try container.encode(version, forKey: .version)
        try container.encode(finished, forKey: .finished)
        try container.encode(warnings, forKey: .warnings)
        try container.encode(baselines, forKey: .baselines)
        try container.encode(clientAccuracy, forKey: .clientAccuracy)
        try container.encode(personal, forKey: .personal)
        try container.encode(attack, forKey: .attack)
        try container.encode(privacyAttack, forKey: .privacyAttack)
    }
}
