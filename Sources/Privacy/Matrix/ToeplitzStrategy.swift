internal import Glibc

/// A lower triangular Toeplitz matrix C, the strategy of a matrix mechanism (Denisov et al. 2022): a run that needs A x for
/// the updates x of its rounds releases what A C⁻¹ makes of C x + z, z Gaussian. To the update of round t that adds
/// (C⁻¹ z)_t, which earlier noise partly takes back.
package struct ToeplitzStrategy: Hashable, Sendable {
    /// c_0, c_1, … as far as they are not zero; c_0 is above 0.
    package let coefficients: [Double]

    /// Throws `MatrixError.badCoefficients` unless there are finite coefficients, the first above 0.
    package init(coefficients: [Double]) throws(MatrixError) {
        guard let first = coefficients.first, first > 0, coefficients.allSatisfy(\.isFinite) else {
            throw .badCoefficients
        }
        self.coefficients = coefficients
    }

    private init(known coefficients: [Double]) { self.coefficients = coefficients }

    /// C = I: noise of each round's own.
    package static let identity = ToeplitzStrategy(known: [1])

    /// The first `bands` coefficients of the square root of the matrix of ones, c_i = c_{i−1} (2i − 1) / (2i): within a
    /// constant of the best where a unit is in one round (Fichtenberger, Henzinger, Upadhyay 2023), and near it where it is
    /// in several that are at least `bands` apart (Kalinin, Lampert 2024).
    package static func squareRoot(bands: Int) -> ToeplitzStrategy {
        var coefficients = [1.0]
        while coefficients.count < bands {
            let index = Double(coefficients.count)
            coefficients.append(coefficients[coefficients.count - 1] * (2 * index - 1) / (2 * index))
        }
        return ToeplitzStrategy(known: coefficients)
    }

    /// Number of diagonals that are not zero.
    package var bands: Int { coefficients.count }

    /// The same to multiples of 1 / `unit`, c_0 being 1: the matrix that integers are multiplied with. Coefficients that
    /// round to zero at the end are left out.
    package func rounded(toMultiplesOf unit: Double) -> ToeplitzStrategy {
        var rounded = coefficients.map { ($0 / coefficients[0] / unit).rounded() * unit }
        while rounded.count > 1, rounded.last == 0 { rounded.removeLast() }
        return ToeplitzStrategy(known: rounded)
    }

    /// Greatest ‖C (x − x′)‖₂ over neighbours, in norms of one contribution.
    ///
    /// Where rounds of one unit are as far apart as the matrix has bands, its columns do not overlap and the squares of their
    /// norms add up (Choquette-Choo et al. 2023, theorem 2); columns get shorter towards the last round, so that the earliest
    /// rounds are the worst. Beyond that the coefficients must not be negative and must not grow: then the worst pattern is
    /// rounds 1, 1 + b, 1 + 2b, … (Kalinin, Lampert 2024, theorem 2). Throws `MatrixError.unproved` for others.
    package func sensitivity(under pattern: ParticipationPattern) throws(MatrixError) -> Double {
        try squaredSensitivity(under: pattern).squareRoot()
    }

    /// The square of ``sensitivity(under:)``.
    package func squaredSensitivity(under pattern: ParticipationPattern) throws(MatrixError) -> Double {
        let starts = (0..<pattern.participations).map { $0 * pattern.separation }
        guard bands > pattern.separation else {
            var norms = [0.0]
            for coefficient in coefficients {
                norms.append(norms[norms.count - 1] + coefficient * coefficient)
            }
            return starts.reduce(0) { $0 + norms[min(bands, pattern.rounds - $1)] }
        }
        guard hasProvedOrder else { throw .unproved }
        var sum = [Double](repeating: 0, count: pattern.rounds)
        for start in starts {
            for (index, coefficient) in coefficients.prefix(pattern.rounds - start).enumerated() {
                sum[start + index] += coefficient
            }
        }
        return sum.reduce(0) { $0 + $1 * $1 }
    }

    /// Whether coefficients are not negative and do not grow.
    private var hasProvedOrder: Bool {
        coefficients.allSatisfy { $0 >= 0 }
            && zip(coefficients, coefficients.dropFirst()).allSatisfy { $0 >= $1 }
    }

    /// First `count` coefficients of A C⁻¹, A being the Toeplitz matrix of `workload`, which goes on for ever with its last
    /// coefficient.
    package func quotient(_ workload: MatrixWorkload, count: Int) -> [Double] {
        Self.divide(workload.coefficients(count: count), by: coefficients)
    }

    /// First `count` coefficients of C⁻¹: what noise of round t − i is in round t.
    package func inverse(count: Int) -> [Double] {
        Self.divide([1.0] + [Double](repeating: 0, count: max(0, count - 1)), by: coefficients)
    }

    /// Power series `numerator / denominator`, as long as the numerator.
    static func divide(_ numerator: [Double], by denominator: [Double]) -> [Double] {
        var quotient = numerator
        for index in quotient.indices {
            var value = quotient[index]
            let reach = min(index, denominator.count - 1)
            for lag in stride(from: 1, through: reach, by: 1) {
                value -= denominator[lag] * quotient[index - lag]
            }
            quotient[index] = value / denominator[0]
        }
        return quotient
    }

    /// Mean over `rounds` of the squared norm of a row of A C⁻¹: the variance of an estimate for noise of variance 1.
    package func meanSquaredError(_ workload: MatrixWorkload = .sums, rounds: Int) -> Double {
        let rows = quotient(workload, count: rounds)
        let sum = rows.enumerated().reduce(0) { $0 + Double(rounds - $1.offset) * $1.element * $1.element }
        return sum / Double(max(1, rounds))
    }

    /// Greatest of them, which is the last round's.
    package func greatestSquaredError(_ workload: MatrixWorkload = .sums, rounds: Int) -> Double {
        quotient(workload, count: rounds).reduce(0) { $0 + $1 * $1 }
    }

    /// ``meanSquaredError(_:rounds:)`` × the squared sensitivity: what strategies are compared by, for at one ε the noise's
    /// deviation is a multiple of the sensitivity.
    package func loss(
        _ workload: MatrixWorkload = .sums, under pattern: ParticipationPattern
    ) throws(MatrixError) -> Double {
        try squaredSensitivity(under: pattern) * meanSquaredError(workload, rounds: pattern.rounds)
    }
}

