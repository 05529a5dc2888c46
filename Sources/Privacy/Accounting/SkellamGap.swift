internal import Glibc

/// How far Skellam noise in many coordinates is from Gaussian noise, over a whole run, and what that costs.
///
/// **What is claimed.** Let a run draw N independent Skellam coordinates of variance v (summed over its rounds; groups of other
/// variances may be beside them). If the same run with Gaussian noise of that variance is (ε, δ)-DP, then it is
/// (ε + 2η, e^η δ + (1 + e^(ε+η)) δ')-DP, with η of ``logRatio(logDelta:)`` at any δ'.
///
/// **Why.** 1. Updates are integers, so that rounding a Gaussian to integers commutes with adding them: the rounded
/// Gaussian is post-processing of the Gaussian, and keeps its ε. 2. Whatever a run does, sampled and adaptive, its output is a
/// function of the data, of coins, and of the noise of all rounds. If the two laws of that noise, P of Skellam and Q of
/// rounded Gaussians, satisfy P[S] ≤ e^η Q[S] + δ' and Q[S] ≤ e^η P[S] + δ' for every S, so do the two laws of the output,
/// for either neighbour. Going from P to Q, to the neighbour's Q, and to its P gives the claim.
///
/// **The bound.** With h = log(P/Q) of one coordinate k, s = k/v, u = k/√v, t = asinh s and w = √(v² + k²), shifting the
/// contour of Bessel's integral by it gives `P(k) = exp(w − v − kt) / 2π ∫ exp(−w (1 − cos θ)) cos(k (θ − sin θ)) dθ` over a
/// period. For s ≤ 1/2 and v ≥ 1024: the exponent is −k²/2v + v (s⁴/24 − [0, s⁶/80]) by the alternating series of
/// asinh; the integral at k = 0 is `(1 + 1/8w ± 0.29/w²) / √(2πw)` (DLMF 10.40.11), and the cosine takes at most 0.283 k²/w³
/// from the bracket (1 − cos θ ≥ 11 θ²/24 up to 1); the Gaussian's cell is `exp(−k²/2v) / √(2πv)` times
/// `exp(s²/24 − 1/24v)` up to u⁴/2880v² + 0.0033 u²/v² below and 1/128v² above. Together
/// `|h − (He₄(u) − He₂(u)) / 24v| ≤ r(u) / v²` with
/// r = max(0.1254 u⁴ + 0.0033 u² + 0.29, u⁶/80 + 0.35 u² + 0.32), and |h| ≤ H.
///
/// Coordinates above B√v, of probability τ at most under either law (Chernoff's bound for Skellam), go into δ'. Within,
/// `e^(λh) = 1 + ψ(h) + λ (1 − e^(−h))` with ψ(h) = e^(λh) − 1 − λh + λ (h − 1 + e^(−h)) ≤ ψ(H) for λ ≥ 1; the last term's mean
/// is a difference of two masses within B, at most λτ: the mean of h, which N coordinates would multiply, is not
/// needed. So E_P[e^(λh)] and E_Q[e^(−λh)] are at most `1 + E_Q[e^H ψ(H)] + λτ`, and Chernoff's bound for the sum is
/// `δ' = Nτ + exp(−λη) (1 + E_Q[e^H ψ(H)] + λτ)^N`, at the best λ. H grows to the largest in each cell of a grid in u, so that
/// the mean is an upper sum; all terms are positive, and η is raised by a billionth for their rounding.
struct SkellamGap {
    /// Least variance of a coordinate that the bound is proved for.
    static let leastVariance = 1024.0
    /// Share of δ that pays for the difference of the laws.
    private static let share = 1e-3
    /// Cells of the grid for each standard deviation.
    private static let cellsPerDeviation = 32.0
    /// log (δ' / all of what lies beyond the cut), at least.
    private static let logTailShare = 4.0

    /// Coordinates of one variance.
    private struct Group {
        let variance: Double
        let coordinates: Double
    }
    private let groups: [Group]

