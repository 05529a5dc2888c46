internal import Encoding
internal import Foundation
internal import Operations
internal import Transport

/// The noisy sum of the open round, `spool/N.noisy-sum`: the weight (Int64, little-endian), the packed sum, and the round's
/// file as it was when the sum was closed. From when it is durable the round is closed, whatever `rounds/N.json` says.
extension StateDirectory {
    /// The weight stands before the sum.
    private static let noisySumHeadBytes = 8

    func noisySumPath(_ round: Int) -> String { "\(path)/spool/\(Self.name(round)).noisy-sum" }

    /// Whether a noisy sum of the round is stored. Throws when it does not fit.
    func hasNoisySum(_ round: Int, count: Int, bits: Int) throws -> Bool {
        try noisySumFile(round, count: count, bits: bits) != nil
    }

    /// The stored noisy sum and weight of a round; nil where none was stored. Throws when it does not fit.
    func noisySum(_ round: Int, count: Int, bits: Int) throws -> (sum: RingVector, weight: Int)? {
        guard let (file, bytes) = try noisySumFile(round, count: count, bits: bits) else { return nil }
        let head = bytes.lowerBound
        var sum = RingVector(zeros: count, bits: bits)
        let isAdded = sum.add(packed: UnsafeRawBufferPointer(rebasing: file.bytes[bytes])) { range in
            file.release(range.lowerBound + head..<range.upperBound + head)
        }
        precondition(isAdded, "a noisy sum is checked when it is opened")
        return (sum, Int(Int64(littleEndian: file.bytes.loadUnaligned(as: Int64.self))))
    }

    /// The round that a stored noisy sum has closed; nil where none is stored, or where it does not say, as in files of
    /// 0.1.0. Throws when it does not fit.
    func closedRound(_ round: Int, count: Int, bits: Int) throws -> RoundFile? {
        guard let (file, bytes) = try noisySumFile(round, count: count, bits: bits) else { return nil }
        let text = Data(file.bytes[bytes.upperBound...])
        guard !text.isEmpty else { return nil }
        guard let closed = try? JSONDecoder().decode(RoundFile.self, from: text), closed.isPlausible,
            closed.round == round, closed.state == .closed
        else { throw Self.damaged(noisySumPath(round)) }
        return closed
    }

    /// The file and where the sum lies in it.
    private func noisySumFile(
        _ round: Int, count: Int, bits: Int
    ) throws -> (file: SharedBuffer, sum: Range<Int>)? {
        let path = noisySumPath(round)
        guard let file = try map(path) else { return nil }
        let head = Self.noisySumHeadBytes
        let end = head + RingVector.packedByteCount(count: count, bits: bits)
        guard file.count >= end,
            RingVector.isWireForm(
                UnsafeRawBufferPointer(rebasing: file.bytes[head..<end]), count: count, bits: bits)
        else { throw Self.damaged(path) }
        return (file, head..<end)
    }

    /// Stores a noisy sum with the round that it closes, durably.
    func writeNoisySum(_ round: Int, _ sum: RingVector, weight: Int, closing file: RoundFile? = nil) throws {
        let text = try file.map { try JSONEncoder().encode($0) } ?? Data()
        try AtomicFile.write(to: noisySumPath(round), mode: 0o600) { file in
            try withUnsafeBytes(of: Int64(weight).littleEndian) { try file.append($0) }
            try sum.forEachPackedPiece { try file.append($0) }
            try text.withUnsafeBytes { try file.append($0) }
        }
    }

    /// Removes noisy sums that nothing can need any more, of rounds up to `round`.
    func removeNoisySums(upTo round: Int) throws {
        for number in try numbers(of: "noisy-sum", in: "spool") where number <= round {
            try removeNoisySum(number)
        }
    }

    /// After a crash it may be there again: ``removeNoisySums(upTo:)``.
    func removeNoisySum(_ round: Int) throws { try AtomicFile.remove(noisySumPath(round), durably: false) }
}
