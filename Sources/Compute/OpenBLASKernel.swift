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
    ///
    /// Where ``VectorLevel/variable`` names a level, the set is that level's too. Where it names one that the processor
    /// does not have, this says so in a line on standard error and ends the program with 2, as wrong usage.
    package static func selectBest() {
        let environment = ProcessInfo.processInfo.environment
        let forced: VectorLevel?
        do {
            forced = try VectorLevel.requested(in: environment)
        } catch {
            let program = CommandLine.arguments.first?.split(separator: "/").last ?? "sordino"
            let line = Array("\(program): \(error)\n".utf8)
            _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            exit(2)
        }
        guard environment[variable] == nil,
            let better = betterKernel(
                for: .current, chosen: BLAS.kernelName, isForced: forced != nil)
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

    /// The kernel set to use in place of `chosen` for `level`, or nil where that is fine. A set for wider vectors than
    /// the level's is replaced only where the level `isForced`: by itself the library takes what the processor has.
    static func betterKernel(for level: VectorLevel, chosen: String, isForced: Bool) -> String? {
        let known = VectorLevel(openBLASKernel: chosen)
        switch level {
        case .avx512: return known == .avx512 ? nil : "SkylakeX"
        case .avx2: return known == nil || (isForced && known == .avx512) ? "Haswell" : nil
        case .baseline: return isForced && known != nil ? "Prescott" : nil
        case .neon: return nil
        }
    }
}