    /// The events with those of Skellam noise in many dimensions as Gaussians of the same variance, and what that leaves
    /// out; nil where there are none. Refuses variances below 1024 as `accountant`.
    static func split(
        _ events: [PrivacyEvent], accountant: String
    ) throws(AccountingError) -> (events: [PrivacyEvent], gap: SkellamGap?) {
        var groups: [Group] = []
        var counterparts = events
        for (index, event) in events.enumerated() where applies(to: event) {
            guard case .skellam(let variance, let sensitivity) = event.mechanism else { continue }
            guard variance >= leastVariance else {
                throw .unsupported(
                    accountant: accountant,
                    reason:
                        "Skellam noise in \(sensitivity.dimension) dimensions of a variance below 1,024 has a "
                        + "proved Rényi bound only; use rdp or best")
            }
            counterparts[index].mechanism = .gaussian(
                noiseMultiplier: variance.squareRoot() / sensitivity.l2)
            groups.append(
                Group(
                    variance: variance, coordinates: Double(sensitivity.dimension) * Double(event.steps)))
        }
        return (counterparts, groups.isEmpty ? nil : SkellamGap(groups: groups))
    }

    /// Whether an event is accounted as a Gaussian's: what is released depends on the data, and single outcomes are not
    /// enumerated.
    private static func applies(to event: PrivacyEvent) -> Bool {
        guard case .skellam(_, let sensitivity) = event.mechanism, !event.isFree else { return false }
        return sensitivity.dimension > 1 || sensitivity.l2 > IntegerNoiseParts.largestShift
    }

    /// ε at `delta` (above 0, below 1) of a run whose Gaussian counterpart has ε `gaussian(δ)`; infinite where the
    /// laws are too far apart. `expected` is what the counterpart's ε may be up to: where it is more, that is computed again.
    func epsilon(
        delta: Double, expected: Double, gaussian: (Double) throws(AccountingError) -> Double
    ) throws(AccountingError) -> Double {
        // For an ε + η of at most this, δ' is paid for.
        var room = expected.isFinite ? expected + 0.5 : 30
        for _ in 0..<4 {
            let logRatio = logRatio(logDelta: log(Self.share * delta) - LogArithmetic.onePlusExp(room))
            guard logRatio.isFinite else { return .infinity }
            let epsilon = try gaussian((1 - Self.share) * delta * exp(-logRatio))
            guard epsilon.isFinite else { return .infinity }
            if epsilon + logRatio <= room { return epsilon + 2 * logRatio }
            room = 1.05 * (epsilon + logRatio)
        }
        return .infinity
    }

    /// η at δ' = exp(logDelta), below 1; infinite where a cut that leaves so little beyond it is too far out for the
    /// bound.
    func logRatio(logDelta: Double) -> Double {
        var laws: [CellLaw] = []
        let logEach = logDelta - Self.logTailShare - log(Double(groups.count))
        var beyond = 0.0
        for group in groups {
            let logTail = logEach - log(group.coordinates)
            guard let law = CellLaw(variance: group.variance, logTail: logTail) else { return .infinity }
            beyond += group.coordinates * exp(law.logTail - logDelta)
            laws.append(law)
        }
        let logLeft = logDelta + log1p(-beyond)
        func ratio(_ logTilt: Double) -> Double {
            let tilt = exp(logTilt)
            var sum = -logLeft
            for (group, law) in zip(groups, laws) {
                sum += group.coordinates * law.cumulantBound(tilt)
            }
            return sum / tilt
        }
        // The best tilt were H normal; what its tail asks for is less. Every tilt from 1 on is a bound.
        let variance = zip(groups, laws).reduce(0) { $0 + $1.0.coordinates * $1.1.meanSquare }
        let normal = 0.5 * log(-2 * logLeft / variance)
        let highest = log(600 / (laws.map(\.highest).max() ?? 1))
        let top = max(0, min(normal + 0.2, highest))
        return Self.least(from: max(0, top - 4), to: top, ratio) * (1 + 1e-9)
    }

    /// The least value that a golden-section search sees of a function with one valley.
    private static func least(from: Double, to: Double, _ function: (Double) -> Double) -> Double {
        let golden = (5.0.squareRoot() - 1) / 2
        var (low, high) = (from, to)
        var (left, right) = (high - golden * (high - low), low + golden * (high - low))
        var (leftValue, rightValue) = (function(left), function(right))
        while high - low > 0.05 {
            if leftValue < rightValue {
                (high, right, rightValue) = (right, left, leftValue)
                left = high - golden * (high - low)
                leftValue = function(left)
            } else {
                (low, left, leftValue) = (left, right, rightValue)
                right = low + golden * (high - low)
                rightValue = function(right)
            }
        }
        return min(leftValue, rightValue)
    }

