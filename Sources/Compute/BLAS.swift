internal import COpenBLAS

/// Large matrix products: the one place that calls OpenBLAS.
///
/// Matrices are row-major. OpenBLAS runs on one thread, always: parallelism is over clients and
/// chunks, which are ours, and a result may not depend on how many threads the library would have used.
package enum BLAS {
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// Name of the kernel set that OpenBLAS chose when it was loaded, such as `"SkylakeX"`.
    package static var kernelName: String {
        String(cString: openblas_get_corename())
    }

    /// c = keep * c + scale * op(a) op(b), with op(a) of shape [rows, inner], op(b) of [inner, columns] and c
    /// of [rows, columns]; `transposeA` and `transposeB` say that the stored matrix is op's transpose. Rows of a stored
    /// matrix are dense, or begin `aRow`, `bRow` and `cRow` floats apart.
    package static func multiply(
        _ a: UnsafePointer<Float>, transposeA: Bool = false, aRow: Int? = nil, _ b: UnsafePointer<Float>,
        transposeB: Bool = false, bRow: Int? = nil, into c: UnsafeMutablePointer<Float>, cRow: Int? = nil,
        rows: Int, columns: Int, inner: Int, scale: Float = 1, keep: Float = 0
    ) {
        _ = singleThreaded
        guard rows > 0, columns > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
            blasint(rows), blasint(columns), blasint(inner), scale,
            a, blasint(aRow ?? max(1, transposeA ? rows : inner)),
            b, blasint(bRow ?? max(1, transposeB ? inner : columns)),
            keep, c, blasint(cRow ?? columns))
    }

    /// c = a aᵀ for a row-major `a` of shape [rows, inner] whose rows begin `aRow` floats apart, in the lower triangle of
    /// c, of shape [rows, rows]; what lies above the diagonal stays as it is.
    package static func gram(
        _ a: UnsafePointer<Float>, aRow: Int, into c: UnsafeMutablePointer<Float>, rows: Int, inner: Int
    ) {
        _ = singleThreaded
        guard rows > 0 else { return }
        cblas_ssyrk(
            CblasRowMajor, CblasLower, CblasNoTrans, blasint(rows), blasint(inner), 1, a,
            blasint(max(1, aRow)), 0, c, blasint(rows))
    }
}
