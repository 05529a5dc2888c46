import Testing

@testable import Compute

/// Which level the kernels of this process and OpenBLAS's run at.
@Suite struct VectorLevelTests {
    @Test(
        arguments: [
            (.avx512, "Haswell", false, "SkylakeX"), (.avx512, "Prescott", false, "SkylakeX"),
            (.avx512, "Cooperlake", false, nil), (.avx2, "Prescott", false, "Haswell"),
            (.avx2, "Zen", false, nil), (.avx2, "Zen", true, nil), (.avx2, "SkylakeX", true, "Haswell"),
            (.avx2, "SkylakeX", false, nil), (.baseline, "Prescott", false, nil),
            (.baseline, "Haswell", false, nil), (.baseline, "Haswell", true, "Prescott"),
            (.baseline, "Prescott", true, nil), (.neon, "NEOVERSEN1", true, nil),
        ] as [(VectorLevel, String, Bool, String?)])
    func openBLASKernelIsThatOfTheLevel(level: VectorLevel, chosen: String, isForced: Bool, better: String?) {
        #expect(OpenBLASKernel.betterKernel(for: level, chosen: chosen, isForced: isForced) == better)
    }

    @Test func openBLASKernelsHaveLevels() {
        #expect(VectorLevel(openBLASKernel: "SkylakeX") == .avx512)
        #expect(VectorLevel(openBLASKernel: "Zen") == .avx2)
        #expect(VectorLevel(openBLASKernel: "Nehalem") == nil)
    }

    @Test func theLevelOfThisProcessIsAvailableAndTheBaselineAlways() {
        #expect(VectorLevel.current.isAvailable)
        #expect(VectorLevel.baseline.isAvailable)
        #expect(Set(VectorLevel.allCases.map(\.name)).count == VectorLevel.allCases.count)
        // No processor has the vectors of two architectures.
        #expect(!VectorLevel.avx2.isAvailable || !VectorLevel.neon.isAvailable)
    }

    @Test(arguments: VectorLevel.allCases) func aLevelCanBeAskedForWhereItIsAvailable(level: VectorLevel)
        throws
    {
        let environment = [VectorLevel.variable: level.name]
        if level.isAvailable {
            #expect(try VectorLevel.requested(in: environment) == level)
        } else {
            #expect(throws: VectorLevelError.self) { try VectorLevel.requested(in: environment) }
        }
    }

    @Test(arguments: ["", "v5", "V3", "AVX2", "v3 "]) func anythingElseIsRefusedWithWhatThereIs(name: String)
        throws
    {
        let error = try #require(throws: VectorLevelError.self) {
            try VectorLevel.requested(in: [VectorLevel.variable: name])
        }
        let line = error.description
        #expect(line.contains("SORDINO_CPU_LEVEL is \"\(name)\""))
        #expect(line.contains("portable") && !line.contains("\n"))
        #expect(try VectorLevel.requested(in: [:]) == nil)
    }
}
