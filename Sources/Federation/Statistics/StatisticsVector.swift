package import Compute
internal import Configuration

/// What a client sends in a task of statistics: for every question a block of sums over its records.
///
/// It is a pure function of the records. With privacy of clients the L2 norm is at most the clipping norm, whatever they hold:
/// each record adds at most 1 to its block, sums are divided by the greater of the client's records and the plan's public
/// number of them, and each block is multiplied by the root of its share. With privacy of records each of them adds a vector
/// of at most the norm that `privacy.example` gives. Without either the sums are sent as they are.
///
/// One belongs to one worker and is used for many clients; buffers grow to the largest of them.
final class StatisticsVector {
    /// Half-open range of the sums that floats hold on a grid without a gap, in grid units.
    static let exactFloats = 0x1p24

    private let plan: StatisticsPlan
    private let offsets: [Int]
    private let factors: [Double]
    private let shapes: [CumulativeNoise?]
    /// Records that a client is divided by at least; nil where sums are sent.
    private let leastDivisor: Int?
    /// Grid points a unit that sums are rounded to before each client's own noise; nil where there is none.
    private let grid: Double?
    private let sums: UnsafeMutableBufferPointer<Double>
    private let vector: UnsafeMutableBufferPointer<Float>
    private var values: [Double] = []

    /// Nil for a task that trains a model.
    init?(_ task: TaskPlan) {
        guard let plan = task.configuration.statistics else { return nil }
        self.plan = plan
        offsets = plan.offsets
        let scales = StatisticsScales(task, plan)
        (factors, shapes) = (scales.factors, scales.shapes)
        leastDivisor = task.privacy == nil ? nil : plan.recordsPerClient
        grid = task.example?.scale
        sums = .allocate(capacity: offsets[plan.questions.count])
        sums.initialize(repeating: 0)
        vector = .allocate(capacity: sums.count)
        vector.initialize(repeating: 0)
    }

    deinit {
        sums.deallocate()
        vector.deallocate()
    }

    /// The vector of a client without records; valid until the next call.
    func nothing() -> UnsafeMutableBufferPointer<Float> {
        vector.update(repeating: 0)
        return vector
    }

    /// The vector of the records at `indices`; valid until the next call. Throws ``ConfigurationError`` where the data are not
    /// what the task declares.
    func fill(_ examples: Examples, indices: UnsafeBufferPointer<Int32>) throws
        -> UnsafeMutableBufferPointer<Float>
    {
        try plan.check(examples)
        sums.update(repeating: 0)
        for (place, question) in plan.questions.enumerated() {
            let block = UnsafeMutableBufferPointer(rebasing: sums[offsets[place]..<offsets[place + 1]])
            add(question, examples, indices, to: block)
            if let shape = shapes[place] { shape.apply(block) }
            let divisor = leastDivisor.map { Double(max($0, indices.count)) } ?? 1
            let factor = factors[place] / divisor
            for slot in block.indices {
                vector[offsets[place] + slot] = rounded(block[slot] * factor)
            }
        }
        return vector
    }

    /// A sum as a float: on the grid of the client's own noise where there is one. What floats could not hold there counts as
    /// the most that they can, which brings no two sums farther apart.
    private func rounded(_ sum: Double) -> Float {
        guard let grid else { return Float(sum) }
        let units = (sum * grid).rounded(.toNearestOrEven)
        return Float(min(max(units, -Self.exactFloats), Self.exactFloats) / grid)
    }

    private func add(
        _ question: StatisticsQuestion, _ examples: Examples, _ indices: UnsafeBufferPointer<Int32>,
        to block: UnsafeMutableBufferPointer<Double>
    ) {
        switch question.kind {
        case .records: block[0] = Double(indices.count)
        case .classes:
            guard case .classes(let labels, _) = examples.targets else { return }
            for index in indices { block[Int(labels[Int(index)])] += 1 }
        default:
            guard let column = question.column else { return }
            read(column, examples, indices)
            Self.add(question.kind, values, to: block)
        }
    }

