internal import Glibc

/// Looks for the strategy of least ``ToeplitzStrategy/loss(_:under:)``, in well under a second for thousands of rounds.
package enum StrategySearch {
    /// Most products of rounds and bands that one evaluation of the loss may cost; more bands are not looked for.
    private static let work = 2_000_000

    /// The best `bands` bands for a pattern whose separation they do not exceed, from the square root on: never worse than
    /// that (Choquette-Choo et al. 2023, restricted to Toeplitz matrices, which lose nothing to speak of and cost no
    /// optimisation of n × b numbers).
    package static func bands(
        _ bands: Int, _ workload: MatrixWorkload = .sums, under pattern: ParticipationPattern
    ) -> ToeplitzStrategy {
        let count = min(bands, pattern.separation, pattern.rounds)
        let start = ToeplitzStrategy.squareRoot(bands: count)
        guard count > 1, count * pattern.rounds <= work else { return start }
        let objective = BandedLoss(workload: workload, pattern: pattern)
        let found = QuasiNewton.minimise(from: Array(start.coefficients.dropFirst()), objective.value)
        let strategy = (try? ToeplitzStrategy(coefficients: [1] + found)) ?? start
        // Both are proved: no column meets another.
        guard let loss = try? strategy.loss(workload, under: pattern),
            let known = try? start.loss(workload, under: pattern), loss <= known
        else { return start }
        return strategy
    }

    /// Whether buffers are looked for under a pattern: where rounds are so near that one evaluation of the loss takes long,
    /// bands are as good and cost less.
    package static func findsBuffers(under pattern: ParticipationPattern) -> Bool {
        pattern.rounds * pattern.participations <= bufferWork
    }

    private static let bufferWork = 40_000

    /// The best of `buffers` buffers: decays and scales that keep coefficients positive and falling.
    package static func buffers(
        _ buffers: Int, _ workload: MatrixWorkload = .sums, under pattern: ParticipationPattern
    ) throws(MatrixError) -> BufferedToeplitz {
        let objective = BufferedLoss(workload: workload, pattern: pattern)
        let found = QuasiNewton.minimise(from: BufferedLoss.start(buffers: buffers), objective.value)
        let parameters = BufferedLoss.parameters(found)
        return try BufferedToeplitz(decays: parameters.decays, scales: parameters.scales)
    }
}

/// log of mean error × squared sensitivity of c = (1, x_1, x_2, …), and its gradient.
private struct BandedLoss {
    let workload: MatrixWorkload
    let pattern: ParticipationPattern

    /// With s = a / c, ∂s/∂c_j is s / c moved down by j rows.
    func value(_ point: [Double]) -> (value: Double, gradient: [Double]) {
        let rounds = pattern.rounds
        let coefficients = [1] + point
        let rows = ToeplitzStrategy.divide(workload.coefficients(count: rounds), by: coefficients)
        let change = ToeplitzStrategy.divide(rows, by: coefficients)
        let weighted = rows.indices.map { Double(rounds - $0) * rows[$0] }
        let error = zip(weighted, rows).reduce(0) { $0 + $1.0 * $1.1 }
        // How many of a unit's columns reach down to coefficient j.
        let starts = (0..<pattern.participations).map { $0 * pattern.separation }
        let counts = coefficients.indices.map { lag in Double(starts.count { $0 + lag < rounds }) }
        let square = zip(counts, coefficients).reduce(0) { $0 + $1.0 * $1.1 * $1.1 }
        guard error.isFinite, square.isFinite else { return (.infinity, point) }
        var gradient = [Double](repeating: 0, count: point.count)
        for lag in 1..<coefficients.count {
            var slope = 0.0
            for row in lag..<max(lag, rounds) { slope += weighted[row] * change[row - lag] }
            gradient[lag - 1] = -2 * slope / error + 2 * counts[lag] * coefficients[lag] / square
        }
        return (log(error) + log(square), gradient)
    }
}

/// The same of a buffered matrix, whose parameters are kept in range by writing them as logistic functions.
private struct BufferedLoss {
    let workload: MatrixWorkload
    let pattern: ParticipationPattern

    /// Decays spread from near 1 down, scales that fall as those of a square root do.
    static func start(buffers: Int) -> [Double] {
        let decays = (0..<buffers).map { 4.5 - 3.5 * Double($0) }
        let scales = (0..<buffers).map { -3 + 1.5 * Double($0) - log(Double(buffers)) }
        return decays + scales
    }

