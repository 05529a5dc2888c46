package import Configuration
internal import Privacy

/// What a published vector of a task of statistics says, read with the public plan alone: all of it is post-processing.
///
/// With privacy of clients a share or a mean is that of the mean over clients, each of which counts by its records up to
/// `records_per_client`; else it is that of all records.
package struct StatisticsReading: Sendable {
    /// In question order.
    package let answers: [StatisticsAnswer]
    /// Whom the noise protects: `"client"`, `"record"` or `"none"`.
    package let unit: String

    /// A ratio whose denominator is not so many standard errors above zero is no answer; what counts as seen is as many above.
    static let significance = 3.0

    /// Reads as many numbers as the task has slots. Throws ``ConfigurationError`` for a task of another kind, and for numbers
    /// that are not of this task.
    package init(_ task: TaskPlan, values: [Float]) throws {
        guard let plan = task.configuration.statistics else {
            throw ConfigurationError(
                path: "task.kind", problem: "is not \"statistics\": there are no questions")
        }
        let offsets = plan.offsets
        guard values.count == offsets[plan.questions.count], values.allSatisfy(\.isFinite) else {
            throw ConfigurationError(
                path: "task.statistics", problem: "asks something else than was answered")
        }
        unit = task.privacy != nil ? "client" : task.example != nil ? "record" : "none"
        let scales = StatisticsScales(task, plan)
        let deviation = Self.deviation(task)
        let total =
            Double(task.population) * (task.privacy == nil ? 1 : Double(plan.recordsPerClient))
        answers = plan.questions.indices.map { place in
            let factor = scales.factors[place]
            return BlockReading(
                question: plan.questions[place], plan: plan,
                block: values[offsets[place]..<offsets[place + 1]].map { Double($0) / factor },
                deviation: deviation / factor, shape: scales.shapes[place], total: total
            ).answer
        }
    }

    /// Standard deviation of the noise in each published number: of the planned noise (of shares, all that may be in the sum), of each client's
    /// own in so many, and at most half a grid unit of rounding for each client.
    private static func deviation(_ task: TaskPlan) -> Double {
        let cohort = Double(task.configuration.cohortSize)
        if let example = task.example {
            return (example.mechanism.variance / cohort).squareRoot() / example.scale
        }
        guard let privacy = task.privacy else { return 0 }
        let sensitivity = privacy.distance * Double(privacy.squaredNormBound).squareRoot()
        let noise = privacy.noiseMultiplier * sensitivity
        let sources: Double =
            switch privacy.noise {
            case .local: cohort
            case .distributed(let shared, _): shared.shares.greatestExcess
            case .central, .tree, .matrix: 1
            }
        return (noise * noise * sources + cohort / 4).squareRoot() / privacy.rounding.scale / cohort
    }

    /// As JSON: `unit` and `answers`.
    package var json: [String: JSONValue] {
        ["unit": .string(unit), "answers": .array(answers.map(\.json))]
    }
}

/// One question's block, in records of a client on average.
private struct BlockReading {
    let question: StatisticsQuestion
    let plan: StatisticsPlan
    let block: [Double]
    /// Standard deviation of the noise in each number.
    let deviation: Double
    let shape: CumulativeNoise?
    /// What brings a client's mean to all clients' total.
    let total: Double

    private var bounds: (low: Double, high: Double) {
        guard let column = question.column, case .number(let low, let high) = plan.columns[column].kind else {
            return (0, 1)
        }
        return (low, high)
    }

    var answer: StatisticsAnswer {
        var answer = StatisticsAnswer(question, column: question.column.map { plan.columns[$0].name })
        switch question.kind {
        case .records, .count:
            (answer.value, answer.standardError) = (block[0] * total, deviation * total)
        case .sum:
            answer.value = (block[0] * bounds.low + block[1] * bounds.high) * total
            answer.standardError =
                (bounds.low * bounds.low + bounds.high * bounds.high).squareRoot() * deviation * total
        case .mean, .missing, .variance: moments(&answer)
        case .histogram, .frequencies, .heavyHitters, .classes: shares(&answer)
        case .quantiles, .range: cumulative(&answer)
        }
        return answer
    }

    /// The mass of a block, where it stands out from the noise of as many slots; else nil.
    private func mass(_ sum: Double, slots: Double) -> Double? {
        sum > max(StatisticsReading.significance * deviation * slots.squareRoot(), 1e-12) ? sum : nil
    }

