internal import Foundation

/// Student's t distribution for whole degrees of freedom.
package enum StudentT {
    /// Probability that |T| is at most `t` with `degrees` (at least 1) degrees of freedom, exact: Abramowitz and Stegun 1964,
    /// 26.7.3 and 26.7.4.
    package static func central(_ t: Double, degrees: Int) -> Double {
        let angle = atan(t / Double(degrees).squareRoot())
        let (sine, square) = (sin(angle), cos(angle) * cos(angle))
        if degrees == 1 { return 2 / Double.pi * angle }
        // 1 + 1/2 cos² + (1·3)/(2·4) cos⁴ + …, or with an odd number cos (1 + 2/3 cos² + …), up to the power that is
        // two below the number of degrees.
        let isOdd = degrees % 2 == 1
        var (term, sum) = (isOdd ? cos(angle) : 1, 0.0)
        var power = isOdd ? 1 : 0
        while power <= degrees - 2 {
            sum += term
            power += 2
            term *= square * Double(power - 1) / Double(power)
        }
        return isOdd ? 2 / Double.pi * (angle + sine * sum) : sine * sum
    }

    /// The t that |T| does not exceed with this probability, 0 to below 1, by bisection to the last digits.
    package static func quantile(central probability: Double, degrees: Int) -> Double {
        var (low, high) = (0.0, 1.0)
        while central(high, degrees: degrees) < probability, high < 1e12 { (low, high) = (high, 2 * high) }
        for _ in 0..<100 {
            let middle = (low + high) / 2
            if central(middle, degrees: degrees) < probability { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }
}

/// Mean of some values and how far they lie apart.
package struct Spread: Equatable, Sendable {
    /// Values that were there.
    package let count: Int
    package let mean: Double
    /// Standard deviation of the values, n − 1 in the denominator; nil of one value.
    package let deviation: Double?
    /// Half of the 95 % confidence interval of the mean by Student's t, which takes the values as draws of a normal
    /// distribution; nil of one value.
    package let interval: Double?

    /// The spread of the values that are there and finite; nil of none.
    package init?(_ values: [Double?]) {
        let known = values.compactMap(\.self).filter(\.isFinite)
        guard !known.isEmpty else { return nil }
        count = known.count
        let number = Double(count)
        // Equal values are their own mean, whatever the rounding of sums says.
        let isConstant = known.allSatisfy { $0 == known[0] }
        let mean = isConstant ? known[0] : known.reduce(0) { $0 + $1 / number }
        self.mean = mean
        guard count > 1 else {
            (deviation, interval) = (nil, nil)
            return
        }
        let squares = known.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let deviation = (squares / (number - 1)).squareRoot()
        self.deviation = deviation
        interval =
            StudentT.quantile(central: 0.95, degrees: count - 1) * deviation / number.squareRoot()
    }
}
