internal import Cryptography
internal import Synchronization

/// A member's side of one round, without input or output: each step takes the server's message and gives the
/// answer. Bonawitz et al. 2017, figure 4, on the graph of Bell et al. 2020.
///
/// Steps run once and in order; a refusal ends the round for this member and destroys its secrets, so that
/// nothing the server sends later can be answered. Secrets live in memory only: a restarted agent has dropped.
package final class SecureAggregationClient: Sendable {
    /// What all members agree on.
    let binding: RoundBinding
    /// The agent's own demands.
    let policy: AggregationPolicy
    /// The member's credential.
    let member: any RoundMember
    /// Decides which credentials count.
    let verifier: any MemberVerifier
    private let round = Mutex(Round())

    /// Joins the round; the record must be durable before the advertisement is sent. Throws `repeatedRound`
    /// for a round that was joined before.
    package init(
        binding: RoundBinding, policy: AggregationPolicy, member: any RoundMember,
        verifier: any MemberVerifier, participation: inout ParticipationRecord
    ) throws(SecureAggregationError) {
        try participation.enter(run: binding.run, round: binding.round)
        self.binding = binding
        self.policy = policy
        self.member = member
        self.verifier = verifier
    }

    /// The step whose message this member expects next; `finished` after the last or after a refusal.
    package var step: ProtocolStep { round.withLock { $0.step } }

    /// What hides this member's vector.
    package var scheme: MaskingScheme { binding.scheme }

    /// Members of the roster; nil before this member accepted one.
    package var memberCount: Int? { round.withLock { $0.neighbourhood?.roster.entries.count } }

    /// Gives up: destroys the secrets and refuses all further messages.
    package func abandon() { round.withLock { $0 = Round(step: .finished) } }

    /// What a member remembers between steps.
    struct Round: Sendable {
        /// The step whose message comes next.
        var step = ProtocolStep.keys
        /// From step `keys` on.
        var keys: Keys?
        /// From step `shares` on.
        var neighbourhood: Neighbourhood?
        /// The survivors, once step `masked` is closed.
        var survivors: SurvivorSet?
    }

    /// Secrets drawn for this round.
    struct Keys: Sendable {
        /// Opens neighbours' shares.
        let encryption: KeyAgreement.PrivateKey
        /// Gives the pairwise masks.
        let mask: KeyAgreement.PrivateKey
        /// Gives, or is a share of, the self mask.
        let selfMaskSeed: SharedSecret
    }

    /// The member's place in the graph and what it holds for its neighbours, by roster index.
    struct Neighbourhood: Sendable {
        /// The cohort.
        let roster: Roster
        /// This member's index in the roster.
        let own: Int
        /// Each neighbour's advertisement.
        let advertisements: [Int: Advertisement]
        /// Seeds of the masks with each neighbour.
        let maskSeeds: [Int: SharedSecret]
        /// Keys that open the neighbours' shares; gone once used.
        var openingKeys: [Int: SharedSecret]
        /// Neighbours whose shares arrived, with the shares or nil where they could not be opened.
        var received: [Int: ReceivedShares?] = [:]
    }

    /// A neighbour's shares, held for the unmasking.
    struct ReceivedShares: Sendable {
        /// A share of the mask key's secret.
        let maskKey: SharedSecret
        /// Gives, or is a share of, the self mask.
        let selfMaskSeed: SharedSecret
    }

    /// Runs one step under the lock. Out of turn nothing changes; a refusal within the step ends the round.
    func advance<Answer: Sendable>(
        _ step: ProtocolStep, _ body: (inout Round) throws(SecureAggregationError) -> Answer
    ) throws(SecureAggregationError) -> Answer {
        try round.withLock { (round) throws(SecureAggregationError) in
            guard round.step == step else { throw .wrongStep(expected: round.step, actual: step) }
            do throws(SecureAggregationError) {
                let answer = try body(&round)
                round.step = step.next
                if round.step == .finished { round = Round(step: .finished) }
                return answer
            } catch {
                round = Round(step: .finished)
                throw error
            }
        }
    }
}
