package import Cryptography

/// Why a step of secure aggregation was refused. Members are named by their index in the round's roster.
package enum SecureAggregationError: Error, Equatable, Sendable {
    /// No degree and threshold give the security wanted at these rates.
    case impossibleRates(String)
    /// A message that is not well formed; says which and why.
    case malformed(String, reason: String)
    /// A message for another step than the one this party is at.
    case wrongStep(expected: ProtocolStep, actual: ProtocolStep)
    /// This agent has already taken part in this round of this run, or in a later one.
    case repeatedRound(run: String, round: Int)
    /// A sender or name that is not in the roster.
    case unknownMember
    /// One identity twice in a round.
    case duplicateIdentity
    /// A second message of one member for one step.
    case repeatedMessage
    /// A credential that is not valid here, or a signature that is not its owner's over this round.
    case invalidSignature(member: Int)
    /// A public key whose shared secrets would be known to everybody.
    case lowOrderPoint(member: Int)
    /// Neighbours, degree or threshold other than those that follow from the roster.
    case graphMismatch(String)
    /// Degree and threshold do not give this agent the security that its own policy wants.
    case graphTooSparse(degree: Int, threshold: Int)
    /// Fewer members than the plan or this agent's policy wants.
    case tooFewMembers(actual: Int, minimum: Int)
    /// More members than the plan's noise was sized for.
    case tooManyMembers(actual: Int, maximum: Int)
    /// The roster or the survivor set leaves this agent out.
    case ownAbsence
    /// A survivor set that contradicts what this agent was told before.
    case inconsistentSurvivors(String)
    /// Too few neighbours confirmed the same survivor set.
    case noQuorum(actual: Int, threshold: Int)
    /// Fewer shares of a member's secret arrived than are needed.
    case notEnoughShares(member: Int, actual: Int, threshold: Int)
    /// No subset of the shares of a member's secret gives what the member advertised.
    case reconstructionFailed(member: Int)
    /// A vector of another length or with words outside the ring.
    case wrongVector(String)
    /// Without a revocation list that counts now nobody can tell whose certificates do.
    case noRevocationList(String)
    /// The cryptographic layer failed.
    case cryptography(CryptographyError)
}

extension SecureAggregationError: CustomStringConvertible {
    /// One line for logs and for the reason sent with a refusal.
    package var description: String {
        switch self {
        case .impossibleRates(let reason): reason
        case .malformed(let message, let reason): "malformed \(message): \(reason)"
        case .wrongStep(let expected, let actual):
            "a message of step \(actual) while at step \(expected)"
        case .repeatedRound(let run, let round): "round \(round) of run \(run) was already taken part in"
        case .unknownMember: "not a member of this round"
        case .duplicateIdentity: "one identity twice in a round"
        case .repeatedMessage: "a second message for one step"
        case .invalidSignature(let member): "invalid credential or signature of member \(member)"
        case .lowOrderPoint(let member): "member \(member) advertises a point of low order"
        case .graphMismatch(let reason): "communication graph: \(reason)"
        case .graphTooSparse(let degree, let threshold):
            "degree \(degree) with threshold \(threshold) is too weak for this agent's policy"
        case .tooFewMembers(let actual, let minimum): "\(actual) members, at least \(minimum) are needed"
        case .tooManyMembers(let actual, let maximum): "\(actual) members, at most \(maximum) are allowed"
        case .ownAbsence: "this agent is left out"
        case .inconsistentSurvivors(let reason): "survivor set: \(reason)"
        case .noQuorum(let actual, let threshold):
            "\(actual) neighbours confirmed the survivors, \(threshold) are needed"
        case .notEnoughShares(let member, let actual, let threshold):
            "\(actual) shares of member \(member), \(threshold) are needed"
        case .reconstructionFailed(let member):
            "the shares of member \(member) do not give what it advertised"
        case .wrongVector(let reason): "masked vector: \(reason)"
        case .noRevocationList(let reason): reason
        case .cryptography(let error): error.description
        }
    }
}

/// The steps of a round, in order.
package enum ProtocolStep: String, CaseIterable, Comparable, Sendable {
    case keys, shares, masked, consistency, unmask, finished

    /// The step after this one; `finished` stays.
    package var next: ProtocolStep {
        let all = Self.allCases
        let index = all.firstIndex(of: self) ?? all.endIndex - 1
        return all[min(index + 1, all.count - 1)]
    }

    /// Earlier steps are smaller.
    package static func < (left: ProtocolStep, right: ProtocolStep) -> Bool {
        let all = Self.allCases
        return (all.firstIndex(of: left) ?? 0) < (all.firstIndex(of: right) ?? 0)
    }
}

/// Runs a piece of cryptography and states its failure as one of this module.
func cryptographic<Result: ~Copyable>(
    _ body: () throws(CryptographyError) -> Result
) throws(SecureAggregationError) -> Result {
    do throws(CryptographyError) { return try body() } catch { throw .cryptography(error) }
}
