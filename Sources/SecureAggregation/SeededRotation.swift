internal import Cryptography
package import Encoding

extension RandomRotation {
    /// The rotation of a seed, public and the same for all members of a round; throws only when the cipher
    /// fails.
    package init(count: Int, seed: [UInt8]) throws(SecureAggregationError) {
        let signs = try cryptographic { () throws(CryptographyError) in
            let key = try SHA256.hash([UInt8]("sordino rotation v1\u{0}".utf8) + seed)
            var stream = try PseudorandomStream(key: SecretBytes(copying: key))
            let words = UnsafeMutableBufferPointer<UInt32>.allocate(
                capacity: RandomRotation.signWordCount(count: count))
            defer { words.deallocate() }
            words.initialize(repeating: 0)
            try stream.fill(UnsafeMutableRawBufferPointer(words))
            return words.map { UInt32(littleEndian: $0) }
        }
        self.init(count: count, signs: signs)
    }
}
