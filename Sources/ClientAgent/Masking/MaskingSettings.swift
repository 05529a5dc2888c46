internal import Cryptography
package import Federation
package import FoundationEssentials
internal import Ledger
internal import Messages
internal import Notation
internal import Operations
package import SecureAggregation

/// What an agent brings to every masked round: its certificate, the authority that it trusts its peers by, and its
/// policy. Nothing of it comes from the server.
package struct MaskingSettings {
    private let credentials: AgentConfiguration.Credentials
    private let policy: AgentPolicy
    /// The only members that this agent will be summed with; nil: all whom the authority certifies.
    private let roster: PinnedRoster?
    /// Whose certificates the authority took back.
    private let revocations: PeerRevocations

    /// The configuration's settings. Files are read when a round begins: certificates are renewed.
    package init(_ configuration: AgentConfiguration, revocations: PeerRevocations) {
        credentials = configuration.credentials
        policy = configuration.policy
        roster = configuration.roster
        self.revocations = revocations
    }

    /// Joins the masked round of an assignment. `participation` forbids a second time. Throws a ``Failure`` that
    /// names a file at fault, or ``SecureAggregationError``.
    package func join(
        _ work: RoundWork, participation: inout ParticipationRecord, now: Date = Date()
    ) throws -> MaskedMember {
        let own = try AgentCertificate(credentials)
        try own.verify(at: now)
        let verifier = try revocations.members(of: own.authority, at: now)
        let member = try CertifiedMember(certificate: own.certificate, key: own.key)
        return try MaskedMember(
            binding: binding(work), policy: aggregationPolicy(work), member: member, verifier: verifier,
            participation: &participation)
    }

    /// What this agent agrees with its peers on; all of it is computed here, nothing is asked of the server.
    private func binding(_ work: RoundWork) throws -> RoundBinding {
        guard let model = Hexadecimal.bytes(of: work.message.model.sha256, count: 32),
            let task = Hexadecimal.bytes(of: work.task.digest, count: 32)
        else { throw UnusablePlan("a digest of the assignment is not one") }
        guard work.plan.configuration.secureAggregation.scheme == .masks else {
            throw UnusablePlan("the task hides reports on a lattice, which this agent does not")
        }
        return try work.plan.binding(
            run: work.message.run, round: work.message.round, modelDigest: model,
            context: TaskPlan.maskingContext(
                taskDigest: task, population: work.message.population, seed: work.message.seed))
    }

    private func aggregationPolicy(_ work: RoundWork) throws -> AggregationPolicy {
        AggregationPolicy(
            minimalSurvivors: policy.minimalCohort, maximalMembers: work.plan.maximalMembers,
            assumptions: try SecurityAssumptions(
                dropoutRate: policy.dropOutRate, adversarialRate: policy.adversarialRate, adversary: .active),
            pinnedMembers: roster?.members)
    }
}

/// The only agents that this one will be summed with: the `roster` file of its policy, one certificate name a line;
/// empty lines and lines with `#` are skipped.
package struct PinnedRoster: Equatable, Sendable {
    /// The members.
    package let members: Set<MemberIdentity>
    /// SHA-256 of the file, lower-case hexadecimal: what `pinned_roster` states.
    package let digest: String

    /// Reads the file. Throws a ``Failure`` where it cannot be read or names nobody.
    package init(contentsOf path: String) throws {
        guard let bytes = try StateDirectory.contents(of: path, limit: 64 << 20) else {
            throw Failure(.invalidInput, "policy.roster: \(path): no such file")
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        let names = lines.map { line in
            line.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed()
        }.map { String($0) }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard !names.isEmpty else { throw Failure(.invalidInput, "policy.roster: \(path): names no agent") }
        members = Set(try names.map { try MemberIdentity(name: $0) })
        digest = try SHA256.text(of: bytes)
    }
}
