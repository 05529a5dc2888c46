import AggregationServer
import ClientAgent
import Configuration
import Cryptography
import Foundation
import Operations
import TestSupport
import Testing
import Transport

@testable import CertificateService

/// Renewal through all who take part in it: an agent whose certificate is about to end, the aggregation server that
/// relays, and the authority.
struct RenewalTests {
    private static let quiet = Logger(level: .error)

    /// Key and certificate of a role in a folder of the authority's; `age` in days.
    private func issue(_ folder: TemporaryAuthority, _ name: String, _ role: CertificateRole, age: Double)
        throws
        -> Certificate
    {
        let key = try CertificateKey(generating: .ed25519)
        let order = CertificateOrder(name: name, role: role, addresses: role == .server ? ["127.0.0.1"] : [])
        let certificate = try folder.store.issue(
            CertificateRequest(name: name, key: key), order, now: Date().addingTimeInterval(-age * 86_400))
        try AtomicFile.write(certificate.pem(), to: folder.file("\(name).crt").path, mode: 0o600)
        try key.pem().withUnsafeBytes {
            try AtomicFile.write(Array($0), to: folder.file("\(name).key").path, mode: 0o600)
        }
        return certificate
    }

    @Test("An agent renews by itself and goes on under its new certificate", .timeLimit(.minutes(10)))
    func byItself() throws {
        let folder = try TemporaryAuthority(Date().addingTimeInterval(-26 * 86_400))
        defer { folder.remove() }
        _ = try issue(folder, "server", .server, age: 0)
        // Of 30 days 5 are left.
        let old = try issue(folder, "hospital-1", .agent, age: 25)
        let service = try CertificateService(
            folder.store, listen: SocketEndpoint(host: "127.0.0.1", port: 0), addresses: ["127.0.0.1"],
            log: Self.quiet)
        defer { service.shutDown() }
        let serverFile = folder.file("server.json5").path
        try AtomicFile.write(
            """
            { task: { name: "renewal", model: { layers: [{ dense: 1 }] },
                      training: { learning_rate: 0.1, loss: "mse" }, rounds: 1, cohort_size: 2, min_reports: 2,
                      privacy: { mode: "none" }, evaluation: { holdout: "none" } },
              server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", state_directory: "server-state",
                        population: 2, input_shape: [3], preprocessing: { kind: "images", classes: [] },
                        loops: 1, ca_service: "127.0.0.1:\(service.port)",
                        tls: { certificate: "server.crt", key: "server.key", ca: "ca.crt", crl: "crl.pem" } } }
            """, to: serverFile)
        let server = try AggregationServer(
            ServerSetup(ServerConfiguration(ConfigurationDocument(contentsOf: serverFile))), log: Self.quiet)
        defer { _ = server.shutDown(withinMilliseconds: 200) }
        let agentFile = folder.file("agent.json5").path
        try AtomicFile.write(
            """
            { server: "https://127.0.0.1:\(server.port)", state_directory: "agent-state", poll_seconds: 1,
              tls: { certificate: "hospital-1.crt", key: "hospital-1.key", ca: "ca.crt" },
              data: { format: "csv", path: "none.csv" } }
            """, to: agentFile)
        let configuration = try AgentConfiguration(contentsOf: agentFile)
        let stop = try StopSignal()
        let agent = try WorkerThread(name: "agent") {
            _ = try? Agent(configuration, stop: stop, log: Self.quiet).run()
        }
        defer {
            stop.request()
            agent.join()
        }
        func current() throws -> Certificate {
            try Certificate(pem: Array(Data(contentsOf: folder.file("hospital-1.crt"))))
        }
        // The server has seen the agent under the new certificate when its registry names it.
        var registry = ""
        _ = try eventually(within: 30) {
            registry =
                (try? String(contentsOf: folder.file("server-state/agents.jsonl"), encoding: .utf8)) ?? ""
            return try current().der != old.der && registry.contains(current().fingerprintText)
        }
        let fresh = try current()
        #expect(fresh.fingerprintText != old.fingerprintText && registry.contains(fresh.fingerprintText))
        #expect(fresh.name == "hospital-1" && fresh.notAfter > Date().addingTimeInterval(29 * 86_400))
        try AgentCertificate(configuration.credentials).verify(at: Date())
    }
}
