internal import Cryptography

/// The server's side of one round, without input or output. In each step messages of members are received, the
/// step is closed by target or deadline, and the next step's messages can be asked for, member by member.
///
/// Masked vectors are added on arrival and forgotten; what stays is one sum, and keys and shares. Received
/// messages are checked before they change anything: a refused one leaves the round as it was.
package struct SecureAggregationServer: Sendable {
    /// What all members agree on.
    let binding: RoundBinding
    /// Decides which credentials count.
    let verifier: any MemberVerifier

    /// The step whose messages are received now.
    package internal(set) var step = ProtocolStep.keys
    /// Running sum of the masked vectors, or on a lattice of the masked keys, each word below 2^maskedBits.
    package internal(set) var maskedSum: [UInt32] = []
    /// Running sum of the encrypted vectors, on a lattice.
    var encryptedSum: LatticeSum?

    /// Advertisements of step `keys`.
    var advertised: [MemberIdentity: Advertisement] = [:]
    /// All public keys seen in step `keys`.
    var advertisedKeys: Set<KeyAgreement.PublicKey> = []
    /// The cohort, once step `keys` is closed.
    var roster: Roster?
    /// By roster index, once the roster stands.
    var advertisements: [Advertisement] = []
    /// Sealed shares by recipient and sender.
    var sealed: [Int: [Int: [UInt8]]] = [:]
    /// Members that shared, that sent a masked vector, that confirmed the survivors, that unmasked.
    var sharing: Set<Int> = []
    /// Members whose masked vectors are in the sum.
    var masked: Set<Int> = []
    /// The survivors, once step `masked` is closed.
    var survivors: SurvivorSet?
    /// Signatures over the survivor set, by member.
    var confirmations: [Int: [UInt8]] = [:]
    /// Members that gave shares for the unmasking.
    var unmasking: Set<Int> = []
    /// Shares received for each member's secret.
    var shares: [Int: [ShamirSharing.Share]] = [:]

    /// A round in which nobody has advertised yet.
    package init(binding: RoundBinding, verifier: any MemberVerifier) {
        self.binding = binding
        self.verifier = verifier
    }

    /// The members of the round in the order of their roster indices; empty before step `keys` is closed.
    package var members: [MemberIdentity] { roster?.entries.map(\.identity) ?? [] }

    /// Degree and threshold, once step `keys` is closed.
    package var parameters: SecureAggregationParameters? { roster?.parameters }

    /// Members that have sent this step's message.
    package var arrivedCount: Int {
        switch step {
        case .keys: advertised.count
        case .shares: sharing.count
        case .masked: masked.count
        case .consistency: confirmations.count
        case .unmask, .finished: unmasking.count
        }
    }

    /// Members that may send this step's message; unlimited in step `keys`.
    package var expectedCount: Int? {
        switch step {
        case .keys: nil
        case .shares: roster?.entries.count
        case .masked: sharing.count
        case .consistency: masked.count
        case .unmask, .finished: confirmations.count
        }
    }

    /// The roster and the sender's index in it, at the right step.
    func sender(
        _ identity: MemberIdentity, at step: ProtocolStep
    ) throws(SecureAggregationError) -> (roster: Roster, index: Int) {
        guard self.step == step, let roster else { throw .wrongStep(expected: self.step, actual: step) }
        guard let index = roster.index(of: identity) else { throw .unknownMember }
        return (roster, index)
    }

    /// Throws unless the round is still large enough.
    func requireMembers(_ count: Int) throws(SecureAggregationError) {
        let minimum = binding.minimalSurvivors(of: roster?.entries.count ?? 0)
        guard count >= minimum else { throw .tooFewMembers(actual: count, minimum: minimum) }
    }
}
