package import Encoding
package import SecureAggregation

/// A member's side of one masked round as bytes in and bytes out: what an agent sends over the network and a
/// simulated client hands over in memory.
package struct MaskedMember: Sendable {
    private let client: SecureAggregationClient

    /// Joins the round. Throws `repeatedRound` for a round that `participation` has seen.
    package init(
        binding: RoundBinding, policy: AggregationPolicy, member: any RoundMember,
        verifier: any MemberVerifier, participation: inout ParticipationRecord
    ) throws(SecureAggregationError) {
        client = try SecureAggregationClient(
            binding: binding, policy: policy, member: member, verifier: verifier,
            participation: &participation)
    }

    /// The step whose message this member sends next.
    package var step: ProtocolStep { client.step }

    /// Members of the roster; nil before this member accepted it in step `shares`.
    package var memberCount: Int? { client.memberCount }

    /// This member's message of a step, given what the server sent for it (nothing for step `keys`). Throws when
    /// the server's message is refused; the member's secrets are gone then. Step `masked` is ``mask(_:delivery:)``.
    package func answer(_ step: ProtocolStep, to message: [UInt8]) throws(SecureAggregationError) -> [UInt8] {
        switch step {
        case .keys: try client.advertise().encoded()
        case .shares: try client.share(RosterMessage(decoding: message)).encoded()
        case .consistency: try client.confirm(SurvivorSet(decoding: message)).encoded()
        case .unmask: try client.unmask(Quorum(decoding: message)).encoded()
        case .masked, .finished: throw .wrongStep(expected: client.step, actual: step)
        }
    }

    /// Step `masked`: hides an encoded and noised report, in place. Throws when `delivery`, the server's message,
    /// is refused; the report must not be sent then.
    package func mask(_ report: inout RingVector, delivery: [UInt8]) throws {
        let shares = try SealedShares(decoding: delivery)
        try report.withNarrowWords { try client.mask($0, delivery: shares) }
    }

    /// Step `masked` of any scheme: hides an encoded and noised report. Throws as ``mask(_:delivery:)``.
    package func hide(_ report: RingVector, delivery: [UInt8]) throws -> HiddenReport {
        var report = report
        guard client.scheme != .masks else {
            try mask(&report, delivery: delivery)
            return .masked(report)
        }
        let shares = try SealedShares(decoding: delivery)
        return .encrypted(
            try report.withNarrowWords {
                try client.encrypt(UnsafeBufferPointer($0), delivery: shares).encoded()
            })
    }

    /// Gives the round up and destroys its secrets.
    package func abandon() { client.abandon() }
}

/// A member's report as it leaves.
package enum HiddenReport: Sendable {
    /// Its words under masks.
    case masked(RingVector)
    /// The bytes of an ``EncryptedVector``.
    case encrypted([UInt8])
}
