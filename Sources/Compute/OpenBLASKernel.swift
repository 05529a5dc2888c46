internal import FoundationEssentials
internal import Glibc

/// The choice of OpenBLAS's kernel set, which the library makes once, when it is loaded.
///
/// Older OpenBLAS releases do not know newer processors and fall back to kernels for narrower vectors: its
/// `Haswell` set runs at half the rate of `SkylakeX` on a machine with AVX-512. Only the environment variable
/// `OPENBLAS_CORETYPE` can correct that, and only before the library is loaded.
package enum OpenBLASKernel {
    /// The variable that OpenBLAS reads.
    static let variable = "OPENBLAS_CORETYPE"

    /// Starts this program again, once, with the right kernel set in the environment; arguments, working
    /// directory and open files stay as they are. Returns where nothing needs to change: the user has set the
    /// variable (the user's choice wins, and this also ends the recursion), the library chose well by
    /// itself, or the system refuses. Call it first in `main`, before any other thread exists.
    package static func selectBest() {
        guard ProcessInfo.processInfo.environment[variable] == nil,
            let flags = VectorLevel.processorFlags(),
            let better = betterKernel(flags: flags, chosen: BLAS.kernelName)
        else { return }
        setenv(variable, better, 1)
        // Its idle threads would spin for a while after loading; products here run on one thread anyway.
        setenv("OPENBLAS_NUM_THREADS", "1", 0)
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        execv("/proc/self/exe", &arguments)
        // Still here: the system refused, and the slower kernels are correct as well.
        for argument in arguments { free(argument) }
        unsetenv(variable)
    }

    /// The kernel set to use in place of `chosen` on a processor with `flags`, or nil where that is fine.
    static func betterKernel(flags: Set<String>, chosen: String) -> String? {
        let level = VectorLevel(openBLASKernel: chosen)
        switch VectorLevel(flags: flags) {
        case .avx512: return level == .avx512 ? nil : "SkylakeX"
        case .avx2: return level == nil ? "Haswell" : nil
        case .baseline: return nil
        }
    }
}
