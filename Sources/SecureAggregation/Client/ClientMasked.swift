internal import Cryptography

extension SecureAggregationClient {
    /// Step `masked`: opens the neighbours' shares and hides `words`, in place, under the self mask and the
    /// masks with every neighbour whose shares arrived. `words` are the member's encoded and noised vector,
    /// each below 2^bits; afterwards they are the masked vector, and may be sent more than once.
    ///
    /// A share that cannot be opened does not end the round: its sender may be at fault, and the others'
    /// shares may suffice. Throws when senders are no neighbours or fewer than the threshold; `words` are
    /// unchanged then, and must not be sent.
    package func mask(
        _ words: UnsafeMutableBufferPointer<UInt32>, delivery: SealedShares
    ) throws(SecureAggregationError) {
        try advance(.masked) { (round) throws(SecureAggregationError) in
            guard binding.scheme == .masks else {
                throw .wrongVector("masks alone, in a round on a lattice")
            }
            guard words.count == binding.coordinateCount else {
                throw .wrongVector("\(words.count) coordinates instead of \(binding.coordinateCount)")
            }
            let masks = try masks(for: delivery, in: &round).masks
            try cryptographic { () throws(CryptographyError) in
                try MaskExpansion.add(masks, to: words, range: 0..<words.count, bits: binding.bits)
            }
        }
    }

    /// Step `masked` on a lattice: encrypts `words`, as in ``mask(_:delivery:)``, under a key drawn here for them alone, and hides
    /// the key under the masks. The answer may be sent more than once; no other vector can be encrypted in this round.
    package func encrypt(
        _ words: UnsafeBufferPointer<UInt32>, delivery: SealedShares
    ) throws(SecureAggregationError) -> EncryptedVector {
        try advance(.masked) { (round) throws(SecureAggregationError) in
            guard let parameters = binding.scheme.lattice else {
                throw .wrongVector("an encrypted vector, in a round of masks")
            }
            guard words.count == binding.coordinateCount else {
                throw .wrongVector("\(words.count) coordinates instead of \(binding.coordinateCount)")
            }
            let (masks, roster) = try masks(for: delivery, in: &round)
            let seed = try roster.latticeSeed()
            return try cryptographic { () throws(CryptographyError) in
                var key = try LatticeKey(parameters)
                var keyWords = [UInt32](repeating: 0, count: binding.maskedCount)
                try keyWords.withUnsafeMutableBufferPointer { (keyWords) throws(CryptographyError) in
                    key.write(to: keyWords)
                    try MaskExpansion.add(
                        masks, to: keyWords, range: 0..<keyWords.count, bits: binding.maskedBits)
                }
                let ciphertext = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: words.count)
                defer { ciphertext.deallocate() }
                ciphertext.initialize(repeating: 0)
                try key.encrypt(words, seed: seed, into: ciphertext)
                return EncryptedVector(
                    key: keyWords, coefficients: UnsafeBufferPointer(ciphertext), parameters: parameters)
            }
        }
    }

    /// Opens the neighbours' shares: the self mask and the masks with every neighbour whose shares arrived.
    private func masks(
        for delivery: SealedShares, in round: inout Round
    ) throws(SecureAggregationError) -> (masks: [SignedMask], roster: Roster) {
        guard let keys = round.keys, var neighbourhood = round.neighbourhood else {
            throw .wrongStep(expected: .shares, actual: .masked)
        }
        try open(delivery, in: &neighbourhood)
        let own = neighbourhood.own
        var masks = [SignedMask(seed: keys.selfMaskSeed, sign: .plus)]
        for neighbour in neighbourhood.received.keys.sorted() {
            guard let seed = neighbourhood.maskSeeds[neighbour] else { throw .unknownMember }
            masks.append(SignedMask(seed: seed, sign: own < neighbour ? .plus : .minus))
        }
        round.neighbourhood = neighbourhood
        return (masks, neighbourhood.roster)
    }

    private func open(
        _ delivery: SealedShares, in neighbourhood: inout Neighbourhood
    ) throws(SecureAggregationError) {
        let threshold = neighbourhood.roster.parameters.threshold
        guard delivery.entries.count >= threshold else {
            throw .notEnoughShares(
                member: neighbourhood.own, actual: delivery.entries.count, threshold: threshold)
        }
        for entry in delivery.entries {
            guard let key = neighbourhood.openingKeys.removeValue(forKey: entry.member) else {
                throw neighbourhood.received[entry.member] == nil ? .unknownMember : .repeatedMessage
            }
            neighbourhood.received[entry.member] = .some(
                Self.open(entry.sealed, key: key, roster: neighbourhood.roster))
        }
        neighbourhood.openingKeys = [:]
    }

    private static func open(_ sealed: [UInt8], key: SharedSecret, roster: Roster) -> ReceivedShares? {
        guard
            let pair = try? AuthenticatedEncryption.openOnce(
                sealed, key: key.bytes.duplicate(), associatedData: roster.digest),
            pair.count == 2 * ShamirSharing.byteCount
        else { return nil }
        return pair.withUnsafeBytes { pair in
            func half(_ range: Range<Int>) -> SharedSecret {
                SharedSecret(SecretBytes(copying: UnsafeRawBufferPointer(rebasing: pair[range])))
            }
            return ReceivedShares(
                maskKey: half(0..<ShamirSharing.byteCount),
                selfMaskSeed: half(ShamirSharing.byteCount..<2 * ShamirSharing.byteCount))
        }
    }
}