    /// One coordinate: the law of H, from above, on a grid.
    struct CellLaw {
        /// Probability that a rounded Gaussian lies in a cell, times e^H.
        private let masses: [Double]
        /// H, at least, of each cell.
        private let heights: [Double]
        /// Bound on the log probability of what is cut off, under either law.
        let logTail: Double
        /// Greatest H.
        let highest: Double
        /// Mean of H², about.
        let meanSquare: Double

        /// The law cut where no more than `exp(logTail)` is beyond; nil where that is further out than the bound
        /// reaches.
        init?(variance: Double, logTail: Double) {
            let deviation = variance.squareRoot()
            let step = 1 / SkellamGap.cellsPerDeviation
            // Whole cells; a first cut by the Gaussian, then outwards to Skellam's.
            var cells = (NormalDistribution.upperQuantile(logProbability: logTail - log(2)) / step).rounded(
                .up)
            while Self.logTail(variance: variance, cut: cells * step) > logTail {
                cells += 1
                guard cells * step <= 0.5 * deviation else { return nil }
            }
            let cut = cells * step
            guard cut <= 0.5 * deviation else { return nil }
            self.logTail = Self.logTail(variance: variance, cut: cut)
            // An integer lies within half a unit of the Gaussian that was rounded to it.
            let half = 0.5 / deviation
            var (masses, heights) = ([Double](), [Double]())
            var tail = 0.5
            var low = 0.0
            while low <= cut + half {
                let next = NormalDistribution.upperTail(low + step)
                let height = Self.height(
                    variance, from: max(0, low - half), to: min(low + step + half, cut))
                masses.append(2 * (tail - next) * exp(height))
                heights.append(height)
                (tail, low) = (next, low + step)
            }
            (self.masses, self.heights) = (masses, heights)
            highest = heights.max() ?? 0
            meanSquare = zip(masses, heights).reduce(0) { $0 + $1.0 * $1.1 * $1.1 }
        }

        /// Bound on log P(|k| > cut √v) under either law, cut from 1 to √v / 2: Chernoff's for Skellam, 2 exp(−v s²/2) at least, which the
        /// Gaussian's tail from half a unit further in stays below (by Mills' ratio).
        private static func logTail(variance: Double, cut: Double) -> Double {
            let s = cut / variance.squareRoot()
            // √(1 + s²) − 1 − s asinh s without cancellation that matters: s is not small where this is large.
            return log(2) + variance * (s * s / (1 + (1 + s * s).squareRoot()) - s * asinh(s))
        }

        /// The greatest H for u in a range of numbers from 0 on.
        static func height(_ variance: Double, from low: Double, to high: Double) -> Double {
            func leading(_ square: Double) -> Double { abs(square * (square - 7) + 4) }
            var greatest = max(leading(low * low), leading(high * high))
            // He₄ − He₂ = u⁴ − 7u² + 4 has its one extreme at u² = 7/2 beside the one at 0.
            if low * low < 3.5 && high * high > 3.5 { greatest = max(greatest, 8.25) }
            let square = high * high
            let above = square * (0.1254 * square + 0.0033) + 0.29
            let below = square * (square * square / 80 + 0.35) + 0.32
            return greatest / (24 * variance) + max(above, below) / (variance * variance)
        }

        /// Bound on log E[e^(λ|h|)] as the type's comment has it, λ ≥ 1.
        func cumulantBound(_ tilt: Double) -> Double {
            var sum = tilt * exp(logTail)
            for index in masses.indices {
                let height = heights[index]
                let exponent = tilt * height
                // e^x − 1 − x, from above by its series where that would cancel; h − 1 + e^(−h) ≤ h²/2.
                let excess =
                    exponent < 0.1
                    ? 0.5 * exponent * exponent * (1 + exponent * (1.0 / 3 + 0.1 * exponent))
                    : expm1(exponent) - exponent
                sum += masses[index] * (excess + 0.5 * exponent * height)
            }
            return log1p(sum)
        }
    }
}
