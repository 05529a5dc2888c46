import Cryptography
import Foundation
import Messages
import Operations
import Synchronization
import TestSupport
import Testing
import Transport

@testable import ClientAgent

/// What an agent does about certificates: its own, its server's, and what others say of them.
@Suite struct ServerTroubleTests {
    let authority: TestAuthority
    private let files: AgentConfiguration.Credentials

    init() throws {
        authority = try TestAuthority()
        files = AgentConfiguration.Credentials(
            certificate: authority.path("agent.crt"), key: authority.path("agent.key"),
            authority: authority.path("ca.crt"))
    }

    private enum Verdict: Equatable {
        case passes
        case ends(ExitCode)
    }

    private func verdict(_ error: any Error, known: Bool) -> (Verdict, String) {
        var trouble = ServerTrouble(files)
        if known { trouble.served() }
        do {
            return (.passes, try trouble.passing(error).why)
        } catch {
            let failure = Failure(wrapping: error)
            return (.ends(failure.exitCode), failure.message)
        }
    }

    @Test(
        "What passes is waited out, what only a person mends ends the agent",
        arguments: [
            (TLSFault.Cause.peerExpired, true, true), (.peerNotYetValid, true, true),
            (.peerUnknownAuthority, false, true), (.peerWrongName, false, true), (.peerRefused, false, true),
            (.other, false, true), (.ownExpired, true, true), (.ownUnknownAuthority, true, true),
            (.ownRefused, true, true), (.ownMissing, true, true), (.ownRevoked, false, false),
        ])
    func faults(cause: TLSFault.Cause, passesAtFirst: Bool, passesLater: Bool) {
        for (known, passes) in [(false, passesAtFirst), (true, passesLater)] {
            let (verdict, text) = verdict(ClientError.tls(TLSFault("words", cause: cause)), known: known)
            #expect(verdict == (passes ? .passes : .ends(.network)), "\(cause) \(known)")
            #expect(!text.contains("internal fault") && !text.contains("\n"), "\(text)")
        }
    }

    @Test("A server that calls a good certificate expired is named as the one to look")
    func disagreement() {
        let (verdict, text) = verdict(ClientError.tls(TLSFault("alert", cause: .ownExpired)), known: true)
        #expect(verdict == .passes)
        #expect(text.contains(files.certificate) && text.contains("is good until"), "\(text)")
    }

    @Test("Answers that let nobody in end the agent; an answer that makes no sense does not")
    func answers() {
        let out = #"{"detail":"an operator has shut this agent out","error":"revoked"}"#
        let refused = verdict(ClientError.authentication(status: 403, reason: out), known: true)
        #expect(refused.0 == .ends(.network) && refused.1.hasSuffix("an operator has shut this agent out"))
        let expired = ClientError.authentication(status: 403, reason: "the certificate has expired")
        #expect(verdict(expired, known: false).0 == .passes)
        #expect(verdict(MessageError("nonsense"), known: false).0 == .passes)
        #expect(verdict(ClientError.network("down"), known: false).0 == .passes)
        #expect(verdict(Failure(.storage, "full"), known: true).0 == .ends(.storage))
    }

    @Test("An expired certificate of its own is told before anybody is called", arguments: [-40.0, 3])
    func ownDates(days: Double) throws {
        let federation = try TestFederation(authority)
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        try authority.issue("agent", role: .agent, now: Date().addingTimeInterval(days * 86_400))
        let agent = try TestAgent(federation)
        let made = try Agent(agent.configuration, stop: agent.stop, log: agent.log.logger)
        if days < 0 {
            let failure = #expect(throws: Failure.self) { try made.run(untilFinished: true) }
            #expect(failure?.exitCode == .network)
            #expect(failure?.message.contains(agent.configuration.credentials.certificate) == true)
            #expect(failure?.message.contains("has expired") == true)
        } else {
            // A clock that is behind passes: the agent waits, and is stopped here.
            let (log, stop) = (agent.log, agent.stop)
            Thread {
                _ = eventually(within: 60) { log.text.contains("not valid yet") }
                stop.request()
            }.start()
            #expect(try made.run(untilFinished: true) == .interrupted)
        }
        #expect(federation.state.withLock { $0.checkIns.isEmpty })
    }

    @Test("Chains of another authority and RSA keys are no problem; what masked rounds need is said apart")
    func otherAuthorities() throws {
        let federation = try TestFederation(authority)
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        let made = try authority.makeForeign("foreign")
        for (policy, isProblem) in [
            ("{ modes: [\"none\"], trust_server: true }", false), ("{ modes: [\"distributed\"] }", true),
        ] {
            let agent = try TestAgent(
                federation,
                set: [
                    "tls.certificate=\(made.certificate)", "tls.key=\(made.key)", "policy=\(policy)",
                ])
            let findings = Preflight.examine(agent.configuration)
            let certificate = try #require(findings.first { $0.subject == "certificate" })
            #expect(certificate.problem == nil, "\(certificate.detail)")
            #expect(certificate.detail.contains("RSA 2048") && certificate.detail.contains("valid from"))
            let masked = try #require(findings.first { $0.subject == "masked rounds" })
            #expect((masked.problem != nil) == isProblem, "\(masked.detail)")
            #expect(masked.detail.contains("Ed25519 or P-256"))
        }
    }

    @Test("A certificate that somebody replaced is taken up without a restart")
    func replaced() throws {
        let federation = try TestFederation(authority)
        defer { federation.shutdown() }
        _ = try TestTask(folder: authority.folder)
        let agent = try TestAgent(federation)
        let link = ServerLink(
            client: try AgentConnection.client(agent.configuration), stop: agent.stop, log: agent.log.logger)
        let renewal = CertificateRenewal(agent.configuration, log: agent.log.logger)
        try renewal.renewIfDue(link)
        #expect(!agent.log.text.contains("taken up"))
        try authority.issue("agent", role: .agent, now: Date().addingTimeInterval(-40 * 86_400))
        #expect(throws: OwnCertificateTrouble.self) { try renewal.renewIfDue(link) }
        try authority.issue("agent", role: .agent)
        try renewal.renewIfDue(link)
        #expect(agent.log.text.contains("certificate files taken up anew"))
    }
}