    /// Spreads each value that is not missing over the block: a number as its place between the bounds, 0 to 1, a category as
    /// its number.
    private static func add(
        _ kind: StatisticsQuestion.Kind, _ values: [Double], to block: UnsafeMutableBufferPointer<Double>
    ) {
        switch kind {
        case .missing: for value in values { block[value.isNaN ? 0 : 1] += 1 }
        case .count: for value in values where !value.isNaN { block[0] += 1 }
        case .sum, .mean:
            // Bernstein's polynomials of degree 1 and 2: never negative, and 1 together.
            for value in values where !value.isNaN {
                block[0] += 1 - value
                block[1] += value
            }
        case .variance:
            for value in values where !value.isNaN {
                block[0] += (1 - value) * (1 - value)
                block[1] += 2 * value * (1 - value)
                block[2] += value * value
            }
        case .range, .histogram, .quantiles:
            let bins = Double(block.count)
            for value in values where !value.isNaN {
                block[min(block.count - 1, Int(value * bins))] += 1
            }
        case .frequencies, .heavyHitters:
            for value in values where !value.isNaN { block[Int(value)] += 1 }
        case .records, .classes: break
        }
    }

    /// Reads a column of the chosen records into `values`; NaN where missing. A category outside the domain is the number
    /// behind its last.
    private func read(_ column: Int, _ examples: Examples, _ indices: UnsafeBufferPointer<Int32>) {
        values.removeAll(keepingCapacity: true)
        let width = examples.featureCount
        let places = plan.features.places[column]
        switch (plan.columns[column].kind, examples.features) {
        case (.number(let low, let high), .floats(let features)) where plan.subject == .table:
            for index in indices {
                var (sum, isMissing) = (0.0, false)
                for place in places {
                    let value = features[Int(index) * width + place]
                    sum += Double(value)
                    isMissing = isMissing || features[Int(index) * width + place + 1] != 0 || value.isNaN
                }
                values.append(isMissing ? .nan : Self.unit(sum / Double(places.count), low, high))
            }
        case (.category(let domain), .floats(let features)):
            for index in indices {
                let code = Int(features[Int(index) * width + places[0]])
                values.append(code == domain.count ? .nan : Double(code < 0 ? domain.count : code))
            }
        case (.number(let low, let high), .floats(let features)):
            for index in indices {
                var sum = 0.0
                for place in Int(index) * width..<(Int(index) + 1) * width { sum += Double(features[place]) }
                values.append(Self.unit(sum / Double(width), low, high))
            }
        case (.number(let low, let high), .bytes(let features, let scale)):
            for index in indices {
                var sum = 0
                for place in Int(index) * width..<(Int(index) + 1) * width { sum += Int(features[place]) }
                values.append(Self.unit(Double(sum) * Double(scale) / Double(width), low, high))
            }
        // Other data were refused.
        default: break
        }
    }

    @inline(__always)
    private static func unit(_ value: Double, _ low: Double, _ high: Double) -> Double {
        (min(max(value, low), high) - low) / (high - low)
    }
}

extension StatisticsPlan {
    /// Throws ``ConfigurationError`` where examples are not what the task declares.
    package func check(_ examples: Examples) throws {
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(path: "task.statistics", problem: problem)
        }
        if subject == .table {
            guard case .floats = examples.features, examples.featureCount == features.count else {
                throw refuse("asks columns of a table, and the data are none; for images say of: \"images\"")
            }
        } else if case .tokens = examples.features {
            throw refuse("asks images, and the data are sequences")
        }
        guard questions.contains(where: { $0.kind == .classes }) else { return }
        guard case .classes(_, let count) = examples.targets, count == classes.count else {
            throw refuse(
                "asks for classes, but the data have no label of \(classes.count) classes; name it there")
        }
    }
}

/// What the blocks of a task's vector are multiplied by, and how the noise in what is published comes out.
struct StatisticsScales {
    /// Per question: what a sum over records is multiplied by.
    let factors: [Double]
    /// Per question: how its noise is shaped; nil where it is independent in every slot, or there is none.
    let shapes: [CumulativeNoise?]

    /// Records of one client that its sums have room for on a grid of `scale` points a unit.
    func room(scale: Double) -> Double {
        StatisticsVector.exactFloats / (scale * (factors.max() ?? 1))
    }

    init(_ task: TaskPlan, _ plan: StatisticsPlan) {
        let norm: Double? =
            if let example = task.example { example.configuration.clippingNorm } else {
                task.privacy?.configuration.clippingNorm
            }
        let isNoised = norm != nil
        shapes = plan.questions.map {
            isNoised && $0.kind.isCumulative ? CumulativeNoise(count: $0.size) : nil
        }
        factors = zip(plan.questions, shapes).map { question, shape in
            guard let norm else { return 1 }
            // A float's rounding must not carry the whole beyond the norm, or every coordinate were clipped a little.
            return norm * question.share.squareRoot() / (shape?.norm ?? 1) * (1 - 0x1p-20)
        }
    }
}
