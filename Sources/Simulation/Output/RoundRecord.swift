internal import Learning

/// One line of `rounds.jsonl`: what a released round may say of itself.
///
/// Fields that clients' data determine are null unless they were released through the mechanism.
package struct RoundRecord: Codable, Equatable, Sendable {
    /// Number of the round, from 1. Numbers of abandoned rounds are skipped by later ones.
    package var round: Int
    /// Accuracy on the server's hold-out, 0 to 1; null where not evaluated or not a classifier. With a federated
    /// hold-out the noisy mean of what the round's clients said of the model that the round started from.
    package var accuracy: Double?
    /// Mean loss on the server's hold-out, or as above; null where not evaluated.
    package var loss: Double?
    /// ε spent so far against whoever sees the released models; null when unbounded.
    package var epsilon: Double?
    /// Mean absolute error, root mean squared error and coefficient of determination on the server's hold-out, errors in
    /// the unit of the data; null where classes are learnt or nothing was evaluated.
    package var mae: Double?
    package var rmse: Double?
    package var r2: Double?
    /// ε spent so far against the server; null when unbounded.
    package var epsilonServer: Double?
    /// ε spent so far against other members of the cohorts; null when unbounded.
    package var epsilonMembers: Double?
    package var clientsSelected: Int
    package var clientsReported: Int
    /// Seconds from cohort choice to model published, evaluation apart.
    package var seconds: Double
    package var evaluationSeconds: Double
    /// Bytes that the round's reports would take on the wire.
    package var bytesUp: Int
    /// Bytes of the models sent to the cohort.
    package var bytesDown: Int
    /// Seconds of the fleet's virtual clock at the end of the round.
    package var virtualSeconds: Double
    /// Published models that the step's updates lay behind the newest, mean and greatest, and updates that were too stale to
    /// be added; null where there are rounds.
    package var stalenessMean: Double?
    package var stalenessMax: Int?
    package var reportsStale: Int?
    /// Why the round released nothing; null for a published round.
    package var abandoned: String?

    private enum CodingKeys: String, CodingKey {
        case round, accuracy, loss, mae, rmse, r2, epsilon, seconds, abandoned
        case epsilonServer = "epsilon_server"
        case epsilonMembers = "epsilon_members"
        case clientsSelected = "clients_selected"
        case clientsReported = "clients_reported"
        case evaluationSeconds = "evaluation_seconds"
        case bytesUp = "bytes_up"
        case bytesDown = "bytes_down"
        case virtualSeconds = "virtual_seconds"
        case stalenessMean = "staleness_mean"
        case stalenessMax = "staleness_max"
        case reportsStale = "reports_stale"
    }

    /// Writes every key, with null where a value is absent: readers find the same columns in every line.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(round, forKey: .round)
        try container.encode(accuracy, forKey: .accuracy)
        try container.encode(loss, forKey: .loss)
        try container.encode(mae, forKey: .mae)
        try container.encode(rmse, forKey: .rmse)
        try container.encode(r2, forKey: .r2)
        try container.encode(epsilon, forKey: .epsilon)
        try container.encode(epsilonServer, forKey: .epsilonServer)
        try container.encode(epsilonMembers, forKey: .epsilonMembers)
        try container.encode(clientsSelected, forKey: .clientsSelected)
        try container.encode(clientsReported, forKey: .clientsReported)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(evaluationSeconds, forKey: .evaluationSeconds)
        try container.encode(bytesUp, forKey: .bytesUp)
        try container.encode(bytesDown, forKey: .bytesDown)
        try container.encode(virtualSeconds, forKey: .virtualSeconds)
        try container.encode(stalenessMean, forKey: .stalenessMean)
        try container.encode(stalenessMax, forKey: .stalenessMax)
        try container.encode(reportsStale, forKey: .reportsStale)
        try container.encode(abandoned, forKey: .abandoned)
    }
}

extension RoundRecord {
    /// Takes the errors of predicted values over, where there are any; JSON knows no infinity.
    mutating func take(_ metrics: EvaluationMetrics) {
        func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
        mae = finite(metrics.meanAbsoluteError)
        rmse = finite(metrics.rootMeanSquaredError)
        r2 = finite(metrics.rSquared)
    }
}

extension RoundRecord {
    /// Takes over how stale the updates were, where they could be.
    mutating func take(_ tally: RoundTally) {
        guard let staleness = tally.staleness else { return }
        let sum = staleness.reduce(0, +)
        stalenessMean = staleness.isEmpty ? nil : Double(sum) / Double(staleness.count)
        (stalenessMax, reportsStale) = (staleness.max(), tally.dropped)
    }
}

/// One line of `diagnostics.jsonl`: exact values of the simulated clients, which a deployment could not know
/// and must not release.
package struct RoundDiagnostics: Codable, Equatable, Sendable {
    package var round: Int
    /// Always false: a reminder in the file itself.
    package var releasable = false
    /// L2 norms of the clients' updates before clipping: least, quartiles, greatest.
    package var updateNorms: [Double]
    /// Fraction of the updates that were clipped, 0 to 1.
    package var clippedFraction: Double
    /// Mean training loss over the clients of the round.
    package var clientLoss: Double?
    /// Clients whose training failed (diverged or overflowed the grid).
    package var clientsFailed: Int
    /// Why, with the number of clients.
    package var failures: [String: Int]

    package init(
        round: Int, updateNorms: [Double], clippedFraction: Double, clientLoss: Double?, clientsFailed: Int,
        failures: [String: Int] = [:]
    ) {
        self.failures = failures
        self.round = round
        self.updateNorms = updateNorms
        self.clippedFraction = clippedFraction
        self.clientLoss = clientLoss
        self.clientsFailed = clientsFailed
    }

    private enum CodingKeys: String, CodingKey {
        case round, releasable, failures
        case updateNorms = "update_norms"
        case clippedFraction = "clipped_fraction"
        case clientLoss = "client_loss"
        case clientsFailed = "clients_failed"
    }
}
