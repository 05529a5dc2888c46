internal import Cryptography

extension SecureAggregationServer {
    /// Step `masked`: adds a member's masked vector to the sum. Throws for a wrong length, a word outside the
    /// ring, a member that did not share, or a second vector.
    package mutating func receive(
        masked words: UnsafeBufferPointer<UInt32>, from identity: MemberIdentity
    ) throws(SecureAggregationError) {
        let index = try masker(identity)
        guard binding.scheme == .masks else { throw .wrongVector("it is not encrypted") }
        guard words.count == binding.coordinateCount else {
            throw .wrongVector("\(words.count) coordinates instead of \(binding.coordinateCount)")
        }
        var all: UInt32 = 0
        for word in words { all |= word }
        guard all <= maskedModulus else { throw .wrongVector("a word of more than \(binding.bits) bits") }
        addMasked(words)
        masked.insert(index)
    }

    /// Step `masked` on a lattice: adds a member's encrypted vector and its masked key to their sums. Throws for other sizes
    /// than the round's, a member that did not share, or a second vector.
    package mutating func receive(
        _ vector: EncryptedVector, from identity: MemberIdentity
    ) throws(SecureAggregationError) {
        let index = try masker(identity)
        guard let parameters = binding.scheme.lattice else { throw .wrongVector("it is encrypted") }
        guard vector.count == binding.coordinateCount, vector.keyBits == parameters.keyBits,
            vector.modulusBits == parameters.modulusBits
        else {
            throw .wrongVector(
                "\(vector.count) coordinates of \(vector.modulusBits) bits under a key of \(vector.keyBits) instead of "
                    + "\(binding.coordinateCount) of \(parameters.modulusBits) under \(parameters.keyBits)")
        }
        guard vector.ciphertext.withUnsafeBytes({ encryptedSum?.add(packed: $0) }) == true else {
            throw .wrongVector("no ciphertext of these sizes")
        }
        vector.keyWords.withUnsafeBufferPointer { addMasked($0) }
        masked.insert(index)
    }

    /// 2^maskedBits - 1.
    private var maskedModulus: UInt32 { .max >> UInt32(32 - binding.maskedBits) }

    /// The index of a member that may send its vector now.
    private func masker(_ identity: MemberIdentity) throws(SecureAggregationError) -> Int {
        let (_, index) = try sender(identity, at: .masked)
        guard sharing.contains(index) else { throw .unknownMember }
        guard !masked.contains(index) else { throw .repeatedMessage }
        return index
    }

    private mutating func addMasked(_ words: UnsafeBufferPointer<UInt32>) {
        let modulus = maskedModulus
        maskedSum.withUnsafeMutableBufferPointer { sum in
            for place in 0..<sum.count { sum[place] = (sum[place] &+ words[place]) & modulus }
        }
    }

    /// Ends step `masked`: whose vectors are in the sum has survived. The caller makes this set durable before
    /// any member sees it, and never asks with another.
    ///
    /// Throws when survivors are too few, or when a secret that unmasking needs has fewer surviving holders
    /// than the threshold.
    package mutating func closeMasked() throws(SecureAggregationError) -> SurvivorSet {
        guard step == .masked, let roster else { throw .wrongStep(expected: step, actual: .masked) }
        try requireMembers(masked.count)
        for member in sharing { try roster.requireHolders(of: member, among: masked, masked: masked) }
        let survivors = SurvivorSet(cohortSize: roster.entries.count, members: masked)
        self.survivors = survivors
        sealed = [:]
        step = .consistency
        return survivors
    }
}

extension Roster {
    /// Throws `notEnoughShares` unless a threshold of the member's neighbours is among `holders`, `masked` being in the sum. A
    /// dropped member none of whose neighbours survived left no mask in it.
    func requireHolders(
        of member: Int, among holders: Set<Int>, masked: Set<Int>
    ) throws(SecureAggregationError) {
        let neighbours = graph.neighbours(of: member)
        let count = neighbours.count(where: holders.contains)
        let leftNoMask = !masked.contains(member) && neighbours.allSatisfy { !masked.contains($0) }
        guard leftNoMask || count >= parameters.threshold else {
            throw .notEnoughShares(member: member, actual: count, threshold: parameters.threshold)
        }
    }
}
