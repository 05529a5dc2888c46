extension SecureAggregationServer {
    /// What a surviving member needs for step `consistency`.
    package func survivorMessage(for identity: MemberIdentity) throws(SecureAggregationError) -> SurvivorSet {
        let (_, index) = try sender(identity, at: .consistency)
        guard let survivors, survivors.contains(index) else { throw .unknownMember }
        return survivors
    }

    /// Step `consistency`: takes a survivor's signature over the survivor set.
    package mutating func receive(
        _ confirmation: Confirmation, from identity: MemberIdentity
    ) throws(SecureAggregationError) {
        let (roster, index) = try sender(identity, at: .consistency)
        guard let survivors, survivors.contains(index) else { throw .unknownMember }
        guard confirmations[index] == nil else { throw .repeatedMessage }
        let message = survivors.signedBytes(binding: binding, rosterDigest: roster.digest, signer: identity)
        let proven = verifier.identity(
            provenBy: advertisements[index].credential, signature: confirmation.signature, message: message)
        guard proven == identity else { throw .invalidSignature(member: index) }
        confirmations[index] = confirmation.signature
    }

    /// Ends step `consistency`. Throws when a secret that unmasking needs has fewer confirming holders than the
    /// threshold, or the members left are too few.
    package mutating func closeConsistency() throws(SecureAggregationError) {
        guard step == .consistency, let roster else {
            throw .wrongStep(expected: step, actual: .consistency)
        }
        let holders = Set(confirmations.keys)
        for member in sharing { try roster.requireHolders(of: member, among: holders, masked: masked) }
        step = .unmask
    }

    /// What a confirming member needs for step `unmask`: its neighbours' signatures.
    package func quorum(for identity: MemberIdentity) throws(SecureAggregationError) -> Quorum {
        let (roster, index) = try sender(identity, at: .unmask)
        guard confirmations[index] != nil else { throw .unknownMember }
        return Quorum(
            entries: roster.graph.neighbours(of: index).compactMap { neighbour in
                confirmations[neighbour].map { Quorum.Entry(member: neighbour, signature: $0) }
            })
    }
}
