import Cryptography
import Federation
import Foundation
import Ledger
import Messages
import Operations
import Privacy
import Synchronization
import Testing
import Transport

@testable import ClientAgent
@testable import SecureAggregation

/// Masked rounds against a server that lies: the agent gives up before anything of its data leaves.
@Suite struct MaskedRunnerTests {
    private static let rates = "{ estimated_dropout_rate: 0.1, adversarial_client_rate: 0.1 }"

    /// What became of one assignment.
    private struct Outcome {
        let state: TestFederation.State
        let spent: Double
        let log: String
    }

    /// Serves one masked round of a server that shows `roster` in step `shares`.
    private func serve(
        rates: String = rates, set: [String] = [], roster: (MemberIdentity) throws -> [UInt8]?
    ) throws -> Outcome {
        let authority = try TestAuthority()
        let federation = try TestFederation(authority)
        defer { federation.shutdown() }
        let task = try TestTask(
            privacy: TestTask.distributed, secureAggregation: rates, folder: authority.folder)
        let agent = try TestAgent(
            federation, set: ["policy.modes=[\"distributed\"]", "policy.trust_server=false"] + set)
        let message = try roster(MemberIdentity(name: "agent"))
        federation.state.withLock { state in
            state.models[0] = task.file
            state.secureAggregation["shares"] = message
        }
        try agent.runner().serve(task.message(round: 1))
        let spent = try AgentLedgers(state: StateDirectory(agent.configuration.stateDirectory))
            .spent(delta: 1e-5)
        return Outcome(state: federation.state.withLock { $0 }, spent: spent, log: agent.log.text)
    }

    /// A roster of `count` members, their parameters honestly computed; none of their advertisements.
    private static func roster(_ count: Int, with own: MemberIdentity?) throws -> [UInt8] {
        var identities = try (0..<count).map { try MemberIdentity(name: "other-\($0)") }
        if let own { identities[0] = own }
        let parameters = try SecureAggregationParameters.compute(
            cohortSize: count,
            assumptions: SecurityAssumptions(dropoutRate: 0.1, adversarialRate: 0.1, adversary: .active))
        return RosterMessage(
            entries: identities.sorted().map {
                RosterMessage.Entry(identity: $0, advertisementDigest: [UInt8](repeating: 7, count: 32))
            }, degree: parameters.degree, threshold: parameters.threshold, advertisements: []
        ).encoded()
    }

    enum Lie: CaseIterable, Sendable {
        case nothing, garbage, leftOut, tooFew, tooMany, noNeighbours
    }

    @Test(arguments: Lie.allCases)
    func aLyingServerGetsKeysAndNothingElse(_ lie: Lie) throws {
        let outcome = try serve { own in
            switch lie {
            case .nothing: nil
            case .garbage: [1, 2, 3]
            case .leftOut: try Self.roster(20, with: nil)
            case .tooFew: try Self.roster(9, with: own)
            case .tooMany: try Self.roster(21, with: own)
            case .noNeighbours: try Self.roster(20, with: own)
            }
        }
        #expect(outcome.state.steps == ["keys"])
        #expect(outcome.state.updates.isEmpty && outcome.spent == 0)
        #expect(outcome.state.failures.map(\.reason) == [lie == .nothing ? .other : .policy])
        let why =
            switch lie {
            case .nothing: "the round is closed"
            case .garbage: "malformed"
            case .leftOut: "left out"
            case .tooFew: "9 members, at least 10"
            case .tooMany: "21 members, at most 20"
            case .noNeighbours: "0 neighbours instead of"
            }
        #expect(outcome.log.contains(why), "\(outcome.log)")
    }

    /// Nothing is sent where the task's rates are below those of the policy, its survivors fewer, or its mode
    /// another.
    @Test(arguments: [
        ("policy.adversarial_rate=0.2", "adversarial_rate"), ("policy.drop_out_rate=0.2", "drop_out_rate"),
        ("policy.minimal_cohort=11", "minimal_cohort"), ("policy.modes=[\"local\"]", "modes"),
        ("policy.minimal_noise_multiplier=2.5", "minimal_noise_multiplier"),
        ("policy.maximal_epsilon=0.5", "maximal_epsilon"),
        ("policy.pinned_roster=\"00\"", "pinned_roster"),
    ])
    func thePolicyIsJudgedBeforeAnyKey(override: String, key: String) throws {
        let outcome = try serve(set: [override]) { _ in nil }
        #expect(outcome.state.steps.isEmpty && outcome.spent == 0)
        #expect(outcome.state.failures.count == 1)
        #expect(outcome.state.failures.first?.detail.contains(key) == true)
    }

    /// With a roster of its own the agent is summed with its members only, whoever has a certificate.
    @Test(arguments: [true, false])
    func aPinnedRosterShutsOthersOut(namesAll: Bool) throws {
        let names = (1..<20).map { "other-\($0)" } + ["agent"]
        let file = NSTemporaryDirectory() + "sordino-roster-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let text = "# the federation\n" + names.dropFirst(namesAll ? 0 : 1).joined(separator: "\n") + "\n"
        try AtomicFile.write(text, to: file)
        let digest = try SHA256.text(of: Array(text.utf8))
        let outcome = try serve(
            set: ["policy.roster=\"\(file)\"", "policy.pinned_roster=\"\(digest)\""]
        ) { try Self.roster(20, with: $0) }
        #expect(outcome.state.steps == ["keys"])
        // With all of them named it is the next lie that ends the round.
        #expect(outcome.log.contains(namesAll ? "0 neighbours instead of" : "not a member of this round"))
    }
}
