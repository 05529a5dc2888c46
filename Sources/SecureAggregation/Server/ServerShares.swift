internal import Cryptography

extension SecureAggregationServer {
    /// Step `shares`: takes a member's sealed shares, one for each of its neighbours.
    package mutating func receive(
        _ shares: SealedShares, from identity: MemberIdentity
    ) throws(SecureAggregationError) {
        let (roster, index) = try sender(identity, at: .shares)
        guard !sharing.contains(index) else { throw .repeatedMessage }
        guard shares.entries.map(\.member) == roster.graph.neighbours(of: index) else {
            throw .graphMismatch("shares for others than the neighbours")
        }
        guard shares.entries.allSatisfy({ $0.sealed.count == SealedShares.sealedByteCount }) else {
            throw .malformed("sealed shares", reason: "a wrong length")
        }
        for entry in shares.entries { sealed[entry.member, default: [:]][index] = entry.sealed }
        sharing.insert(index)
    }

    /// Ends step `shares`: only members that shared stay. Throws when they are too few.
    package mutating func closeShares() throws(SecureAggregationError) {
        guard step == .shares else { throw .wrongStep(expected: step, actual: .shares) }
        try requireMembers(sharing.count)
        maskedSum = [UInt32](repeating: 0, count: binding.maskedCount)
        encryptedSum = binding.scheme.lattice.map {
            LatticeSum(count: binding.coordinateCount, parameters: $0)
        }
        step = .masked
    }

    /// What a member needs for step `masked`: the shares that its neighbours sealed for it.
    package func delivery(for identity: MemberIdentity) throws(SecureAggregationError) -> SealedShares {
        let (_, index) = try sender(identity, at: .masked)
        guard sharing.contains(index) else { throw .unknownMember }
        let received = (sealed[index] ?? [:]).sorted { $0.key < $1.key }
        return SealedShares(entries: received.map { SealedShares.Entry(member: $0.key, sealed: $0.value) })
    }
}
