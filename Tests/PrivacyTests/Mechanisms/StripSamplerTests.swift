import Foundation
import Testing

@testable import Privacy

@Suite struct StripSamplerTests {
    static let densities: [(any StripDensity, StripSupport)] = [
        (GaussianDensity(sigmaSquared: 0.04), .integers), (GaussianDensity(sigmaSquared: 2.3), .integers),
        (GaussianDensity(sigmaSquared: 1e9), .integers), (GaussianDensity(sigmaSquared: 0x1p80), .integers),
        (GaussianDensity(sigma: 0.01), .roundedReals), (GaussianDensity(sigma: 0.8), .roundedReals),
        (GaussianDensity(sigma: 12345.6), .roundedReals), (GaussianDensity(sigma: 0x1p41), .roundedReals),
        (BesselDensity(variance: 0.1), .integers), (BesselDensity(variance: 700), .integers),
        (BesselDensity(variance: 2000), .integers), (BesselDensity(variance: 1e9), .integers),
        (ExponentialDensity(scale: 0.5), .integers), (ExponentialDensity(scale: 1e6), .integers),
    ]

    @Test(arguments: 0..<densities.count) func weightsAreAnEnvelope(index: Int) {
        let (density, support) = Self.densities[index]
        let table = StripTable(density: density, support: support)
        #expect(table.weights.reduce(0, +) == 1 << 34)
        let width = exp2(Double(table.cellBits - table.fractionBits))
        for strip in 0..<table.tail {
            let highest = exp(-density.exponent(at: Double(strip) * width))
            let isHalfZero = strip == 0 && support == .integers && table.cellBits == 0
            #expect(Double(table.weights[strip]) >= Double(table.scale) * highest * (isHalfZero ? 0.5 : 1))
            let last = Double(strip + 1) * width - (support == .integers ? 1 : 0)
            let lowest = exp(-density.exponent(at: last)) * (strip == 0 && support == .integers ? 0.5 : 1)
            let accepted = Double(table.scale) * lowest / Double(table.weights[strip])
            #expect(Double(table.surelyAccepted[strip]) * exp2(-Double(table.acceptanceBits)) <= accepted)
        }
        // Strip t of the tail has weight / 2^(t+1), spread over 2^(tailCellBits - cellBits) strips' width.
        let widening = table.tailCellBits - table.cellBits
        for level in 0..<40 {
            let start = Double(table.tail) * width + Double(level) * width * exp2(Double(widening))
            let needed =
                Double(table.scale) * exp(-density.exponent(at: start)) * exp2(Double(widening + level + 1))
            #expect(Double(table.weights[table.tail]) >= needed * (1 - 1e-9))
        }
    }

    @Test(arguments: 0..<densities.count) func aliasColumnsHoldTheWeights(index: Int) {
        let (density, support) = Self.densities[index]
        let table = StripTable(density: density, support: support)
        var found = [UInt64](repeating: 0, count: 1024)
        for (column, entry) in table.aliases.enumerated() {
            let own = entry & 0xFFFF_FFFF
            found[column] += own
            found[Int(entry >> 32)] += (1 << 24) - own
        }
        #expect(Array(found.prefix(table.weights.count)) == table.weights)
        #expect(found.dropFirst(table.weights.count).allSatisfy { $0 == 0 })
        // What the kernel reads is both tables, and nothing is accepted in a strip that is not there.
        for (column, entry) in table.aliases.enumerated() {
            let bounds = table.columns[2 * column + 1]
            let own = column < table.surelyAccepted.count ? table.surelyAccepted[column] : 0
            #expect(table.columns[2 * column] == entry)
            #expect(bounds & 0xFFFF_FFFF == UInt64(own))
            #expect(bounds >> 32 == UInt64(table.surelyAccepted[Int(entry >> 32)]))
        }
    }

    @Test(arguments: 0..<densities.count) func digitsOfTheDensityAgreeWithItsDouble(index: Int) {
        let (density, support) = Self.densities[index]
        let table = StripTable(density: density, support: support)
        let width = exp2(Double(table.cellBits - table.fractionBits))
        for multiple in [0, 1, 2, 5, Double(table.tail) / 2, Double(table.tail), 1.5 * Double(table.tail)] {
            let y = (multiple * width).rounded(.down)
            let exponent = density.exponent(at: y)
            var values: [Double] = []
            for limbs in [2, 3, 5] {
                let position = WideFraction(integer: UInt64(y), fractionLimbs: limbs)
                values.append(density.value(at: position).double)
            }
            let tolerance = density.exponentError(at: y) + 1e-15
            #expect(abs(values[2] - exp(-exponent)) <= tolerance * exp(-exponent) + 1e-30)
            #expect(abs(values[1] - values[2]) <= 0x1p-128 + 1e-15 * values[2])
            #expect(abs(values[0] - values[2]) <= 0x1p-64 + 1e-15 * values[2])
        }
    }

    // With the error bound raised every doubtful draw goes to the arbiter; the distribution must not change.
    @Test(.tags(.statistical)) func theArbiterDrawsTheSameDistribution() throws {
        var source = SeededNoise(seed: 21)
        var sample = [Int64](repeating: 0, count: 100_000)
        let integers = StripSampler(
            density: GaussianDensity(sigmaSquared: 1e6), support: .integers, doubt: 1e9)
        try sample.withUnsafeMutableBufferPointer { try integers.fill($0, from: &source) }
        #expect(try SampleVerdict(sample, against: .discreteGaussian(sigmaSquared: 1e6)).isShapeRight)
        let reals = StripSampler(density: GaussianDensity(sigma: 900), support: .roundedReals, doubt: 1e9)
        try sample.withUnsafeMutableBufferPointer { try reals.fill($0, from: &source) }
        #expect(try SampleVerdict(sample, against: .roundedGaussian(sigma: 900)).isShapeRight)
    }

