internal import Federation
internal import Glibc
internal import Privacy

/// What differential privacy leaves of membership inference: no attack finds more members at so many false alarms
/// (Wasserman and Zhou 2010; Kairouz et al. 2015, theorem 2.1; all δ together, Dong et al. 2022, proposition 2.13).
package struct MembershipCeiling: Sendable {
    /// Pairs for all of which the runs are (ε, δ)-differentially private.
    private let statements: [(epsilon: Double, delta: Double)]

    /// δ for which ε is asked: their bounds together come near to the trade-off curve.
    private static let deltas: [Double] =
        [1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4]
        + stride(from: -3.5, through: -0.25, by: 0.25).map { pow(10, $0) }

    /// The ceiling of these statements, of which there is at least one.
    package init(_ statements: [(epsilon: Double, delta: Double)]) {
        self.statements = statements.filter { $0.epsilon.isFinite && $0.delta < 1 }
    }

    /// What a plan promises after so many charged rounds of whoever is a member or not; nil where it promises nothing.
    ///
    /// A record more or less is one client's data for other data. Where the plan's neighbours have one client more or less,
    /// that is two steps: twice ε, and (1 + e^ε) δ (Dwork and Roth 2014, section 2.3), or less where the noise is known to be
    /// Gaussian.
    init?(_ plan: TaskPlan, unit: MembershipConfiguration.Unit, rounds: Int) throws {
        var all: [(Double, Double)] = []
        if let privacy = plan.privacy {
            let isReplaced = unit == .record && privacy.configuration.adjacency != .replaceOne
            let spent = try privacy.spent(rounds: rounds)
            let asked = try Self.deltas.map {
                (try GuaranteeAtDelta(privacy, delta: $0).epsilon(rounds: rounds), $0)
            }
            for (epsilon, delta) in asked + [(spent.epsilon, plan.configuration.privacy.targetDelta)] {
                all.append(isReplaced ? (2 * epsilon, (1 + exp(epsilon)) * delta) : (epsilon, delta))
            }
            for delta in isReplaced ? Self.deltas : [] {
                let guarantee = GuaranteeAtDelta(privacy, delta: delta)
                guard let epsilon = try guarantee.epsilonOfReplacement(rounds: rounds) else { break }
                all.append((epsilon, delta))
            }
        }
        if let example = plan.example, unit == .record {
            let events = [example.event(rounds: max(1, rounds))]
            for delta in Self.deltas {
                all.append((try PrivacyGuarantee.of(events, delta: delta, accountant: .rdp).epsilon, delta))
            }
        }
        guard !all.isEmpty else { return nil }
        self.init(all)
    }

    /// Most members that an attack finds at this rate of false alarms.
    package func truePositiveRate(at rate: Double) -> Double {
        statements.reduce(1.0) { least, statement in
            let (epsilon, delta) = statement
            return min(
                least, exp(min(epsilon, 700)) * rate + delta, 1 - exp(-epsilon) * (1 - delta - rate))
        }
    }

    /// The area below the ceiling, by the midpoints of steps that are finer where the curve is steep.
    package var area: Double {
        // x = t³ turns steps of t into small steps of x near 0; the other end is its mirror image for the second bound.
        let steps = 20_000
        return (0..<steps).reduce(0.0) { sum, step in
            let (from, to) = (cube(step, steps), cube(step + 1, steps))
            return sum + truePositiveRate(at: (from + to) / 2) * (to - from)
        }
    }

    private func cube(_ step: Int, _ steps: Int) -> Double {
        let t = Double(step) / Double(steps)
        return t * t * t
    }
}