    private func moments(_ answer: inout StatisticsAnswer) {
        guard let mass = mass(block.reduce(0, +), slots: Double(block.count)) else {
            return answer.isAnswered = false
        }
        let (low, width) = (bounds.low, bounds.high - bounds.low)
        let relative = deviation / mass
        switch question.kind {
        case .missing:
            let share = block[0] / mass
            answer.value = min(max(share, 0), 1)
            answer.standardError = relative * ((1 - share) * (1 - share) + share * share).squareRoot()
        case .mean:
            let place = block[1] / mass
            answer.value = low + width * min(max(place, 0), 1)
            answer.standardError = width * relative * ((1 - place) * (1 - place) + place * place).squareRoot()
        default:
            // Σ t = b/2 + c and Σ t² = c for the polynomials (1−t)², 2t(1−t), t².
            let first = (block[1] / 2 + block[2]) / mass
            let second = block[2] / mass
            answer.mean = low + width * min(max(first, 0), 1)
            answer.value = width * width * max(second - first * first, 0)
            let slopes = [
                2 * first * first - second, -second - 2 * first * (0.5 - first),
                1 - second - 2 * first * (1 - first),
            ]
            answer.standardError =
                width * width * relative * slopes.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
    }

    private func shares(_ answer: inout StatisticsAnswer) {
        guard let mass = mass(block.reduce(0, +), slots: Double(block.count)) else {
            return answer.isAnswered = false
        }
        let shares = deviation > 0 ? Consistency.projected(block, total: mass) : block
        answer.standardError = deviation / mass
        let parts = zip(names, shares).map { StatisticsAnswer.Part(name: $0, share: $1 / mass) }
        guard question.kind == .heavyHitters else { return answer.parts = parts }
        let least = max(StatisticsReading.significance * deviation / mass, 1e-12)
        let seen = parts.dropLast().enumerated().filter { $0.element.share > least }
        answer.parts = seen.sorted {
            ($1.element.share, $0.offset) < ($0.element.share, $1.offset)
        }.prefix(question.most).map(\.element)
    }

    /// Names of the slots.
    private var names: [String] {
        guard let column = question.column else { return plan.classes }
        switch plan.columns[column].kind {
        case .category(let domain): return domain + ["other"]
        case .number(let low, let high):
            func edge(_ bin: Int) -> Double { low + (high - low) * Double(bin) / Double(block.count) }
            return block.indices.map { "\(edge($0))..\(edge($0 + 1))" }
        }
    }

    private func cumulative(_ answer: inout StatisticsAnswer) {
        let count = block.count
        var sums = block
        let variances: [Double]
        if let shape {
            sums.withUnsafeMutableBufferPointer { shape.apply($0) }
            variances = shape.variances
        } else {
            for place in 1..<count { sums[place] += sums[place - 1] }
            variances = [Double](repeating: 1, count: count)
        }
        guard let mass = mass(sums[count - 1], slots: variances[count - 1]) else {
            return answer.isAnswered = false
        }
        if shape != nil { sums = Consistency.ascending(sums, upTo: mass) }
        let (low, width) = (bounds.low, (bounds.high - bounds.low) / Double(count))
        answer.binWidth = width
        guard question.kind == .quantiles else {
            let least = deviation > 0 ? StatisticsReading.significance * deviation : 1e-9 * mass
            let first = sums.indices.first { sums[$0] > least * variances[$0].squareRoot() }
            // The last bin with something is the one behind the last sum that lacks something.
            let last = sums.indices.last { mass - sums[$0] > least * variances[$0].squareRoot() } ?? -1
            guard let first, first <= last + 1 else { return answer.isAnswered = false }
            answer.range = (low + width * Double(first), low + width * Double(last + 2))
            return
        }
        answer.quantiles = question.ranks.map { rank in
            let wanted = rank * mass
            // At rank 0 the first bin that holds something; float sums may miss the whole by a hair.
            let place =
                sums.firstIndex { $0 > 0 && $0 >= wanted * (1 - 1e-9) } ?? count - 1
            let before = place == 0 ? 0 : sums[place - 1]
            let part = sums[place] > before ? (wanted - before) / (sums[place] - before) : 0.5
            return StatisticsAnswer.Quantile(
                rank: rank, value: low + width * (Double(place) + min(max(part, 0), 1)),
                rankError: rankError(place, rank) / mass)
        }
    }

    /// Standard deviation of the sum up to a place less a rank's part of the whole sum.
    private func rankError(_ place: Int, _ rank: Double) -> Double {
        guard let shape else { return 0 }
        let (c, last) = (shape.coefficients, block.count - 1)
        var variance = 0.0
        for slot in 0...last {
            let weight = (slot <= place ? c[place - slot] : 0) - rank * c[last - slot]
            variance += weight * weight
        }
        return deviation * variance.squareRoot()
    }
}

/// Brings noisy numbers to what they must be, by the nearest ones that are.
enum Consistency {
    /// The nearest numbers that are not negative and add up to `total`, above 0 (Duchi et al. 2008, figure 1).
    static func projected(_ values: [Double], total: Double) -> [Double] {
        let sorted = values.sorted(by: >)
        var (sum, shift) = (0.0, 0.0)
        for (place, value) in sorted.enumerated() {
            sum += value
            let candidate = (sum - total) / Double(place + 1)
            guard value > candidate else { break }
            shift = candidate
        }
        return values.map { max($0 - shift, 0) }
    }

    /// The nearest numbers that never fall, within 0 and `most` (pool adjacent violators).
    static func ascending(_ values: [Double], upTo most: Double) -> [Double] {
        var pools: [(mean: Double, count: Int)] = []
        for value in values {
            pools.append((value, 1))
            while pools.count > 1, pools[pools.count - 2].mean > pools[pools.count - 1].mean {
                let last = pools.removeLast()
                let before = pools.removeLast()
                let count = last.count + before.count
                pools.append(
                    (
                        (last.mean * Double(last.count) + before.mean * Double(before.count)) / Double(count),
                        count
                    ))
            }
        }
        return pools.flatMap { [Double](repeating: min(max($0.mean, 0), most), count: $0.count) }
    }
}
