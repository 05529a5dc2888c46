/// Products of the round's public polynomials with one polynomial of small coefficients, modulo 2^k.
///
/// Public polynomial j takes n words of the AES-256-CTR keystream under the public seed, from word j n on; the low k bits of a
/// word, read as an integer from -2^(k - 1) to below 2^(k - 1), are a coefficient. Seed and keystream are no secrets here: the
/// stream only spreads the seed. For one thread at a time.
final class LatticeMultiplier {
    private let parameters: LatticeParameters
    private var stream: PseudorandomStream
    private let transform = NegacyclicTransform.shared
    /// The small polynomial, transformed and prepared; then room for one product.
    private let room: UnsafeMutableBufferPointer<UInt64>
    private static var degree: Int { LatticeParameters.degree }

    /// Multiplies by the polynomial of these n coefficients, which must be small enough for ``isExact(_:parameters:)``.
    init(
        by coefficients: UnsafeBufferPointer<Int32>, parameters: LatticeParameters, seed: [UInt8]
    ) throws(CryptographyError) {
        precondition(coefficients.count == Self.degree, "a polynomial has n coefficients")
        stream = try PseudorandomStream(key: SecretBytes(copying: seed))
        self.parameters = parameters
        room = .allocate(capacity: 2 * Self.degree)
        room.initialize(repeating: 0)
        guard let base = room.baseAddress else { return }
        for place in 0..<Self.degree {
            base[place] = Self.residue(Int64(coefficients[place]))
        }
        transform.forward(base)
        transform.prepareFactor(base)
    }

    deinit {
        SecretMemory.cleanse(UnsafeMutableRawBufferPointer(room))
        room.deallocate()
    }

    /// Whether products with these coefficients are exact: a coefficient of a product is at most 2^(k - 1) times the sum of
    /// their magnitudes.
    static func isExact(_ coefficients: [Int32], parameters: LatticeParameters) -> Bool {
        let sum = coefficients.reduce(UInt64(0)) { $0 + UInt64($1.magnitude) }
        let (product, overflows) = sum.multipliedReportingOverflow(
            by: 1 << UInt64(parameters.modulusBits - 1))
        return !overflows && product < NegacyclicTransform.prime / 2
    }

    /// Calls `body` with the product of the next public polynomial, from the first one on: n coefficients modulo 2^64, of which
    /// the low k bits count.
    func withNextProduct(
        _ body: (UnsafePointer<UInt64>) throws(CryptographyError) -> Void
    ) throws(CryptographyError) {
        guard let factor = room.baseAddress else { return }
        let product = factor + Self.degree
        try stream.fill(UnsafeMutableRawBufferPointer(start: product, count: 8 * Self.degree))
        let unused = UInt64(64 - parameters.modulusBits)
        for place in 0..<Self.degree {
            let word = UInt64(littleEndian: product[place])
            product[place] = Self.residue(Int64(bitPattern: word << unused) >> Int64(unused))
        }
        transform.forward(product)
        transform.multiply(product, by: factor)
        transform.inverse(product)
        // From residues to integers nearest zero, without asking whether: half - r is negative where p is to be taken off.
        let (prime, half) = (NegacyclicTransform.prime, NegacyclicTransform.prime / 2)
        for place in 0..<Self.degree {
            let residue = product[place]
            product[place] = residue &- (prime & (0 &- (half &- residue) >> 63))
        }
        try body(product)
    }

    /// A signed integer modulo the prime, in a time that does not depend on it.
    @inline(__always)
    private static func residue(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: value) &+ (NegacyclicTransform.prime & UInt64(bitPattern: value >> 63))
    }
}
