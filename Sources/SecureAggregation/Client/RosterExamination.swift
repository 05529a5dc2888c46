internal import Cryptography

/// Whether a member may go on with the roster that the server sent: what everybody agreed on, and the member's own demands.
/// Each step throws what is wrong, and the round is over for the member then.
struct RosterExamination {
    /// What all members agree on.
    let binding: RoundBinding
    /// The agent's own demands.
    let policy: AggregationPolicy
    /// The agent itself.
    let member: MemberIdentity
    /// Decides which credentials count.
    let verifier: any MemberVerifier

    /// The roster with this member's index in it.
    func roster(
        of message: RosterMessage
    ) throws(SecureAggregationError) -> (roster: Roster, own: Int) {
        let minimum = max(binding.minimalSurvivors, policy.minimalSurvivors)
        guard message.entries.count >= minimum else {
            throw .tooFewMembers(actual: message.entries.count, minimum: minimum)
        }
        guard message.entries.count <= policy.maximalMembers else {
            throw .tooManyMembers(actual: message.entries.count, maximum: policy.maximalMembers)
        }
        let roster = try Roster(entries: message.entries, binding: binding)
        guard let own = roster.index(of: member) else { throw .ownAbsence }
        if let pinned = policy.pinnedMembers {
            guard roster.entries.allSatisfy({ pinned.contains($0.identity) }) else { throw .unknownMember }
        }
        let parameters = roster.parameters
        guard message.degree == parameters.degree, message.threshold == parameters.threshold else {
            throw .graphMismatch(
                "degree \(message.degree) and threshold \(message.threshold) instead of \(parameters.degree) "
                    + "and \(parameters.threshold)")
        }
        // The agent's own rate and least survivors, whatever the plan says of them.
        let objection = binding.scheme.objection(
            members: roster.entries.count,
            minimalSurvivors: max(
                binding.minimalSurvivors(of: roster.entries.count), policy.minimalSurvivors),
            adversarialRate: policy.assumptions.adversarialRate)
        if let objection { throw .impossibleRates(objection) }
        guard parameters.isSecret(under: policy.assumptions) else {
            throw .graphTooSparse(degree: parameters.degree, threshold: parameters.threshold)
        }
        return (roster, own)
    }

    /// The neighbours' advertisements, by roster index.
    func neighbours(
        in message: RosterMessage, roster: Roster, own: Int
    ) throws(SecureAggregationError) -> [Int: Advertisement] {
        let neighbours = roster.graph.neighbours(of: own)
        guard neighbours.count == message.advertisements.count else {
            throw .graphMismatch("\(message.advertisements.count) neighbours instead of \(neighbours.count)")
        }
        var result: [Int: Advertisement] = [:]
        var publicKeys: Set<KeyAgreement.PublicKey> = []
        for (neighbour, advertisement) in zip(neighbours, message.advertisements) {
            let entry = roster.entries[neighbour]
            let digest = try cryptographic { () throws(CryptographyError) in
                try SHA256.hash(advertisement.encoded())
            }
            guard digest == entry.advertisementDigest else {
                throw .graphMismatch("the advertisement of member \(neighbour) is not the roster's")
            }
            guard advertisement.isSigned(by: entry.identity, binding: binding, verifier: verifier) else {
                throw .invalidSignature(member: neighbour)
            }
            guard publicKeys.insert(advertisement.encryptionKey).inserted,
                publicKeys.insert(advertisement.maskKey).inserted
            else { throw .graphMismatch("member \(neighbour) repeats another's key") }
            result[neighbour] = advertisement
        }
        return result
    }
}
