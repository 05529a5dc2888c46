/// Sizes of the lattice encryption that hides one vector of ring words from whoever sees only ciphertexts, and lets their sum
/// be opened with the sum of the keys: additive, key- and message-homomorphic encryption on ring learning with errors, as in
/// ACORN (Bell et al. 2023) and Willow (eprint 2024/936).
///
/// A ciphertext coefficient is c = (a s)_i + e_i + 2^(k - b) v_i modulo 2^k, for a word v of b bits: the word lies in the top
/// bits, so that sums of words wrap modulo 2^b and their carries leave the modulus. A word in the low bits under a larger
/// modulus would show the carries, which are no part of what masks show and which no noise was sized for.
///
/// Security: n = 2048 with k of at most 41 bits gives 128 bits against quantum attackers at deviation 3.2 (the post-quantum row
/// of privacy tables for ring learning with errors, for a ternary secret, which is the easier one). The sum opens Σ s and Σ e too: with
/// two honest members each keeps the uncertainty of a Gaussian of deviation 4.5 / √2 = 3.18, a hair below the table (hints on learning with errors, as in
/// ACORN and Willow), which is why key and error have 4.5 and fewer than two honest survivors must not be opened.
package struct LatticeParameters: Hashable, Sendable {
    /// Coefficients of a polynomial, n: the ring is Z[x] / (x^n + 1).
    package static let degree = 2048
    /// Largest logarithm of the modulus for which the security stated above holds at this degree.
    package static let greatestModulusBits = 41
    /// Most members whose ciphertexts may be added.
    package static let greatestMemberCount = 1 << 14

    /// Bits of a word, b.
    package let valueBits: Int
    /// Most members whose ciphertexts are added.
    package let memberCount: Int
    /// Logarithm of the ciphertexts' modulus, k.
    package let modulusBits: Int
    /// Bits of the ring in which the keys' coefficients are summed: no sum of so many keys wraps in it.
    package let keyBits: Int

    /// The least modulus for words of `valueBits`, 8 to 32, of at most `memberCount` members, 2 to
    /// ``greatestMemberCount``. Throws `invalidLattice` for others, and where the modulus would have to be greater than the
    /// security allows.
    ///
    /// Sums of so many errors stay below half of 2^(k - b) but with probability 2 e^-72 a coefficient (12 deviations; discrete
    /// Gaussians are subgaussian: Canonne, Kamath, Steinke 2020, fact 18), or always, whichever takes less.
    package init(valueBits: Int, memberCount: Int) throws(CryptographyError) {
        guard (8...32).contains(valueBits) else {
            throw .invalidLattice("words of \(valueBits) bits; 8 to 32 are possible")
        }
        guard (2...Self.greatestMemberCount).contains(memberCount) else {
            throw .invalidLattice("\(memberCount) members; 2 to \(Self.greatestMemberCount) are possible")
        }
        let always = Double(memberCount * LatticeNoise.bound)
        let nearly = 12 * LatticeNoise.deviation * Double(memberCount).squareRoot()
        let errorBits = Self.bits(ofSumsTo: Int(min(always, nearly).rounded(.up)))
        guard valueBits + errorBits <= Self.greatestModulusBits else {
            throw .invalidLattice(
                "words of \(valueBits) bits of \(memberCount) members need a modulus of \(valueBits + errorBits) bits; "
                    + "128 bits of security allow \(Self.greatestModulusBits)")
        }
        self.valueBits = valueBits
        self.memberCount = memberCount
        modulusBits = valueBits + errorBits
        keyBits = max(8, Self.bits(ofSumsTo: memberCount * LatticeNoise.bound))
    }

    /// Bits in which integers from -bound to bound are told apart.
    private static func bits(ofSumsTo bound: Int) -> Int { Int.bitWidth - (2 * bound).leadingZeroBitCount }

    /// 2^k - 1.
    var modulusMask: UInt64 { (1 << UInt64(modulusBits)) - 1 }
    /// Places that a word is shifted up by.
    var shift: UInt64 { UInt64(modulusBits - valueBits) }

    /// Bytes of a ciphertext of so many words on the wire, `modulusBits` bits a coefficient; words of the last polynomial that
    /// are not there are not sent.
    package func packedByteCount(of count: Int) -> Int { (count * modulusBits + 7) / 8 }
}
