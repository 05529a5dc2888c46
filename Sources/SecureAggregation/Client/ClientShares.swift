internal import Cryptography

extension SecureAggregationClient {
    /// Step `shares`: checks the roster and this member's neighbours, and seals for each neighbour a share of
    /// the mask key's secret and of the self-mask seed.
    ///
    /// Throws when the roster has an identity twice, leaves this member out, is smaller than plan or policy
    /// want or larger than it allows, or is not that of the pinned members; when degree, threshold or neighbours do not follow from it or
    /// are too weak for the policy; when a neighbour's advertisement is not signed by its owner for this round,
    /// repeats another's keys, or holds a point of low order.
    package func share(_ message: RosterMessage) throws(SecureAggregationError) -> SealedShares {
        try advance(.shares) { (round) throws(SecureAggregationError) in
            guard let keys = round.keys else { throw .wrongStep(expected: .keys, actual: .shares) }
            let examination = RosterExamination(
                binding: binding, policy: policy, member: member.identity, verifier: verifier)
            let (roster, own) = try examination.roster(of: message)
            let advertisements = try examination.neighbours(in: message, roster: roster, own: own)
            let agreed = try agree(keys, advertisements, roster: roster, own: own)
            round.neighbourhood = Neighbourhood(
                roster: roster, own: own, advertisements: advertisements,
                maskSeeds: agreed.mapValues(\.maskSeed), openingKeys: agreed.mapValues(\.opening))
            return try seal(keys, agreed.mapValues(\.sealing), roster: roster)
        }
    }

    /// What two neighbours derive from their keys.
    private struct Agreed {
        let maskSeed: SharedSecret
        let sealing: SharedSecret
        let opening: SharedSecret
    }

    private func agree(
        _ keys: Keys, _ advertisements: [Int: Advertisement], roster: Roster, own: Int
    ) throws(SecureAggregationError) -> [Int: Agreed] {
        var agreed: [Int: Agreed] = [:]
        for (neighbour, advertisement) in advertisements {
            do throws(CryptographyError) {
                let maskSeed = try PairwiseKeys.maskSeed(
                    own: keys.mask, peer: advertisement.maskKey, between: own, and: neighbour, roster: roster)
                let (sealing, opening) = try PairwiseKeys.shareKeys(
                    own: keys.encryption, peer: advertisement.encryptionKey, of: own, with: neighbour,
                    roster: roster)
                agreed[neighbour] = Agreed(maskSeed: maskSeed, sealing: sealing, opening: opening)
            } catch {
                throw error == .lowOrderPoint ? .lowOrderPoint(member: neighbour) : .cryptography(error)
            }
        }
        return agreed
    }

    private func seal(
        _ keys: Keys, _ sealingKeys: [Int: SharedSecret], roster: Roster
    ) throws(SecureAggregationError) -> SealedShares {
        try cryptographic { () throws(CryptographyError) in
            let neighbours = sealingKeys.sorted { $0.key < $1.key }
            let points = neighbours.map { Roster.point(of: $0.key) }
            let threshold = roster.parameters.threshold
            let keyShares = try ShamirSharing.share(keys.mask.secret(), threshold: threshold, points: points)
            let seedShares = try ShamirSharing.share(
                keys.selfMaskSeed.bytes, threshold: threshold, points: points)
            var entries: [SealedShares.Entry] = []
            for (index, (neighbour, key)) in neighbours.enumerated() {
                let pair = SecretBytes(count: 2 * ShamirSharing.byteCount) { bytes in
                    keyShares[index].value.bytes.withUnsafeBytes { bytes.copyMemory(from: $0) }
                    seedShares[index].value.bytes.withUnsafeBytes { share in
                        UnsafeMutableRawBufferPointer(rebasing: bytes[ShamirSharing.byteCount...])
                            .copyMemory(from: share)
                    }
                }
                let sealed = try AuthenticatedEncryption.sealOnce(
                    pair, key: key.bytes.duplicate(), associatedData: roster.digest)
                entries.append(SealedShares.Entry(member: neighbour, sealed: sealed))
            }
            return SealedShares(entries: entries)
        }
    }
}
