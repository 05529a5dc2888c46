/// The audit of a mechanism alone: many draws of its noise, half of them with a unit of the stated sensitivity.
///
/// Noise on the integers whose masses fall off without a bend (log-concave, as those of the whole catalog are) makes the
/// likelihood ratio of a shift grow with the value drawn: the value itself is the best statistic there is.
package struct MechanismAudit: Sendable {
    private let mechanism: any PrivacyMechanism
    private let sensitivity: Int

    /// Most draws of each kind.
    package static let mostDraws = 10_000_000

    /// `sensitivity` is the unit's shift of the sum, in grid units, at least 1.
    package init(_ mechanism: any PrivacyMechanism, sensitivity: Int) {
        precondition(sensitivity >= 1, "a unit that moves nothing is no unit")
        (self.mechanism, self.sensitivity) = (mechanism, sensitivity)
    }

    /// What the mechanism itself states that one release costs, at this δ. Throws ``AccountingError``.
    package func claimed(delta: Double) throws(AccountingError) -> Double {
        let shift = PrivacyEvent.IntegerSensitivity(l2: Double(sensitivity), l1: Double(sensitivity))
        return try PrivacyGuarantee.of([PrivacyEvent(mechanism: mechanism.event(for: shift))], delta: delta)
            .epsilon
    }

    /// Draws so many releases with the unit and as many without. Throws the source's error.
    package func draw(_ count: Int, from source: inout some NoiseSource) throws -> Draws {
        let noise = try mechanism.draw(count: 2 * count, from: &source)
        return Draws(
            inside: noise.prefix(count).map { Double($0 + Int64(sensitivity)) },
            outside: noise.suffix(count).map(Double.init))
    }

    /// The values of many releases.
    package struct Draws: Sendable {
        package let inside: [Double]
        package let outside: [Double]

        /// The greatest ε at this δ that the values refute, whatever the noise is.
        package func epsilonLowerBound(delta: Double, significance: Double) throws(AccountingError) -> Double
        {
            try Distinguisher(inside: inside, outside: outside).epsilonLowerBound(
                delta: delta, significance: significance)
        }

        /// The same of noise that is normal; nil where there are too few draws.
        package func gaussianEpsilonLowerBound(delta: Double, significance: Double) throws(AccountingError)
            -> Double?
        {
            try NormalShift(inside: inside, outside: outside)?.epsilonLowerBound(
                delta: delta, significance: significance)
        }
    }
}
