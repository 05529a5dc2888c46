internal import Glibc

/// A buffered linear Toeplitz strategy (Dvijotham et al. 2024; McMahan, Xu, Zhang 2024): c_0 = 1 and
/// c_i = Σ_j ω_j θ_j^(i−1), a few buffers of the model's size whatever the number of rounds.
package struct BufferedToeplitz: Hashable, Sendable {
    /// θ: what a buffer keeps from round to round, above 0 and below 1.
    package let decays: [Double]
    /// ω: what a buffer counts, above 0.
    package let scales: [Double]

    /// Throws `MatrixError.badCoefficients` unless there are as many decays as scales, in these ranges and with a sum of
    /// scales of at most 1, for which coefficients do not grow.
    package init(decays: [Double], scales: [Double]) throws(MatrixError) {
        guard decays.count == scales.count, !decays.isEmpty, decays.allSatisfy({ $0 > 0 && $0 < 1 }),
            scales.allSatisfy({ $0 > 0 && $0.isFinite }), scales.reduce(0, +) <= 1
        else { throw .badCoefficients }
        (self.decays, self.scales) = (decays, scales)
    }

    /// The matrix over so many rounds.
    package func strategy(rounds: Int) throws(MatrixError) -> ToeplitzStrategy {
        try ToeplitzStrategy(coefficients: Self.coefficients(decays: decays, scales: scales, count: rounds))
    }

    /// The same to multiples of `unit`, rounded down so that the scales come to no more than 1.
    func rounded(toMultiplesOf unit: Double) throws(MatrixError) -> BufferedToeplitz {
        func rounded(_ value: Double) -> Double { max(1, (value / unit).rounded(.down)) * unit }
        return try BufferedToeplitz(decays: decays.map(rounded), scales: scales.map(rounded))
    }

    static func coefficients(decays: [Double], scales: [Double], count: Int) -> [Double] {
        var terms = scales
        var coefficients = [1.0]
        while coefficients.count < count {
            coefficients.append(terms.reduce(0, +))
            for index in terms.indices { terms[index] *= decays[index] }
        }
        return coefficients
    }
}