/// What a run makes of the updates of its rounds: a lower triangular Toeplitz matrix A.
package enum MatrixWorkload: Hashable, Sendable {
    /// The sum of all so far: a model that every update is added to.
    case sums
    /// A model that follows a velocity, `velocity = momentum × velocity + update`: an update of i rounds ago counts
    /// (1 − momentum^(i+1)) / (1 − momentum) times, here in units of what it comes to in the end.
    case momentum(Double)

    /// First coefficients of the matrix.
    func coefficients(count: Int) -> [Double] {
        switch self {
        case .sums: return [Double](repeating: 1, count: count)
        case .momentum(let momentum):
            var power = 1.0
            return (0..<count).map { _ in
                power *= momentum
                return 1 - power
            }
        }
    }
}

/// Why a strategy cannot be made or used.
package enum MatrixError: Error, Hashable, CustomStringConvertible {
    /// The coefficients are none, not finite, or begin with one that is not above 0.
    case badCoefficients
    /// No proved sensitivity covers the coefficients under the pattern.
    case unproved
    /// Noise is asked for beyond the rounds that it was sized for.
    case roundsExceeded(round: Int, rounds: Int)

    package var description: String {
        switch self {
        case .badCoefficients: "a strategy's coefficients are finite numbers, the first above 0"
        case .unproved:
            "no sensitivity is proved for coefficients that grow or are negative where a unit's rounds are nearer than the "
                + "bands; take fewer bands"
        case .roundsExceeded(let round, let rounds):
            "the noise was sized for \(rounds) rounds and there is none for round \(round)"
        }
    }
}
