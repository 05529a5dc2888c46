internal import Foundation

/// The range of a chart's axis, its round tick values and their labels.
package struct Axis {
    /// What the values are, for the ticks' labels.
    package enum Unit: Sendable {
        case plain
        /// Fractions, labelled as percentages.
        case percent
        /// Values of ε: labels are rounded up, so that none claims less than was spent.
        case privacyLoss
        /// Counts and round numbers: whole ticks only.
        case whole
        /// Bytes, labelled in a unit of so many.
        case bytes(Double)
        /// Milliseconds, labelled in a unit of so many.
        case time(Double)
    }

    /// Values beyond this are left out of charts: a diverged run must not flatten or break them.
    static let largestDrawable = 1e100

    /// First value of the range; always below `upper`.
    private(set) var lower: Double
    /// Last value of the range.
    private(set) var upper: Double
    /// Values to label, ascending, inside the range.
    private(set) var ticks: [Double]
    /// Whether positions go by the logarithm.
    private(set) var isLogarithmic = false
    /// What the values are.
    let unit: Unit
    private var step = 1.0

    /// True for a value that can be drawn.
    package static func canDraw(_ value: Double) -> Bool {
        value.isFinite && abs(value) < largestDrawable
    }

    /// A vertical axis that covers `values` and ends on ticks; `limits` bound it where the values cannot pass
    /// them. It is logarithmic where all values are positive and span more than two decades, and zero is not
    /// asked for.
    init(
        covering values: [Double], unit: Unit = .plain, includesZero: Bool = false,
        limits: ClosedRange<Double>? = nil
    ) {
        let drawable = values.filter(Self.canDraw).map { value in
            limits.map { min(max(value, $0.lowerBound), $0.upperBound) } ?? value
        }
        var least = drawable.min() ?? 0
        var greatest = drawable.max() ?? 1
        if !includesZero, case .plain = unit, least > 0, greatest / least > 100 {
            self = Axis(decadesFrom: least, to: greatest)
            return
        }
        self.unit = unit
        if includesZero {
            least = min(least, 0)
            greatest = max(greatest, 0)
        }
        let margin = max(abs(least), abs(greatest))
        if greatest - least <= margin * 1e-6 {
            let spread = margin == 0 ? 1 : margin * 0.1
            greatest += spread
            least = includesZero && least >= 0 ? 0 : least - spread
        }
        let isWhole = if case .whole = unit { true } else { false }
        step = Self.roundStep(atLeast: (greatest - least) / 5, whole: isWhole)
        let first = (least / step + 1e-9).rounded(.down)
        let last = (greatest / step - 1e-9).rounded(.up)
        lower = first * step
        upper = last * step
        ticks = Self.multiples(of: step, from: first, through: last)
        if let limits {
            lower = max(lower, limits.lowerBound)
            upper = min(upper, limits.upperBound)
            ticks.removeAll { $0 < lower - step * 1e-6 || $0 > upper + step * 1e-6 }
        }
    }

    /// A horizontal axis of round numbers that begins and ends exactly with them.
    init(rounds: ClosedRange<Int>) {
        unit = .whole
        lower = Double(rounds.lowerBound)
        upper = Double(rounds.upperBound)
        guard lower < upper else {
            ticks = [lower]
            lower -= 1
            upper += 1
            return
        }
        step = Self.roundStep(atLeast: (upper - lower) / 7, whole: true)
        let first = (lower / step).rounded(.up)
        let last = (upper / step).rounded(.down)
        ticks = Self.multiples(of: step, from: first, through: last)
    }

    /// A horizontal axis of bytes from none to `total`, labelled in the unit that suits `total`.
    init(bytes total: Int) {
        unit = .bytes(Readable.byteUnit(total).size)
        lower = 0
        upper = Double(max(1, total))
        step = Self.roundStep(atLeast: upper / 7, whole: true)
        ticks = Self.multiples(of: step, from: 0, through: (upper / step).rounded(.down))
    }

    /// A horizontal axis of time from none to `total` milliseconds, labelled in the unit that suits `total`.
    init(milliseconds total: Int) {
        let size = Readable.timeUnit(total).size
        unit = .time(size)
        lower = 0
        upper = Double(max(1, total))
        step = Self.roundStep(atLeast: upper / size / 7, whole: false) * size
        ticks = Self.multiples(of: step, from: 0, through: (upper / step).rounded(.down))
    }

    /// An axis of whole decades that covers values above zero.
    init(decadesFrom least: Double, to greatest: Double) {
        unit = .plain
        isLogarithmic = true
        let first = log10(least).rounded(.down)
        let last = log10(greatest).rounded(.up)
        lower = pow(10, first)
        upper = pow(10, last)
        step = max(1, ((last - first) / 6).rounded(.up))
        ticks = stride(from: first, through: last, by: step).map { pow(10, $0) }
    }

    /// Place of a value along the axis, 0 to 1; values outside are drawn at the end.
    func position(of value: Double) -> Double {
        let fraction: Double
        if isLogarithmic {
            fraction = value > 0 ? log10(value / lower) / log10(upper / lower) : 0
        } else {
            fraction = (value - lower) / (upper - lower)
        }
        return min(1, max(0, fraction))
    }

    /// A tick's label, with the decimals that its neighbours need.
    func label(_ value: Double) -> String {
        switch unit {
        case .whole: return Readable.count(Int(value.rounded()))
        case .percent: return "\(Readable.fixed(value * 100, decimals: Self.decimals(step * 100))) %"
        case .bytes(let size), .time(let size):
            return Readable.fixed(value / size, decimals: Self.decimals(step / size))
        case .plain, .privacyLoss:
            let size = max(abs(lower), abs(upper))
            if isLogarithmic { return Readable.setting(value, digits: 1) }
            if size >= 1e6 || step < 1e-4 {
                // As many digits as tell neighbours apart; one more for steps of 2.5.
                let digits = Int(log10(size).rounded(.down)) - Int(log10(step).rounded(.down)) + 2
                return Readable.setting(value, digits: min(16, digits))
            }
            return Readable.fixed(value, decimals: Self.decimals(step))
        }
    }

    /// A value as it stands beside its curve.
    func valueLabel(_ value: Double) -> String {
        switch unit {
        case .whole: Readable.count(Int(min(max(value, -1e15), 1e15).rounded()))
        case .bytes: Readable.bytes(Int(min(max(value, -1e15), 1e15).rounded()))
        case .time: Readable.duration(min(max(value, 0), 1e15) / 1000)
        case .percent: Readable.percent(value)
        case .privacyLoss: Readable.epsilon(value)
        case .plain: Readable.number(value, digits: 3)
        }
    }

    /// The greatest value that an axis should reach so that few far larger ones do not flatten the others: none of the
    /// nine tenths that are smallest is left out, nor one up to three times the greatest of those. Nil where nothing
    /// would be.
    package static func robustLimit(_ values: [Double]) -> Double? {
        let sorted = values.filter(canDraw).sorted()
        guard sorted.count >= 3, sorted[0] >= 0 else { return nil }
        let typical = sorted[(sorted.count - 1) * 9 / 10]
        guard typical > 0, let greatest = sorted.last, greatest > 3 * typical else { return nil }
        return sorted.last { $0 <= 3 * typical }
    }

    private static func multiples(of step: Double, from first: Double, through last: Double) -> [Double] {
        stride(from: first, through: last, by: 1).map { $0 * step }
    }

    /// The least of 1, 2, 2.5 and 5 times a power of ten that is at least `size`.
    static func roundStep(atLeast size: Double, whole: Bool) -> Double {
        let power = pow(10, log10(size).rounded(.down))
        let candidates = whole && power < 10 ? [1.0, 2, 5, 10] : [1.0, 2, 2.5, 5, 10]
        let step = (candidates.first { $0 * power >= size * (1 - 1e-9) } ?? 10) * power
        return whole ? max(1, step) : step
    }

    private static func decimals(_ step: Double) -> Int {
        var decimals = 0
        var scaled = step
        while decimals < 6, abs(scaled - scaled.rounded()) > 1e-6 * scaled {
            scaled *= 10
            decimals += 1
        }
        return decimals
    }
}
