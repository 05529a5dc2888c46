internal import Glibc
internal import Synchronization

/// Noise of a run by a matrix (DP-FTRL; Denisov et al. 2022, Choquette-Choo et al. 2023): round t adds (C⁻¹ z)_t to its
/// sum, z_t being a round's own Gaussian numbers, so that later rounds take back most of what earlier ones added.
///
/// All of it is drawn in whole numbers. Round t draws z_t with 16 binary digits more than the grid has and adds
///
///     w_t = round(z_t − Σ_{j ≥ 1} c_j w_{t−j})
///
/// from the whole numbers w that earlier rounds really added, c_0 being 1. Who knows the released sums y_t = x_t + w_t can
/// write that as y_t = round((C x)_t + z_t − Σ_{j ≥ 1} c_j y_{t−j}): a function of (C x)_t + z_t and of what was released
/// before. So the run is post-processing of one Gaussian mechanism on C x, whatever later updates depend on (Denisov et al.
/// 2022, theorem 2.1), and no error of rounding adds up. With bands c_j are multiples of 2^-16 and that is exact. Buffers keep
/// Σ θ^(j−1) w_{t−j} to 2^-20: what they are off by, at most ``slack`` a coordinate, moves C x by so much, and is part
/// of the sensitivity.
///
/// Nothing has to be kept: z_t comes from the source that round t names, and must be the same whenever it is asked, as for
/// ``TreeAggregation``. ``NoiseHistory`` keeps for speed what the next round needs of the last ones; without it, after a
/// restart, they are drawn again from the first round on.
package struct MatrixNoise: Sendable {
    /// What C is made of.
    package enum Matrix: Hashable, Sendable {
        case bands(ToeplitzStrategy)
        case buffers(BufferedToeplitz)
    }

    /// How earlier noise is summed up, in integers.
    private enum Feedback: Sendable {
        /// c_1, c_2, … in units of 2^-16.
        case bands([Int64])
        /// θ and ω in units of 2^-30.
        case buffers(decays: [Int128], scales: [Int128])
    }

    /// Binary digits of z, and of c_j of bands, beyond those of the grid.
    private static let digits = 16
    /// Binary digits of a buffer beyond those of the grid, and of its θ and ω.
    private static let bufferDigits = 20
    private static let factorDigits = 30

    /// C, over all rounds.
    package let strategy: ToeplitzStrategy
    /// How often one unit may be in the run.
    package let pattern: ParticipationPattern
    /// Sensitivity of C x under the pattern, in norms of one contribution, with what buffers are off by.
    package let sensitivity: Double
    /// Standard deviation of a coordinate of z, grid units.
    package let deviation: Double
    /// What the task calls the choice of C; part of the event.
    package let name: String
    private let fine: RoundedGaussian
    private let feedback: Feedback

    /// Noise whose deviation is `noiseMultiplier` times the sensitivity of C x, contributions of `dimension` coordinates
    /// having a norm of at most `contribution` grid units. Throws `MatrixError` for a matrix whose sensitivity is not proved,
    /// `MechanismError` where the deviation is out of the sampler's range.
    package init(
        _ matrix: Matrix, name: String, pattern: ParticipationPattern, noiseMultiplier: Double,
        contribution: Double, dimension: Int
    ) throws {
        self.pattern = pattern
        self.name = name
        var slack = 0.0
        switch matrix {
        case .bands(let bands):
            let unit = exp2(Double(-Self.digits))
            strategy = bands.rounded(toMultiplesOf: unit)
            feedback = .bands(strategy.coefficients.dropFirst().map { Int64(($0 / unit).rounded()) })
        case .buffers(let given):
            let unit = exp2(Double(-Self.factorDigits))
            let buffers = try given.rounded(toMultiplesOf: unit)
            strategy = try buffers.strategy(rounds: pattern.rounds)
            slack = Self.slack(buffers, rounds: pattern.rounds)
            feedback = .buffers(
                decays: buffers.decays.map { Int128($0 / unit) },
                scales: buffers.scales.map { Int128($0 / unit) })
        }
        let off = 2 * slack * (Double(dimension) * Double(pattern.rounds)).squareRoot() / contribution
        // Sums of so many products of doubles are off by less than this by far.
        sensitivity = try strategy.sensitivity(under: pattern) * (1 + 1e-10) + off
        deviation = noiseMultiplier * contribution * sensitivity
        fine = try RoundedGaussian(sigma: deviation * exp2(Double(Self.digits)))
    }

    /// Most that the sum of earlier noise can be off by, grid units: half a digit a round in each buffer, none of it lost,
    /// and half a digit of z.
    private static func slack(_ buffers: BufferedToeplitz, rounds: Int) -> Double {
        let ofBuffer = Double(rounds) * exp2(Double(-bufferDigits - 1))
        return buffers.scales.reduce(0, +) * ofBuffer + exp2(Double(-digits - 1))
    }

    /// All that decides what numbers a source's z become, in one line. C is searched in floating point: where a run goes on
    /// with another one, noise drawn again is not what was added, and the proof above does not hold.
    package var fingerprint: String {
        let numbers: [String] =
            switch feedback {
            case .bands(let multiples): multiples.map { "\($0)" }
            case .buffers(let decays, let scales): (decays + scales).map { "\($0)" }
            }
        let head =
            "\(name) \(pattern.rounds) \(pattern.separation) \(pattern.participations) \(deviation.bitPattern)"
        return head + " " + numbers.joined(separator: ",")
    }

    /// Greatest standard deviation of a coordinate of one round's noise, grid units.
    package var greatestDeviation: Double { deviation * Self.spread(of: strategy, rounds: pattern.rounds) }

    /// Greatest standard deviation of (C⁻¹ z)_t for z of deviation 1.
    package static func spread(of strategy: ToeplitzStrategy, rounds: Int) -> Double {
        strategy.inverse(count: rounds).reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    /// Writes the noise to add to the sum of round `round`, counted from 1. `history` belongs to these sources alone.
    ///
    /// Throws `MatrixError.roundsExceeded` for a round that the noise was not sized for, and what a source throws: then
    /// `noise` is zeroed and nothing may be released.
    package func draw<Source: NoiseSource>(
        round: Int, into noise: UnsafeMutableBufferPointer<Int64>, history: NoiseHistory,
        source: (_ round: Int) throws -> Source
    ) throws {
        do {
            guard round >= 1, round <= pattern.rounds else {
                throw MatrixError.roundsExceeded(round: round, rounds: pattern.rounds)
            }
            try history.advance(to: round, into: noise, kept: kept) { number, rows in
                var drawn = try source(number)
                try fine.draw(into: noise, from: &drawn)
                switch feedback {
                case .bands(let multiples): Self.add(multiples, number, noise, &rows)
                case .buffers(let decays, let scales): Self.add(decays, scales, noise, &rows)
                }
            }
        } catch {
            noise.update(repeating: 0)
            throw error
        }
    }

    /// Bytes of the former rounds' noise that a run keeps in memory, of a model of `dimension` parameters.
    package func keptBytes(dimension: Int) -> Int { kept * dimension * MemoryLayout<Int64>.size }

    /// Vectors that the next round needs.
    private var kept: Int {
        switch feedback {
        case .bands(let multiples): multiples.count
        case .buffers(let decays, _): decays.count
        }
    }

    private static let half: Int64 = 1 << (digits - 1)

    /// z of round `number` becomes its noise; `rows` are those of the rounds before, each at its number modulo how many.
    private static func add(
        _ multiples: [Int64], _ number: Int, _ noise: UnsafeMutableBufferPointer<Int64>,
        _ rows: inout [[Int64]]
    ) {
        for lag in stride(from: 1, through: min(number - 1, multiples.count), by: 1) {
            let multiple = multiples[lag - 1]
            rows[(number - lag) % multiples.count].withUnsafeBufferPointer { row in
                for index in 0..<noise.count { noise[index] &-= multiple &* row[index] }
            }
        }
        for index in 0..<noise.count { noise[index] = (noise[index] &+ half) >> digits }
        guard !multiples.isEmpty else { return }
        rows[number % multiples.count].withUnsafeMutableBufferPointer { row in
            for index in 0..<noise.count { row[index] = noise[index] }
        }
    }

    /// The same with buffers, which are `rows`: each gives out its share, keeps its part of itself and takes up the noise.
    private static func add(
        _ decays: [Int128], _ scales: [Int128], _ noise: UnsafeMutableBufferPointer<Int64>,
        _ rows: inout [[Int64]]
    ) {
        let down = Int128(factorDigits + bufferDigits - digits)
        let nearest = Int128(1) << (down - 1)
        for index in 0..<noise.count {
            var sum = nearest
            for (place, scale) in scales.enumerated() { sum &+= scale &* Int128(rows[place][index]) }
            noise[index] = (noise[index] &- Int64(truncatingIfNeeded: sum >> down) &+ half) >> digits
        }
        let middle = Int128(1) << Int128(factorDigits - 1)
        for (place, decay) in decays.enumerated() {
            rows[place].withUnsafeMutableBufferPointer { row in
                for index in 0..<noise.count {
                    let left = (decay &* Int128(row[index]) &+ middle) >> Int128(factorDigits)
                    row[index] = Int64(truncatingIfNeeded: left) &+ noise[index] << Int64(bufferDigits)
                }
            }
        }
    }

    /// What the whole run costs: that of one Gaussian, whoever takes part when, as long as it is within the pattern.
    /// Neighbours: one unit's contributions set to zero, or (with twice the sensitivity) replaced.
    package func event(for sensitivity: PrivacyEvent.IntegerSensitivity) -> PrivacyEvent.Mechanism {
        .matrix(
            .init(
                noiseMultiplier: deviation / (sensitivity.l2 * self.sensitivity), strategy: name,
                bands: strategy.bands, sensitivity: self.sensitivity, rounds: pattern.rounds,
                separation: pattern.separation, participations: pattern.participations))
    }
}

/// What the last rounds of noise left for the next one to take part of back: as secret as the exact sums, and made anew
/// where it is not there.
package final class NoiseHistory: Sendable {
    private struct Rows {
        /// Round of the newest noise; 0 for none.
        var last = 0
        /// Its noise.
        var newest: [Int64] = []
        /// What the next round needs.
        var kept: [[Int64]] = []
    }

    private let state = Mutex(Rows())

    /// No round yet.
    package init() {}

    /// Writes the noise of `round`; `make` makes that of a round in the same buffer from what is kept, which it brings up to
    /// date, and is called for all rounds behind `first` that are not there. After a thrown error nothing is kept.
    func advance(
        to round: Int, after first: Int = 0, into noise: UnsafeMutableBufferPointer<Int64>, kept count: Int,
        make: (_ number: Int, _ kept: inout [[Int64]]) throws -> Void
    ) throws {
        try state.withLock { state in
            var rows = state
            state = Rows()
            let fits = rows.newest.count == noise.count && rows.kept.count == count
            if rows.last > round || rows.last < first || !fits {
                let zeros = [Int64](repeating: 0, count: noise.count)
                rows = Rows(last: first, newest: zeros, kept: Array(repeating: zeros, count: count))
            }
            if rows.last == round {
                for index in 0..<noise.count { noise[index] = rows.newest[index] }
            }
            while rows.last < round {
                try make(rows.last + 1, &rows.kept)
                rows.last += 1
            }
            rows.newest.withUnsafeMutableBufferPointer { row in
                for index in 0..<noise.count { row[index] = noise[index] }
            }
            state = rows
        }
    }
}
