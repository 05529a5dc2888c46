/// Who took part in a round or step, in numbers.
struct RoundTally {
    /// Clients that were invited, or that began in the step.
    var selected = 0
    /// Those in the sum.
    var reported = 0
    /// Updates that came and were too stale.
    var dropped = 0
    /// How stale each of the sum was; nil where there are rounds.
    var staleness: [Int]?
    /// Updates that came.
    var sent: Int { reported + dropped }
}

extension RoundTally {
    init(_ step: BufferedRounds.Outcome) {
        self.init(
            selected: step.begun, reported: step.results.count, dropped: step.dropped,
            staleness: step.staleness)
    }
}

extension RoundDiagnostics {
    /// What is known of a round's clients; `failures` says why others had to be replaced.
    init(round: Int, _ results: [(client: Int, result: ClientResult)], failures: [String: Int]) {
        // What a private round hides is seen here, in the one file that may not leave.
        let trained = results.map(\.result).filter { $0.hiddenFailure == nil }
        let hidden = results.compactMap(\.result.hiddenFailure)
        let failures = hidden.reduce(into: failures) { $0[$1, default: 0] += 1 }
        let norms = trained.map(\.norm).sorted()
        let count = trained.count
        func quantile(_ share: Double) -> Double { norms[Int((Double(norms.count - 1) * share).rounded())] }
        let clipped = trained.count { $0.wasClipped }
        let loss = trained.reduce(0) { $0 + $1.loss }
        self.init(
            round: round, updateNorms: norms.isEmpty ? [] : [0, 0.25, 0.5, 0.75, 1].map(quantile),
            clippedFraction: count == 0 ? 0 : Double(clipped) / Double(count),
            clientLoss: count == 0 || !loss.isFinite ? nil : loss / Double(count),
            clientsFailed: failures.values.reduce(0, +), failures: failures)
    }
}
