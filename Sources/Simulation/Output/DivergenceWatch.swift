internal import Compute
internal import Federation
internal import Foundation
internal import Learning

/// Says, in the first round that shows it, that training diverges, and at the end why a run published nothing.
///
/// It reads the exact values of simulated clients. What it says is for whoever runs the simulation, as
/// `diagnostics.jsonl` is: no figure of it may be released.
package struct DivergenceWatch {
    /// What was said so far, one line each.
    package private(set) var warnings: [String] = []
    private let plausible: PlausibleLoss
    private let learningRate: Double
    private let clippingNorm: Double?
    private var said: Set<Sign> = []
    private var reported = 0
    private var failed: [String: Int] = [:]

    /// What can be seen of a diverging run; each is said once.
    private enum Sign: Hashable { case failures, losses, norms, holdout }

    /// How many times the clipping norm the shortest update of a round may be: clipping that takes all but a
    /// ten-thousandth of every update is a mistake in the norm or in the rate.
    private static let longest = 1e4

    init(_ setup: SimulationSetup) {
        plausible = PlausibleLoss(setup.training, setup.plan.training.loss)
        learningRate = setup.plan.training.learningRate
        clippingNorm = setup.plan.privacy?.configuration.clippingNorm
    }

    /// Counts why clients failed that waited for a step which never came.
    mutating func count(_ failures: [String: Int]) { failed.merge(failures) { $0 + $1 } }

    /// Looks at a round that has ended.
    mutating func look(at round: RoundDiagnostics, _ record: RoundRecord) {
        reported += record.clientsReported
        count(round.failures)
        let clients = record.clientsReported + (record.abandoned == nil ? 0 : round.clientsFailed)
        if round.clientsFailed > 0 {
            say(
                .failures,
                "round \(round.round): local training failed at \(round.clientsFailed) of \(max(clients, round.clientsFailed))"
                    + " clients: \(Self.commonest(round.failures)); \(advice)")
        } else if record.clientsReported > 0, let loss = round.clientLoss, plausible.isExceeded(by: loss) {
            let clipped = round.clippedFraction == 1 ? ", and every update was clipped" : ""
            say(
                .losses,
                "round \(round.round): the clients' mean training loss is \(Self.text(loss))\(clipped): training diverges; "
                    + advice)
        }
        if let clippingNorm, let least = round.updateNorms.first, !(least <= Self.longest * clippingNorm),
            said.isEmpty
        {
            say(
                .norms,
                "round \(round.round): every update was clipped, the shortest from \(Self.text(least)) to a clipping_norm of "
                    + "\(Self.text(clippingNorm)): training diverges, or the norm is far off; \(advice)")
        }
        if record.accuracy != nil || record.loss != nil, plausible.isExceeded(by: record.loss ?? .nan),
            said.isEmpty
        {
            say(
                .holdout,
                "round \(round.round): the loss on the hold-out is \(record.loss.map(Self.text) ?? "not a number"): "
                    + "training diverges; \(advice)")
        }
    }

    /// Why a run published nothing, or ended before its time, from what its rounds failed of. `last`: why the last
    /// round was abandoned.
    func reason(published: Int, abandoned: Int, last: String?) -> String {
        let what =
            published == 0 ? "nothing was published" : "the run ended after \(published) published rounds"
        let rounds = abandoned == 1 ? "1 round was" : "\(abandoned) rounds were"
        var text = "\(what): \(rounds) abandoned (\(last ?? "no reports"))"
        if !failed.isEmpty {
            let total = failed.values.reduce(0, +)
            text += "; local training failed \(total) times: \(Self.commonest(failed)); \(advice)"
        } else if reported == 0 {
            text += "; no client reported in time: look at simulation.faults and task.report_deadline"
        } else {
            text += "; look at task.min_reports and task.cohort_size"
        }
        return text
    }

    private var advice: String { "task.training.learning_rate is \(Self.text(learningRate))" }

    private mutating func say(_ sign: Sign, _ text: String) {
        if said.insert(sign).inserted { warnings.append(text) }
    }

    /// The reason given most often; the first in order among equals.
    private static func commonest(_ reasons: [String: Int]) -> String {
        reasons.min { ($1.value, $0.key) < ($0.value, $1.key) }?.key ?? "no reason was given"
    }

    /// Four significant digits.
    private static func text(_ value: Double) -> String { String(format: "%.4g", value) }
}
