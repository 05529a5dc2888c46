import Compute
import Configuration
import Foundation

/// What a figure counts; less is better of either.
enum Measure: String, Sendable {
    case seconds
    case bytes

    /// An amount for people.
    func text(_ amount: Double) -> String {
        switch self {
        case .seconds where amount >= 1: String(format: "%.2f s", amount)
        case .seconds where amount >= 1e-3: String(format: "%.2f ms", 1e3 * amount)
        case .seconds: String(format: "%.2f us", 1e6 * amount)
        case .bytes where amount >= 0x1p20: String(format: "%.1f MiB", amount * 0x1p-20)
        case .bytes: String(format: "%.0f B", amount)
        }
    }
}

/// What a figure is held against.
enum Yardstick: Sendable {
    /// The least that the work can take, and what that is: a figure below it is a mistake of one of the two.
    case floor(Double, String)
    /// The floor of so many operations of matrix products, at the best rate of any kernel in the whole run.
    case operations(Double)
    /// So many operations of matrix products at that rate, as the work is written: cleverer sums can do with fewer, so
    /// that it is no floor.
    case directOperations(Double)
    /// Other work, and what that is, which this one may well be less than.
    case reference(Double, String)

    /// With the floor of operations at so many a second.
    func settled(operationsPerSecond rate: Double) -> Yardstick {
        switch self {
        case .operations(let count): .floor(count / rate, "products at their best")
        case .directOperations(let count): .reference(count / rate, "direct products at their best")
        case .floor, .reference: self
        }
    }
}

/// One measured figure beside the least that the work would need on the machine.
struct Figure: Sendable {
    /// What was measured, such as `training/mlp-batch-10-sgd`.
    let name: String
    /// What one unit of work took: the median of the repetitions.
    let amount: Double
    /// What `amount`, yardstick and goal count.
    let measure: Measure
    /// Half the distance between the quartiles over the median: how much the figure wavers in this run.
    let noise: Double
    /// What a unit is, such as `step`.
    let unit: String
    /// What it is held against; nil for nothing.
    private(set) var yardstick: Yardstick?
    /// The most that counts as good, where a limit was set.
    var goal: Double?
    /// Further numbers of the same measurement, such as samples a second.
    var details: [(name: String, value: Double)] = []

    /// The yardstick's amount and what that is; nil where there is none or it has no amount yet.
    var held: (amount: Double, against: String)? {
        switch yardstick {
        case .floor(let amount, let name), .reference(let amount, let name): (amount, name)
        case .operations, .directOperations, nil: nil
        }
    }

    /// How many times its yardstick the work takes.
    var ratio: Double? { held.map { amount / $0.amount } }

    /// `floor` or `reference`.
    var yardstickName: String {
        if case .reference = yardstick { "reference" } else { "floor" }
    }

    /// The fastest product is its own floor, but for the rounding of two divisions.
    static let rounding = 1 - 1e-9

    /// Whether it lies below what should be the least: it is not to be believed, and not stored.
    var isBelowFloor: Bool {
        guard case .floor(let least, _) = yardstick else { return false }
        return amount < least * Self.rounding
    }

    /// With the floor of matrix products at so many operations a second.
    func settled(operationsPerSecond rate: Double) -> Figure {
        var figure = self
        figure.yardstick = yardstick?.settled(operationsPerSecond: rate)
        return figure
    }

    /// A time.
    init(
        name: String, seconds: Double, noise: Double, unit: String, _ yardstick: Yardstick?,
        goal: Double? = nil, details: [(name: String, value: Double)] = []
    ) {
        (self.name, amount, measure) = (name, seconds, .seconds)
        (self.noise, self.unit, self.yardstick) = (noise, unit, yardstick)
        (self.goal, self.details) = (goal, details)
    }

    /// A size.
    init(
        name: String, bytes: Double, noise: Double, unit: String, _ yardstick: Yardstick?,
        goal: Double? = nil, details: [(name: String, value: Double)] = []
    ) {
        (self.name, amount, measure) = (name, bytes, .bytes)
        (self.noise, self.unit, self.yardstick) = (noise, unit, yardstick)
        (self.goal, self.details) = (goal, details)
    }
}

