internal import Cryptography

extension SecureAggregationClient {
    /// Step `consistency`: checks and signs the survivor set; there is no second one in a round.
    ///
    /// Throws when the set is not of this roster, leaves this member out, is smaller than plan or policy want,
    /// names a neighbour whose shares never arrived (its masks are not in this member's vector), or leaves
    /// fewer surviving neighbours than the threshold.
    package func confirm(_ survivors: SurvivorSet) throws(SecureAggregationError) -> Confirmation {
        try advance(.consistency) { (round) throws(SecureAggregationError) in
            guard let neighbourhood = round.neighbourhood else {
                throw .wrongStep(expected: .masked, actual: .consistency)
            }
            let roster = neighbourhood.roster
            guard survivors.cohortSize == roster.entries.count else {
                throw .inconsistentSurvivors(
                    "of \(survivors.cohortSize) members, not \(roster.entries.count)")
            }
            guard survivors.contains(neighbourhood.own) else { throw .ownAbsence }
            let minimum = max(binding.minimalSurvivors(of: roster.entries.count), policy.minimalSurvivors)
            guard survivors.count >= minimum else {
                throw .tooFewMembers(actual: survivors.count, minimum: minimum)
            }
            let surviving = neighbourhood.advertisements.keys.filter(survivors.contains)
            for neighbour in surviving where neighbourhood.received[neighbour] == nil {
                throw .inconsistentSurvivors("member \(neighbour) survives without having shared")
            }
            guard surviving.count >= roster.parameters.threshold else {
                throw .noQuorum(actual: surviving.count, threshold: roster.parameters.threshold)
            }
            round.survivors = survivors
            let message = survivors.signedBytes(
                binding: binding, rosterDigest: roster.digest, signer: member.identity)
            return Confirmation(
                signature: try cryptographic { () throws(CryptographyError) in try member.sign(message) })
        }
    }
}
