internal import Glibc

/// What runs with and without each member said of it: the material of membership inference.
package struct MembershipScores: Sendable {
    /// [run][unit]: the model's confidence in a unit's own classes, as log-odds.
    let confidence: [[Double]]
    /// [run][unit]: whether the unit was in the run.
    let isMember: [[Bool]]

    /// At least three runs, all of as many units.
    package init(confidence: [[Double]], isMember: [[Bool]]) {
        precondition(
            confidence.count == isMember.count && confidence.count > 2
                && zip(confidence, isMember).allSatisfy { $0.count == $1.count },
            "scores of different runs")
        self.confidence = confidence.map { $0.map { $0.isFinite ? $0 : 0 } }
        self.isMember = isMember
    }

    /// What an attacker holds against a threshold.
    package enum Statistic: String, CaseIterable, Sendable {
        /// The confidence itself, as if all units were alike (Yeom et al. 2018).
        case threshold
        /// How unlike the runs without the unit it is: LiRA, offline.
        case offline
        /// How much likelier with the unit than without: LiRA, online.
        case online
    }

    /// The attack with every run in turn as the target and the others as its shadows (Carlini et al. 2022, algorithm 1, with the
    /// variances of all units together, as the paper advises for few shadows).
    ///
    /// Membership is drawn anew in each run, so that the shadows tell nothing of the target's draw: what is no signal
    /// gives an area of 1/2 on average. Units that fewer than two shadows had, or fewer than two had not, are left out.
    /// One list of scores a target.
    package func scored(_ statistic: Statistic) -> [[RateCurve.Scored]] {
        confidence.indices.map { scored(statistic, target: $0) }
    }

    private func scored(_ statistic: Statistic, target: Int) -> [RateCurve.Scored] {
        let units = confidence[target].indices
        guard statistic != .threshold else {
            return units.map { (confidence[target][$0], isMember[target][$0]) }
        }
        var (with, without) = (Moments(count: units.count), Moments(count: units.count))
        for run in confidence.indices where run != target {
            for unit in units {
                if isMember[run][unit] {
                    with.add(confidence[run][unit], to: unit)
                } else {
                    without.add(confidence[run][unit], to: unit)
                }
            }
        }
        let (inVariance, outVariance) = (with.pooledVariance, without.pooledVariance)
        let usable = units.filter { with.counts[$0] >= 2 && without.counts[$0] >= 2 }
        return usable.map { unit in
            let value = confidence[target][unit]
            let out = value - without.mean(unit)
            guard statistic == .online else {
                return (out / outVariance.squareRoot(), isMember[target][unit])
            }
            let inside = value - with.mean(unit)
            let ratio =
                out * out / (2 * outVariance) - inside * inside / (2 * inVariance)
                + 0.5 * log(outVariance / inVariance)
            return (ratio, isMember[target][unit])
        }
    }

    /// Sums of each unit's values.
    private struct Moments {
        var counts: [Int]
        private var sums: [Double]
        private var squares: [Double]

        init(count: Int) {
            counts = [Int](repeating: 0, count: count)
            sums = [Double](repeating: 0, count: count)
            squares = sums
        }

        mutating func add(_ value: Double, to unit: Int) {
            counts[unit] += 1
            sums[unit] += value
            squares[unit] += value * value
        }

        func mean(_ unit: Int) -> Double { sums[unit] / Double(max(1, counts[unit])) }

        /// The variance around each unit's own mean, over all units; never 0.
        var pooledVariance: Double {
            var (sum, freedom) = (0.0, 0)
            for unit in counts.indices where counts[unit] >= 2 {
                sum += max(0, squares[unit] - Double(counts[unit]) * mean(unit) * mean(unit))
                freedom += counts[unit] - 1
            }
            return max(1e-12, sum / Double(max(1, freedom)))
        }
    }
}

/// How many members an attack finds at how many false alarms, whatever threshold it takes.
package struct RateCurve: Sendable {
    /// A score and whose it is.
    package typealias Scored = (score: Double, isMember: Bool)

    /// Scores of members and of others, each descending.
    private let members: [Double]
    private let others: [Double]

    /// A curve of scores that are greater for likelier members.
    package init(_ scored: [Scored]) {
        members = scored.filter(\.isMember).map(\.score).sorted(by: >)
        others = scored.filter { !$0.isMember }.map(\.score).sorted(by: >)
    }

    /// Number of members, and of others.
    package var counts: (members: Int, others: Int) { (members.count, others.count) }

    /// The chance that a member scores above one who is none, ties counting half; 1/2 where one kind is missing.
    package var area: Double {
        guard !members.isEmpty, !others.isEmpty else { return 0.5 }
        var sum = 0.0
        var (above, upTo) = (0, 0)
        // Members descend, so that fewer and fewer of the others score below.
        for score in members {
            while above < others.count, others[above] > score { above += 1 }
            upTo = max(upTo, above)
            while upTo < others.count, others[upTo] == score { upTo += 1 }
            sum += Double(others.count - upTo) + 0.5 * Double(upTo - above)
        }
        return sum / Double(members.count) / Double(others.count)
    }

    /// The greatest share of members above a threshold that at most the share `rate` of the others is above.
    package func truePositiveRate(at rate: Double) -> Double {
        guard !members.isEmpty, !others.isEmpty else { return 0 }
        let allowed = Int((rate * Double(others.count) + 1e-9).rounded(.down))
        guard allowed < others.count else { return 1 }
        // Above the first of the others that may not be: ties with it are not taken.
        let threshold = others[allowed]
        var (low, high) = (0, members.count)
        while low < high {
            let middle = (low + high) / 2
            if members[middle] > threshold { low = middle + 1 } else { high = middle }
        }
        return Double(low) / Double(members.count)
    }
}
