internal import Cryptography

/// The members of a round as everybody sees them, and what follows from them: hash, parameters and graph.
struct Roster: Sendable {
    /// Members in strictly ascending order of identity.
    let entries: [RosterMessage.Entry]
    /// Degree and threshold for this many members.
    let parameters: SecureAggregationParameters
    /// SHA-256 over the round and all entries.
    let digest: [UInt8]
    /// Who is whose neighbour.
    let graph: NeighbourGraph

    /// Throws `duplicateIdentity` unless identities ascend strictly, and `impossibleRates` when the cohort is
    /// too small or too large for the round's assumptions or scheme.
    init(entries: [RosterMessage.Entry], binding: RoundBinding) throws(SecureAggregationError) {
        for (left, right) in zip(entries, entries.dropFirst()) where left.identity >= right.identity {
            throw left.identity == right.identity
                ? .duplicateIdentity : .malformed("roster", reason: "identities out of order")
        }
        guard entries.count <= SecureAggregationParameters.maximalRoundSize else {
            throw .malformed("roster", reason: "\(entries.count) members")
        }
        let objection = binding.scheme.objection(
            members: entries.count, minimalSurvivors: binding.minimalSurvivors(of: entries.count),
            adversarialRate: binding.assumptions.adversarialRate)
        if let objection { throw .impossibleRates(objection) }
        self.entries = entries
        parameters = try SecureAggregationParameters.compute(
            cohortSize: entries.count, assumptions: binding.assumptions)
        digest = try cryptographic { () throws(CryptographyError) in
            var hash = try SHA256()
            try hash.update(MessageWriter(domain: "sordino secagg roster v1").bytes + binding.digest)
            for entry in entries { try hash.update(entry.identity.bytes + entry.advertisementDigest) }
            return try hash.finish()
        }
        graph = try NeighbourGraph(parameters: parameters, seed: digest)
    }

    /// The 32 bytes that the public polynomials of a round on a lattice follow from. The digest covers the run, the round, the
    /// model and what every member advertised: no party chose it alone.
    func latticeSeed() throws(SecureAggregationError) -> [UInt8] {
        try cryptographic { () throws(CryptographyError) in
            try SHA256.hash(MessageWriter(domain: "sordino secagg lattice v1").bytes + digest)
        }
    }

    /// The index of a member, by binary search.
    func index(of identity: MemberIdentity) -> Int? {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].identity < identity { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].identity == identity ? low : nil
    }

    /// The evaluation point of a member's shares.
    static func point(of member: Int) -> UInt16 { UInt16(member + 1) }
}
