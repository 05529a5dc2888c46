internal import Cryptography

extension SecureAggregationServer {
    /// Step `unmask`: takes a member's shares of its neighbours' secrets. Throws when it gives the wrong kind
    /// of share, or shares of members that are not its neighbours.
    package mutating func receive(
        _ message: UnmaskShares, from identity: MemberIdentity
    ) throws(SecureAggregationError) {
        let (roster, index) = try sender(identity, at: .unmask)
        guard let survivors, confirmations[index] != nil else { throw .unknownMember }
        guard !unmasking.contains(index) else { throw .repeatedMessage }
        let neighbours = Set(roster.graph.neighbours(of: index))
        var accepted: [(member: Int, share: ShamirSharing.Share)] = []
        for entry in message.entries {
            guard neighbours.contains(entry.member), sharing.contains(entry.member) else {
                throw .graphMismatch("a share of member \(entry.member), which is no neighbour")
            }
            guard entry.secret == (survivors.contains(entry.member) ? .selfMaskSeed : .maskKey) else {
                throw .inconsistentSurvivors("the wrong kind of share of member \(entry.member)")
            }
            let share = try cryptographic { () throws(CryptographyError) in
                try ShamirSharing.Share(
                    point: Roster.point(of: index), value: SharedSecret(SecretBytes(copying: entry.value)))
            }
            accepted.append((entry.member, share))
        }
        for (member, share) in accepted { shares[member, default: []].append(share) }
        unmasking.insert(index)
    }

    /// Whether every secret that unmasking needs has a threshold of shares: step `unmask` may be closed before
    /// its deadline. Later shares may still help if some are false.
    package var canUnmask: Bool {
        guard step == .unmask, let roster else { return false }
        return neededSecrets(roster).allSatisfy {
            (shares[$0]?.count ?? 0) >= roster.parameters.threshold
        }
    }

    /// Ends step `unmask`: rebuilds the seeds of survivors and the keys of dropped members and checks each
    /// against what its owner advertised. The masks returned, taken out of `maskedSum`, leave the exact sum of
    /// the survivors' vectors, or on a lattice of their keys: ``opened(_:)`` has the vectors then.
    ///
    /// Throws `notEnoughShares` or `reconstructionFailed`; the round is lost then, and later shares may mend it
    /// as long as the step is not closed.
    package mutating func closeUnmask() throws(SecureAggregationError) -> MaskRemoval {
        guard step == .unmask, let roster else { throw .wrongStep(expected: step, actual: .unmask) }
        var reconstruction = Reconstruction(threshold: roster.parameters.threshold)
        var masks: [SignedMask] = []
        for member in neededSecrets(roster) {
            let received = shares[member] ?? []
            if masked.contains(member) {
                let commitment = advertisements[member].seedCommitment
                let seed = try reconstruction.secret(of: member, from: received) { seed in
                    (try? SHA256.commitment(to: seed)) == commitment
                }
                masks.append(SignedMask(seed: SharedSecret(seed), sign: .minus))
            } else {
                let publicKey = advertisements[member].maskKey
                let secret = try reconstruction.secret(of: member, from: received) { secret in
                    (try? KeyAgreement.PrivateKey(secret: secret))?.publicKey == publicKey
                }
                masks += try remainingMasks(of: member, secret: secret, roster: roster)
            }
        }
        shares = [:]
        step = .finished
        return MaskRemoval(masks: masks, bits: binding.maskedBits)
    }

    /// The exact sum of the survivors' vectors, each word below 2^bits, given `maskedSum` without its masks.
    ///
    /// On a lattice this opens the sum of the ciphertexts. Throws where the sum of keys is not that of the ciphertexts' keys.
    package func opened(_ unmasked: [UInt32]) throws(SecureAggregationError) -> [UInt32] {
        guard let encryptedSum else { return unmasked }
        guard let roster else { throw .wrongStep(expected: step, actual: .unmask) }
        let seed = try roster.latticeSeed()
        return try cryptographic { () throws(CryptographyError) in
            try encryptedSum.open(keySum: unmasked, seed: seed).words
        }
    }

    /// Members whose masks are in the sum: survivors, and dropped ones with surviving neighbours.
    private func neededSecrets(_ roster: Roster) -> [Int] {
        sharing.sorted().filter { member in
            masked.contains(member)
                || roster.graph.neighbours(of: member).contains { masked.contains($0) }
        }
    }

    /// The masks that surviving neighbours added for a dropped member, with the signs that take them out.
    private func remainingMasks(
        of member: Int, secret: borrowing SecretBytes, roster: Roster
    ) throws(SecureAggregationError) -> [SignedMask] {
        let key = try cryptographic { () throws(CryptographyError) in
            try KeyAgreement.PrivateKey(secret: secret)
        }
        var masks: [SignedMask] = []
        for neighbour in roster.graph.neighbours(of: member) where masked.contains(neighbour) {
            let seed = try cryptographic { () throws(CryptographyError) in
                try PairwiseKeys.maskSeed(
                    own: key, peer: advertisements[neighbour].maskKey, between: member, and: neighbour,
                    roster: roster)
            }
            masks.append(SignedMask(seed: seed, sign: neighbour < member ? .minus : .plus))
        }
        return masks
    }
}