/// Times work in processor time, which on a shared machine does not count the neighbours: the median over
/// repetitions, each long enough for the clock. For work on one thread.
struct Stopwatch: Sendable {
    let repetitions: Int
    /// What is to be measured, for suites that can leave something out.
    var selection = Selection()

    /// Time of one call of `body` in seconds (median) and its noise (half the quartile distance, relative).
    func time(atLeast least: Double = 0.05, _ body: () throws -> Void) rethrows -> (
        seconds: Double, noise: Double
    ) {
        try body()
        var calls = 1
        var elapsed = try seconds(of: calls, body)
        while elapsed < least {
            calls = max(calls + 1, Int(Double(calls) * min(10, 1.3 * least / max(elapsed, 1e-9))))
            elapsed = try seconds(of: calls, body)
        }
        return Self.median(
            of: try (0..<repetitions).map { _ in try seconds(of: calls, body) / Double(calls) })
    }

    /// Median and noise (half the quartile distance, relative) of times.
    static func median(of times: [Double]) -> (seconds: Double, noise: Double) {
        let times = times.sorted()
        let median = times[times.count / 2]
        return (median, (times[times.count * 3 / 4] - times[times.count / 4]) / 2 / median)
    }

    /// The fastest of at least seven repetitions: what the machine can do, for floors.
    func best(_ body: () throws -> Void) rethrows -> Double {
        try (0..<max(7, repetitions)).map { _ in try Stopwatch(repetitions: 1).time(body).seconds }.min() ?? 0
    }

    private func seconds(of calls: Int, _ body: () throws -> Void) rethrows -> Double {
        let start = ProcessorClock.now()
        for _ in 0..<calls { try body() }
        return ProcessorClock.now() - start
    }
}

/// Prints figures.
enum Report {
    /// A table: figure, time, floor, ratio, goal.
    static func text(_ figures: [Figure]) -> String {
        let width = 2 + (figures.map(\.name.count).max() ?? 0)
        let lines = figures.map { figure in
            var line = figure.name.padding(toLength: width, withPad: " ", startingAt: 0)
            let measure = figure.measure
            line += measure.text(figure.amount) + "/\(figure.unit)"
            line += String(format: " ±%.0f%%", 100 * figure.noise)
            if let held = figure.held, let ratio = figure.ratio {
                line += "  \(figure.yardstickName) \(measure.text(held.amount)) (\(held.against)), "
                line += String(format: "%.2f x", ratio)
            }
            if figure.isBelowFloor { line += "  INVALID: below its floor" }
            if let goal = figure.goal {
                line += "  goal \(measure.text(goal)): " + (figure.amount <= goal ? "met" : "missed")
            }
            for detail in figure.details { line += String(format: "  %@ %.4g", detail.name, detail.value) }
            return line
        }
        return (["level: \(RunLevel.current) (\(BLAS.kernelName))"] + lines).joined(separator: "\n")
    }

    /// The same as one JSON object, without the figures that are not to be believed.
    static func json(_ figures: [Figure]) -> String {
        let items = figures.filter { !$0.isBelowFloor }.map { figure -> JSONValue in
            var members: [String: JSONValue] = [
                "name": .string(figure.name), figure.measure.rawValue: .number(figure.amount),
                "unit": .string(figure.unit),
                "noise": .number(figure.noise),
            ]
            if let held = figure.held, let ratio = figure.ratio {
                members["\(figure.yardstickName)_\(figure.measure)"] = .number(held.amount)
                members[figure.yardstickName] = .string(held.against)
                members["ratio"] = .number(ratio)
            }
            if let goal = figure.goal { members["goal_\(figure.measure)"] = .number(goal) }
            for detail in figure.details { members[detail.name] = .number(detail.value) }
            return .object(members)
        }
        return JSONValue.object([
            "openblas_kernel": .string(BLAS.kernelName),
            "processor_level": .string(VectorLevel.current.rawValue), "figures": .array(items),
        ]).text(indented: true)
    }
}
