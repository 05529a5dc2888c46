/// Products in Z[x] / (x^2048 + 1) by a number-theoretic transform modulo one prime below 2^62, exact where the product's
/// coefficients stay below half of it. No branch and no place in memory depends on a coefficient.
///
/// Butterflies with precomputed quotients and values kept below four times the prime (Harvey 2014, section 3), the powers
/// of the root in the order of reversed bits (Longa, Naehrig 2016); pointwise products by Montgomery's reduction.
struct NegacyclicTransform: Sendable {
    /// The ring's degree, n.
    static let degree = LatticeParameters.degree
    /// 2^62 - 2^16 + 1, the greatest prime below 2^62 that leaves 1 modulo 2n.
    static let prime: UInt64 = 0x3fff_ffff_ffff_0001
    /// A root of x^n + 1 modulo the prime.
    private static let root: UInt64 = 3_710_688_476_054_411_196

    /// The transform's tables, made once.
    static let shared = NegacyclicTransform()

    /// A constant factor w with floor(w 2^64 / p).
    private struct Factor {
        let value: UInt64
        let quotient: UInt64

        init(_ value: UInt64) {
            self.value = value
            quotient = NegacyclicTransform.prime.dividingFullWidth((value, 0)).quotient
        }
    }

    private let forwardFactors: [Factor]
    private let inverseFactors: [Factor]
    /// 2^64 / n modulo the prime: brings a factor into Montgomery's form and undoes the transforms' n.
    private let montgomery: Factor
    /// -1 / p modulo 2^64.
    private let negativeInverse: UInt64

    private init() {
        let inverseRoot = Self.power(Self.root, 2 * UInt64(Self.degree) - 1)
        let width = Self.degree.trailingZeroBitCount
        func powers(of root: UInt64) -> [Factor] {
            var values = [UInt64](repeating: 1, count: Self.degree)
            for index in 1..<Self.degree { values[index] = Self.product(values[index - 1], root) }
            return (0..<Self.degree).map { index in
                Factor(values[Int(UInt(index).byteSwapped.bitReversed >> UInt(UInt.bitWidth - width))])
            }
        }
        forwardFactors = powers(of: Self.root)
        inverseFactors = powers(of: inverseRoot)
        let radix = UInt64.max % Self.prime + 1
        montgomery = Factor(
            Self.product(radix, Self.power(UInt64(Self.degree), Self.prime - 2)))
        // Newton's iteration doubles the bits that are right, of which an odd number's own inverse modulo 8 has three.
        var inverse = Self.prime
        for _ in 0..<5 { inverse = inverse &* (2 &- Self.prime &* inverse) }
        negativeInverse = 0 &- inverse
    }

    /// a b modulo the prime; for tables and tests only: its time depends on the values.
    static func product(_ a: UInt64, _ b: UInt64) -> UInt64 {
        prime.dividingFullWidth(a.multipliedFullWidth(by: b)).remainder
    }

    /// base^exponent modulo the prime; as ``product(_:_:)``.
    static func power(_ base: UInt64, _ exponent: UInt64) -> UInt64 {
        var (result, square, rest) = (UInt64(1), base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result = product(result, square) }
            square = product(square, square)
            rest >>= 1
        }
        return result
    }

    /// w y modulo the prime up to one multiple of it: below 2p for every y.
    @inline(__always)
    private static func times(_ factor: Factor, _ y: UInt64) -> UInt64 {
        let quotient = factor.quotient.multipliedFullWidth(by: y).high
        return factor.value &* y &- quotient &* prime
    }

    /// x, or x - m where that is not negative: the smaller of both, for negative ones wrap.
    @inline(__always)
    private static func reduce(_ x: UInt64, by m: UInt64) -> UInt64 { min(x, x &- m) }

    /// The transform of n coefficients below 4p, in place; results are below 4p.
    func forward(_ values: UnsafeMutablePointer<UInt64>) {
        let twice = 2 &* Self.prime
        forwardFactors.withUnsafeBufferPointer { factors in
            var (groups, half) = (1, Self.degree / 2)
            while half >= 1 {
                for group in 0..<groups {
                    let factor = factors[groups + group]
                    let low = values + 2 * half * group
                    let high = low + half
                    for place in 0..<half {
                        let x = Self.reduce(low[place], by: twice)
                        let y = Self.times(factor, high[place])
                        low[place] = x &+ y
                        high[place] = x &+ twice &- y
                    }
                }
                groups *= 2
                half /= 2
            }
        }
    }

    /// n times the inverse transform of values below 2p, in place; results are below p.
    func inverse(_ values: UnsafeMutablePointer<UInt64>) {
        let twice = 2 &* Self.prime
        inverseFactors.withUnsafeBufferPointer { factors in
            var (groups, half) = (Self.degree / 2, 1)
            while groups >= 1 {
                for group in 0..<groups {
                    let factor = factors[groups + group]
                    let low = values + 2 * half * group
                    let high = low + half
                    for place in 0..<half {
                        let (x, y) = (low[place], high[place])
                        low[place] = Self.reduce(x &+ y, by: twice)
                        high[place] = Self.times(factor, x &+ twice &- y)
                    }
                }
                groups /= 2
                half *= 2
            }
        }
        for place in 0..<Self.degree { values[place] = Self.reduce(values[place], by: Self.prime) }
    }

    /// Makes a transformed polynomial, with values below 4p, the second factor of ``multiply(_:by:)``.
    func prepareFactor(_ values: UnsafeMutablePointer<UInt64>) {
        for place in 0..<Self.degree { values[place] = Self.times(montgomery, values[place]) }
    }

    /// values = values × factor / n, value by value: values below 4p, a prepared factor, results below 2p.
    func multiply(_ values: UnsafeMutablePointer<UInt64>, by factor: UnsafePointer<UInt64>) {
        let (p, twice) = (Self.prime, 2 &* Self.prime)
        for place in 0..<Self.degree {
            // Below 2p times p, which is below 2^64 p: the reduction is below 2p.
            let x = Self.reduce(values[place], by: twice)
            let product = x.multipliedFullWidth(by: Self.reduce(factor[place], by: p))
            let correction = (product.low &* negativeInverse).multipliedFullWidth(by: p).high
            // The low halves cancel; they carry unless both are zero.
            values[place] = product.high &+ correction &+ (product.low | (0 &- product.low)) >> 63
        }
    }
}

extension UInt {
    /// The bits in opposite order within each byte; with `byteSwapped`, in opposite order.
    fileprivate var bitReversed: UInt {
        var result: UInt = 0
        for bit in 0..<8 { result |= (self >> UInt(bit) & 0x0101_0101_0101_0101) << UInt(7 - bit) }
        return result
    }
}
