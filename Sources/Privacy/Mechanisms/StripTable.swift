internal import Glibc

/// What values a `StripSampler` returns.
enum StripSupport: Sendable {
    /// Integers, with probability proportional to the density at their magnitude.
    case integers
    /// Reals of the given density, each rounded to the nearest integer.
    case roundedReals
}

/// The integers behind a `StripSampler`: strips of equal width under a staircase above the density.
///
/// Positions y ≥ 0 are counted in cells of 2^-`fractionBits` (an integer is one cell when the support is the
/// integers). Strip j covers cells j·2^`cellBits` up to (j+1)·2^`cellBits`, for j below `tail`; all beyond is
/// the tail, cut into wider strips whose envelopes halve from one to the next. Each strip has an integer
/// weight, an upper bound of `scale` × density everywhere in it; the weights sum to 2^34 exactly, so that
/// choosing a strip needs 34 bits and has no error.
struct StripTable: Sendable {
    /// 2^10 columns of the alias table, each of 2^24 units.
    static let columnBits = 10
    static let columnUnitBits = 24
    private static let columns = 1 << columnBits
    private static let totalWeight: UInt64 = 1 << UInt64(columnBits + columnUnitBits)
    /// Bits of a word left for offset and acceptance when column, unit and sign are taken.
    static let spareBits = 64 - columnBits - columnUnitBits - 1
    /// The body ends where the density has fallen by e^24: the tail holds less than 2^-34 of it.
    private static let bodyExponent = 24.0

    let density: any StripDensity
    let support: StripSupport
    let cellBits: Int
    let fractionBits: Int
    /// Index of the tail; strips of the body are 0..<tail.
    let tail: Int
    /// Binary logarithm of the width of a tail strip, in cells.
    let tailCellBits: Int
    /// Factor between density and weights.
    let scale: UInt64
    /// Weights of the strips, and of the whole tail at the last index.
    let weights: [UInt64]
    /// Lower bounds of the acceptance probability in each strip, in units of 2^-`acceptanceBits`; the tail's is 0.
    let surelyAccepted: [UInt32]
    /// Per column: units below the low 32 bits choose the column's own strip, others the strip above them.
    let aliases: [UInt64]
    /// Per column its alias and then, for its own strip and in the high 32 bits for the strip above, what is surely
    /// accepted: the pair that a draw reads.
    let columns: [UInt64]
    /// Width of a cell.
    let cellWidth: Double

    /// Whether an offset takes a word of its own.
    var isWide: Bool { cellBits > 17 }
    /// Bits of the first word that the acceptance test begins with.
    var acceptanceBits: Int { isWide ? Self.spareBits : Self.spareBits - cellBits }

    init(density: any StripDensity, support: StripSupport) {
        self.density = density
        self.support = support
        var power = support == .integers ? 0 : -40
        while density.exponent(at: Double(Self.columns - 2) * exp2(Double(power))) < Self.bodyExponent {
            power += 1
        }
        fractionBits = support == .integers ? 0 : max(1, -power)
        cellBits = power + fractionBits
        let width = exp2(Double(power))
        var strips = 1
        while density.exponent(at: Double(strips) * width) < Self.bodyExponent { strips += 1 }
        tail = strips

        // By convexity, halving over the first tail strip means at least halving over every later one.
        let tailStart = Double(strips) * width
        let needed = density.exponent(at: tailStart) * (1 + 0x1p-40) + log(2) * (1 + 0x1p-30)
        var widening = 0
        while density.exponent(at: tailStart + width * exp2(Double(widening))) < needed { widening += 1 }
        tailCellBits = cellBits + widening

        // Highest density of each strip, rounded up. Zero has both signs, so it counts half.
        let roundUp = 1 + 0x1p-38
        var heights = (0..<strips).map { exp(-density.exponent(at: Double($0) * width)) * roundUp }
        if support == .integers && cellBits == 0 { heights[0] /= 2 }
        heights.append(exp(-density.exponent(at: tailStart)) * roundUp * exp2(Double(widening + 1)))
        let usable = Double(Self.totalWeight - UInt64(strips) - 2)
        let chosenScale = (usable / heights.reduce(0, +) * (1 - 0x1p-38)).rounded(.down)
        scale = UInt64(chosenScale)
        var weights = heights.map { max(1, UInt64(($0 * chosenScale).rounded(.up))) }
        // What rounding left over is given to the first strip: an envelope may be too high.
        weights[0] += Self.totalWeight - weights.reduce(0, +)
        self.weights = weights

        let bits = cellBits > 17 ? Self.spareBits : Self.spareBits - cellBits
        var sure = (0..<strips).map { index -> UInt32 in
            let last = support == .integers ? Double(index + 1) * width - 1 : Double(index + 1) * width
            let lowest =
                exp(-density.exponent(at: last)) * (1 - 0x1p-38)
                * (index == 0 && support == .integers ? 0.5 : 1)
            return UInt32(
                (min(1, chosenScale * lowest / Double(weights[index])) * exp2(Double(bits))).rounded(.down))
        }
        sure.append(0)
        surelyAccepted = sure
        let aliases = Self.aliasTable(of: weights)
        self.aliases = aliases
        columns = aliases.enumerated().flatMap { column, entry in
            // A column without a strip of its own never chooses it.
            let own = column < sure.count ? sure[column] : 0
            return [entry, UInt64(own) | UInt64(sure[Int(entry >> 32)]) << 32]
        }
        cellWidth = exp2(-Double(fractionBits))
    }

    /// Alias table (Walker 1977, Vose 1991) in integers: the columns hold the weights exactly.
    private static func aliasTable(of weights: [UInt64]) -> [UInt64] {
        let capacity: UInt64 = 1 << UInt64(columnUnitBits)
        var left = weights + [UInt64](repeating: 0, count: columns - weights.count)
        var table = (0..<columns).map { capacity | UInt64($0) << 32 }
        var small = left.indices.filter { left[$0] < capacity }
        var large = left.indices.filter { left[$0] >= capacity }
        while let column = small.popLast() {
            // The weights sum to the capacity of all columns, so a column short of it means one above it.
            guard let donor = large.last else { preconditionFailure("weights fill the columns exactly") }
            table[column] = left[column] | UInt64(donor) << 32
            left[donor] -= capacity - left[column]
            if left[donor] < capacity {
                large.removeLast()
                small.append(donor)
            }
        }
        return table
    }
}