    /// Decays are logistic functions of the first half; scales are shares of 1 by the second half (a soft maximum with 0,
    /// the share that is left).
    static func parameters(_ point: [Double]) -> (decays: [Double], scales: [Double]) {
        let half = point.count / 2
        let decays = point[..<half].map { 1 / (1 + exp(-min(max($0, -30), 30))) }
        let terms = point[half...].map { exp(min($0, 30)) }
        let whole = 1 + terms.reduce(0, +)
        return (decays, terms.map { $0 / whole })
    }

    /// Central differences: there are a handful of parameters.
    func value(_ point: [Double]) -> (value: Double, gradient: [Double]) {
        let step = 1e-5
        let gradient = point.indices.map { index in
            var (above, below) = (point, point)
            above[index] += step
            below[index] -= step
            return (loss(above) - loss(below)) / (2 * step)
        }
        return (loss(point), gradient)
    }

    private func loss(_ point: [Double]) -> Double {
        let (decays, scales) = Self.parameters(point)
        let rounds = pattern.rounds
        let coefficients = BufferedToeplitz.coefficients(decays: decays, scales: scales, count: rounds)
        // s = a / c by the recurrence that noise is drawn by: a buffer takes up what was given out.
        var buffers = [Double](repeating: 0, count: decays.count)
        var error = 0.0
        for (row, given) in workload.coefficients(count: rounds).enumerated() {
            let value = given - zip(scales, buffers).reduce(0) { $0 + $1.0 * $1.1 }
            for index in buffers.indices { buffers[index] = decays[index] * buffers[index] + value }
            error += Double(rounds - row) * value * value
        }
        guard let strategy = try? ToeplitzStrategy(coefficients: coefficients),
            let square = try? strategy.squaredSensitivity(under: pattern), error.isFinite
        else { return .infinity }
        return log(error) + log(square)
    }
}

/// Limited-memory BFGS with a backtracking line search (Nocedal, Wright 2006, algorithm 7.4).
enum QuasiNewton {
    private static let memory = 12
    private static let iterations = 300

    /// A point of least value near `start`; never worse than it. `objective` gives value and gradient, infinity where it
    /// has none.
    static func minimise(
        from start: [Double], _ objective: ([Double]) -> (value: Double, gradient: [Double])
    ) -> [Double] {
        var point = start
        var (value, gradient) = objective(point)
        var steps: [(step: [Double], change: [Double], curvature: Double)] = []
        for _ in 0..<iterations {
            var direction = self.direction(gradient, steps)
            var slope = dot(direction, gradient)
            if slope >= 0 {
                steps = []
                direction = gradient.map { -$0 }
                slope = -dot(gradient, gradient)
            }
            guard slope < -1e-22 else { break }
            // Without curvature a step of at most a tenth.
            var length = steps.isEmpty ? min(1, 0.1 / (-slope).squareRoot()) : 1
            var next: (point: [Double], value: Double, gradient: [Double])?
            for _ in 0..<40 {
                let tried = zip(point, direction).map { $0 + length * $1 }
                let (found, slopes) = objective(tried)
                if found <= value + 1e-4 * length * slope {
                    next = (tried, found, slopes)
                    break
                }
                length /= 2
            }
            guard let next else { break }
            let step = zip(next.point, point).map { $0 - $1 }
            let change = zip(next.gradient, gradient).map { $0 - $1 }
            let curvature = dot(step, change)
            if curvature > 1e-18 * dot(change, change).squareRoot() {
                steps.append((step, change, curvature))
                if steps.count > memory { steps.removeFirst() }
            }
            let gain = value - next.value
            (point, value, gradient) = next
            if gain < 1e-13 { break }
        }
        return point
    }

    /// −H g by the two-loop recursion.
    private static func direction(
        _ gradient: [Double], _ steps: [(step: [Double], change: [Double], curvature: Double)]
    ) -> [Double] {
        var result = gradient.map { -$0 }
        var weights: [Double] = []
        for (step, change, curvature) in steps.reversed() {
            let weight = dot(step, result) / curvature
            weights.append(weight)
            for index in result.indices { result[index] -= weight * change[index] }
        }
        if let last = steps.last {
            let scale = last.curvature / dot(last.change, last.change)
            for index in result.indices { result[index] *= scale }
        }
        for ((step, change, curvature), weight) in zip(steps, weights.reversed()) {
            let back = dot(change, result) / curvature
            for index in result.indices { result[index] += (weight - back) * step[index] }
        }
        return result
    }

    private static func dot(_ first: [Double], _ second: [Double]) -> Double {
        zip(first, second).reduce(0) { $0 + $1.0 * $1.1 }
    }
}
