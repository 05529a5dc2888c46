internal import Compute

/// What rounding makes of one example's gradient, as squares: ``Layer/squaredRounding(_:)``.
///
/// A sum over positions is rounded in proportion to its terms, whose lengths together may be far above the sum's own: as
/// Σ_t ‖x_t‖‖∂y_t‖ is above ‖Σ_t ∂y_t x_tᵀ‖. The shares below multiply the square of the former.
///
/// They take rounding errors as independent: n additions are then off by at most λ√n 2^-24 of the terms, with λ = 6 but for
/// less than one case in 10^7 (Higham and Mary 2019, theorem 2.4).
enum Rounding {
    /// Of a gradient summed in memory: 2^-13 of the terms' lengths, for n up to 10^5 positions of a batch.
    static let ofSums = 0x1p-26
    /// Of a norm had from products of positions, Σ_{t,s} (x_t · x_s)(∂y_t · ∂y_s): each product is off by 2^-16 of the
    /// lengths, for n up to 1800 (a kernel's partial sums are shorter), and so is the squared norm, not its root.
    static let ofSquares = 0x1p-16
    /// Of a gradient had by minimal filtering, whose transforms grow what is rounded some ten times.
    static let ofFilters = 0x1p-20

    /// Σ_t ‖x_t‖² · Σ_t ‖∂y_t‖², no less than (Σ_t ‖x_t‖‖∂y_t‖)², and the same for a bias, whose input is 1 at each of
    /// `biases` positions. Each input value is read at `uses` positions at most.
    static func products(
        _ input: FloatBlock, _ outputDelta: FloatBlock, biases: Int, uses: Int = 1
    ) -> Double {
        (Double(uses) * square(input) + Double(biases)) * square(outputDelta)
    }

    /// The same for sums Σ_t a_t ∂y_t, the squares of the numbers a_t summing to `squares` at most.
    static func sums(_ outputDelta: FloatBlock, squares: Int) -> Double {
        Double(squares) * square(outputDelta)
    }

    /// The squared length of a block.
    private static func square(_ block: FloatBlock) -> Double {
        Kernels.squareNorm(block.base, count: block.count)
    }
}
