internal import Glibc

extension SeededGenerator {
    /// A number of the standard normal distribution (Box and Muller 1958), from two uniform ones of 53 bits.
    package mutating func normal() -> Double {
        // 1 − u lies above 0, so that its logarithm is finite.
        let radius = (-2 * log(1 - uniformDouble())).squareRoot()
        return radius * cos(2 * .pi * uniformDouble())
    }
}
