internal import FoundationEssentials

/// The widest vectors of x86-64 that a processor has or that code was written for.
package enum VectorLevel: String, Sendable, CaseIterable {
    /// x86-64-v4.
    case avx512 = "AVX-512"
    /// x86-64-v3.
    case avx2 = "AVX2"
    /// Neither of the two, or another processor.
    case baseline = "baseline"

    /// The level of a processor with these feature flags, as Linux names them.
    init(flags: Set<String>) {
        if flags.isSuperset(of: ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]) {
            self = .avx512
        } else {
            self = flags.isSuperset(of: ["avx2", "fma"]) ? .avx2 : .baseline
        }
    }

    /// The level that OpenBLAS's kernel set of this name was written for; nil for a set that is not known here.
    package init?(openBLASKernel name: String) {
        switch name.lowercased() {
        case "skylakex", "cooperlake", "sapphirerapids": self = .avx512
        case "haswell", "zen": self = .avx2
        default: return nil
        }
    }

    /// This processor's.
    package static let ofProcessor = VectorLevel(flags: processorFlags() ?? [])

    /// The first processor's feature flags, or nil where the system does not list any (not x86).
    static func processorFlags() -> Set<String>? {
        guard let data = FileManager.default.contents(atPath: "/proc/cpuinfo") else { return nil }
        let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("flags")
        }
        return line.map { Set($0.split(separator: " ").map(String.init)) }
    }
}