    @Test(arguments: [1, 7, 100, 9000]) func anyCountIsFilled(count: Int) throws {
        for (density, support) in Self.densities {
            var first = SeededNoise(seed: 3)
            var again = SeededNoise(seed: 3)
            var one = [Int64](repeating: .max, count: count)
            var two = one
            let sampler = StripSampler(density: density, support: support)
            try one.withUnsafeMutableBufferPointer { try sampler.fill($0, from: &first) }
            try two.withUnsafeMutableBufferPointer { try sampler.fill($0, from: &again) }
            #expect(!one.contains(.max))
            #expect(one == two)
        }
    }

    /// Recorded when one loop made one draw at a time: kernels that make several at once, at whatever level, must not
    /// change what a seed gives.
    static let recorded: [UInt64] = [
        0x2198_9358_3193_1845, 0xb365_7290_f0aa_199a, 0xbd5a_fc36_1c3a_01e8, 0xc413_022c_2983_9fc0,
        0x2198_9358_3193_1845, 0x3c8f_a794_e1f3_c0f4, 0x877c_e303_e1a4_c93c, 0x92cf_5488_bd0f_9a83,
        0x3d38_7c75_137c_8ecf, 0x9bf1_0558_6eac_d7ad, 0x64b2_4632_e005_a1d4, 0xbd5a_fc36_1c3a_01e8,
        0xe6ca_a95d_9ddd_b435, 0xb28a_5530_014f_4f99,
    ]

    @Test(arguments: 0..<densities.count) func aSeedGivesTheRecordedDraws(index: Int) throws {
        let (density, support) = Self.densities[index]
        var source = SeededNoise(seed: 3)
        var noise = [Int64](repeating: .max, count: 9000)
        try noise.withUnsafeMutableBufferPointer {
            try StripSampler(density: density, support: support).fill($0, from: &source)
        }
        // FNV-1a over whole words.
        let digest = noise.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64(bitPattern: $1)) &* 0x100_0000_01b3
        }
        #expect(digest == Self.recorded[index])
    }

    @Test(arguments: [0, 1, 2047, 2048, 2049, 9000]) func piecesAreTheSameDraws(count: Int) throws {
        for (density, support) in Self.densities {
            var first = SeededNoise(seed: 3)
            var again = SeededNoise(seed: 3)
            var whole = [Int64](repeating: .max, count: count)
            let sampler = StripSampler(density: density, support: support)
            try whole.withUnsafeMutableBufferPointer { try sampler.fill($0, from: &first) }
            var pieces: [Int64] = []
            var starts = true
            try sampler.draw(count: count, from: &again) { start, piece in
                starts = starts && start == pieces.count
                pieces += piece
            }
            #expect(starts)
            #expect(pieces == whole)
        }
    }

    @Test(arguments: 0..<3) func aFailingSourceLeavesNoNoise(fillsLeft: Int) throws {
        let mechanism = try DiscreteGaussian(sigmaSquared: 1e4)
        var source = FailingNoise(fillsLeft: fillsLeft)
        var noise = [Int64](repeating: 77, count: 50_000)
        #expect(throws: FailingNoise.Exhausted.self) {
            try noise.withUnsafeMutableBufferPointer { try mechanism.draw(into: $0, from: &source) }
        }
        #expect(noise.allSatisfy { $0 == 0 })
    }
}

@Suite struct WideFractionTests {
    @Test func arithmeticAgreesWithIntegers() {
        var source = SeededNoise(seed: 31)
        for _ in 0..<200 {
            let (a, b) = (source.next() >> 1, source.next() >> 1 | 1)
            let left = WideFraction(integer: a, fraction: [b], fractionLimbs: 3)
            let right = WideFraction(integer: b, fractionLimbs: 3)
            #expect(left + right - right == left)
            #expect(max(left, right) >= min(left, right))
            var product = left
            product.multiply(by: b)
            #expect(product == left * right)
            // Truncated division is off by less than one unit of the last limb.
            var quotient = product
            quotient.divide(by: b)
            #expect(quotient == left)
            #expect(left.scaled(byPowerOfTwo: 77).scaled(byPowerOfTwo: -77) == left)
            #expect(left.resized(fractionLimbs: 5).resized(fractionLimbs: 3) == left)
        }
    }

    // e^-1 to 256 bits, from the published expansion of e.
    @Test func exponentialHasPublishedDigits() {
        let one = WideFraction(integer: 1, fractionLimbs: 5)
        let digits: [UInt64] = [0x5E2D_58D8_B3BC_DF1A, 0xBADE_C782_9054_F90D]
        let value = WideFraction.exponential(ofNegative: one)
        #expect(Array(value.limbs[3...4].reversed()) == digits)
        let product = WideFraction.exponential(ofNegative: one.scaled(byPowerOfTwo: 4))
        var power = value
        for _ in 0..<4 { power = power * power }
        let difference = product < power ? power - product : product - power
        #expect(difference < WideFraction(integer: 1, fractionLimbs: 5).scaled(byPowerOfTwo: -256))
    }
}

extension WideFraction {
    /// Nearest `Double`, for comparisons.
    var double: Double {
        limbs.enumerated().reduce(0) {
            $0 + Double($1.element) * exp2(Double(64 * ($1.offset - fractionLimbs)))
        }
    }
}
