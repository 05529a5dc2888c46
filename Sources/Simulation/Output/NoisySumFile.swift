internal import Configuration
internal import Encoding
internal import Foundation

/// The noisy sum of the open round, kept until its model is published: the round number, then the wire form.
enum NoisySumFile {
    static func encode(_ sum: RingVector, round: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt64(round).littleEndian) { Array($0) } + sum.packed()
    }

    /// The stored sum, or nil when it belongs to another round. Throws when it does not fit the plan.
    static func decode(_ data: Data, round: Int, like sum: RingVector) throws -> RingVector? {
        try data.withUnsafeBytes { bytes in
            guard bytes.count >= 8,
                UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) == UInt64(round)
            else {
                return nil
            }
            let body = UnsafeRawBufferPointer(rebasing: bytes[8...])
            guard let stored = RingVector(packed: body, count: sum.count, bits: sum.bits) else {
                throw ConfigurationError(
                    path: "noisy-sum.bin",
                    problem: "damaged; the round cannot be released again: start a new run")
            }
            return stored
        }
    }
}
