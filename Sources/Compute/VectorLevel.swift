internal import CKernels
internal import FoundationEssentials

/// The vectors that code was written for: the level at which our own kernels run, or OpenBLAS's.
///
/// Integers, random words and noise are the same at every level. Floating-point sums are not: a model reproduces at
/// one level, on any number of workers, and agrees with another level's to rounding.
package enum VectorLevel: String, Sendable, CaseIterable {
    /// x86-64-v4.
    case avx512 = "AVX-512"
    /// x86-64-v3.
    case avx2 = "AVX2"
    /// AArch64's.
    case neon = "NEON"
    /// The least that the architecture has.
    case baseline = "baseline"

    /// The environment variable that names a level in place of the processor's highest.
    package static let variable = "SORDINO_CPU_LEVEL"

    /// The name of the level in that variable.
    package var name: String {
        switch self {
        case .avx512: "v4"
        case .avx2: "v3"
        case .neon: "neon"
        case .baseline: "portable"
        }
    }

    /// The level of our own kernels in this process: the highest of the processor, or that of the variable.
    package static let current = VectorLevel(sordino_current_level())

    /// Whether this processor can run the level's kernels.
    package var isAvailable: Bool {
        let number = sordino_level_named(name)
        return number >= 0 && sordino_has_level(sordino_level(UInt32(number))) != 0
    }

    /// The level that `environment` names; nil where it names none. Throws where this processor has no such level.
    static func requested(in environment: [String: String]) throws(VectorLevelError) -> VectorLevel? {
        guard let name = environment[variable] else { return nil }
        guard let level = allCases.first(where: { $0.name == name }), level.isAvailable else {
            throw VectorLevelError(name: name)
        }
        return level
    }

    /// The level that OpenBLAS's kernel set of this name was written for; nil for a set that is not known here.
    package init?(openBLASKernel name: String) {
        switch name.lowercased() {
        case "skylakex", "cooperlake", "sapphirerapids": self = .avx512
        case "haswell", "zen": self = .avx2
        default: return nil
        }
    }

    private init(_ level: sordino_level) {
        self =
            switch level {
            case sordino_level_avx512: .avx512
            case sordino_level_avx2: .avx2
            case sordino_level_neon: .neon
            default: .baseline
            }
    }
}

/// A level was asked for that this processor does not have.
struct VectorLevelError: Error, CustomStringConvertible {
    /// What the variable holds.
    let name: String

    var description: String {
        let known = VectorLevel.allCases.filter(\.isAvailable).map(\.name).joined(separator: ", ")
        return "the environment variable \(VectorLevel.variable) is \"\(name)\": "
            + "this processor has \(known); leave it unset for the first"
    }
}
