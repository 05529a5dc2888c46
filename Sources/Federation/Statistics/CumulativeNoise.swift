/// Noise shaped for cumulative sums: the square root of the lower-triangular matrix of ones, which is the Toeplitz matrix of
/// c_0 = 1, c_i = c_{i-1} (2i − 1) / (2i) (Fichtenberger, Henzinger and Upadhyay 2023, section 3).
///
/// A client sends R h in place of its histogram h of n bins, and R applied once more to the noisy sum gives the cumulative sums,
/// for R R is the matrix of ones. A record moves R h by at most ``norm``, and one cumulative sum has at most ``norm``² times
/// the variance of a slot. Quantiles of 1797 values over 256 bins had ranks off by 1.1 to 1.4 % (root mean square, ε = 1, 1000
/// clients); by a hierarchical histogram of branching 16 with least-squares consistency (Hay et al. 2010) by 1.3 to 1.8 %.
struct CumulativeNoise: Equatable, Sendable {
    /// c_0 … c_{n−1}.
    let coefficients: [Double]
    /// L2 norm of the first column, the greatest of all.
    let norm: Double

    /// The matrix of so many rows and columns, at least 1.
    init(count: Int) {
        var coefficients = [1.0]
        for index in 1..<max(2, count) where index < count {
            coefficients.append(coefficients[index - 1] * Double(2 * index - 1) / Double(2 * index))
        }
        self.coefficients = coefficients
        norm = coefficients.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    /// values = R values, in place; as many values as coefficients.
    func apply(_ values: UnsafeMutableBufferPointer<Double>) {
        precondition(values.count == coefficients.count, "values of another length")
        coefficients.withUnsafeBufferPointer { coefficients in
            // From the end: a row reads what lies before it, which is still as it was.
            for row in stride(from: values.count - 1, through: 0, by: -1) {
                var sum = 0.0
                for column in 0...row { sum += coefficients[row - column] * values[column] }
                values[row] = sum
            }
        }
    }

    /// Variance of each cumulative sum where every slot has variance 1: Σ c_j² over j ≤ its place.
    var variances: [Double] {
        var sum = 0.0
        return coefficients.map {
            sum += $0 * $0
            return sum
        }
    }
}
