import Foundation
import Glibc
import TestSupport
import Testing

/// What expires, at the commands themselves: exit status 5 and one line that says which file, whose and until when.
@Suite(.tags(.endToEnd), .timeLimit(.minutes(10))) struct CredentialExpiryTests {
    private let workspace: Workspace
    private let files: OpenSSLAuthority

    init() throws {
        workspace = try Workspace()
        files = try OpenSSLAuthority(folder: "sordino-dates")
        try files.issue("server", section: "server")
        let past = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]
        try files.issue("expired", section: "server", dates: past)
        try files.issue(
            "future", section: "server",
            dates: ["-startdate", "20900101000000Z", "-enddate", "20900201000000Z"])
        for (name, dates) in [("agent-1", []), ("agent-2", []), ("agent-3", past)] {
            try files.issue(name, section: "client", key: .ed25519, role: "agent", dates: dates)
        }
        try files.writeRevocations("good.crl")
        try files.writeRevocations("stale.crl", from: "20200101000000Z", to: "20200201000000Z")
        try files.revoke("agent-2")
        try files.writeRevocations("revoking.crl")
        try workspace.write(
            "server.json5",
            """
            { task: { name: "test", model: { layers: [{ dense: 2 }] }, training: { loss: "mse" }, rounds: 1,
                      cohort_size: 2, privacy: { mode: "none" }, evaluation: { holdout: "none" } },
              server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", population: 2, input_shape: [3],
                        preprocessing: { kind: "images", classes: [] },
                        tls: { certificate: "\(files.path("server.crt"))", key: "\(files.path("server.key"))",
                               ca: "\(files.path("authority.crt"))", crl: "\(files.path("good.crl"))" } } }
            """)
    }

    private func certificate(_ name: String) -> [String] {
        [
            "--set", "server.tls.certificate=\(files.path("\(name).crt"))", "--set",
            "server.tls.key=\(files.path("\(name).key"))",
        ]
    }

    @Test(arguments: ["expired", "future", "stale"])
    func theServerDoesNotStartWithWhatDoesNotCount(_ name: String) throws {
        let changes =
            name == "stale"
            ? ["--set", "server.tls.crl=\(files.path("stale.crl"))"] : certificate(name)
        let (file, words, year) =
            switch name {
            case "expired": (files.path("expired.crt"), "has expired", "2020-02-01")
            case "future": (files.path("future.crt"), "is not valid yet", "2090-01-01")
            default: (files.path("stale.crl"), "has expired", "2020-02-01")
            }
        for command in ["check", "serve"] {
            let result = try Sordino.run([command, workspace.file("server.json5")] + changes)
            #expect(result.status == 5, "\(command): \(result.errors)")
            #expect(result.complaints.count == 1, "\(result.errors)")
            for part in [file, words, year, "CN="] {
                #expect(result.complaints.first?.contains(part) == true, "\(part): \(result.errors)")
            }
            #expect(!result.errors.contains("internal fault"))
        }
        let sound = try Sordino.run(["check", workspace.file("server.json5"), "--format", "json"])
        #expect(sound.status == 0, "\(sound.errors)")
    }

    private func agent(_ name: String, port: Int) throws -> String {
        try workspace.write(
            "\(name)/agent.json5",
            """
            { server: "https://127.0.0.1:\(port)", state_directory: "state", trainer: { command: ["true"], schema: { kind: "images", classes: [] } },
              tls: { certificate: "\(files.path("\(name).crt"))", key: "\(files.path("\(name).key"))",
                     ca: "\(files.path("authority.crt"))" },
              policy: { modes: ["none"], trust_server: true, minimal_cohort: 1 } }
            """)
    }

    private func port(_ server: RunningCommand) -> Int {
        var port: Int?
        _ = eventually {
            let lines = server.errorsSoFar.split(separator: "\n")
            let serving = lines.first { $0.contains("\"serving\"") }
            port = serving.flatMap { (try? JSON(text: String($0)))?["agents"]?.integer }
            return port != nil
        }
        return port ?? 0
    }

    @Test func anAgentSaysWhoseCertificateItIsAndRevokedEndsForGood() throws {
        let expired = try Sordino.startAgent(["run", agent("agent-3", port: 1)]).wait()
        #expect(expired.status == 5, "\(expired.errors)")
        let errors = expired.errors.split(separator: "\n").filter { $0.contains(" error ") }
        #expect(errors.count == 1 && errors[0].contains(files.path("agent-3.crt")), "\(expired.errors)")
        #expect(errors.first?.contains("2020-02-01") == true)

        let list = ["--set", "server.tls.crl=\(files.path("revoking.crl"))", "--format", "json"]
        let server = try Sordino.start(["serve", workspace.file("server.json5")] + list)
        defer {
            server.send(SIGTERM)
            _ = try? server.wait()
        }
        let port = port(server)
        let revoked = try Sordino.startAgent(["run", agent("agent-2", port: port)]).wait()
        #expect(revoked.status == 5, "\(revoked.errors)")
        #expect(revoked.errors.contains("has revoked this agent's certificate \(files.path("agent-2.crt"))"))
        let good = try Sordino.startAgent(["check", agent("agent-1", port: port)]).wait()
        #expect(good.status == 0 && !good.output.contains("PROBLEM"), "\(good.output)")
        #expect(good.output.contains("CN=agent-1") && good.output.contains("until 20"), "\(good.output)")
        for result in [expired, revoked, good] {
            #expect(!(result.output + result.errors).contains("internal fault"))
        }
    }

    @Test func anAgentWaitsForAServerThatRenewsItsCertificate() throws {
        // The listener's certificate is replaced by one that has expired while the server runs, and then mended.
        let (shown, key) = (workspace.file("shown.crt"), files.path("server.key"))
        func show(_ name: String) throws {
            try workspace.write(
                "shown.crt", String(contentsOfFile: files.path("\(name).crt"), encoding: .utf8))
        }
        try files.openssl([
            "req", "-new", "-key", key, "-subj", "/CN=server", "-out", files.path("late.csr"), "-config",
            files.path("openssl.cnf"),
        ])
        try files.openssl([
            "ca", "-batch", "-notext", "-config", files.path("openssl.cnf"), "-name", "authority",
            "-extensions",
            "server", "-in", files.path("late.csr"), "-out", files.path("late.crt"), "-startdate",
            "20200101000000Z", "-enddate", "20200201000000Z",
        ])
        try show("server")
        let server = try Sordino.start([
            "serve", workspace.file("server.json5"), "--set", "server.tls.certificate=\(shown)", "--format",
            "json",
        ])
        defer {
            server.send(SIGTERM)
            _ = try? server.wait()
        }
        let port = port(server)
        func reloads() -> Int { server.errorsSoFar.components(separatedBy: "taken up anew").count - 1 }
        func wait(_ condition: () -> Bool) -> Bool { eventually(within: 30, every: 10, condition) }
        try show("late")
        #expect(wait { reloads() > 0 }, "\(server.errorsSoFar)")
        let agent = try Sordino.startAgent(["run", agent("agent-1", port: port)])
        #expect(
            wait { agent.errorsSoFar.contains("whoever runs the server must renew it") },
            "\(agent.errorsSoFar)")
        #expect(server.errorsSoFar.contains("the server certificate"))
        try show("server")
        let before = agent.errorsSoFar.components(separatedBy: "must renew it").count
        #expect(wait { reloads() > 1 })
        agent.send(SIGTERM)
        let result = try agent.wait()
        #expect(result.status == 7, "\(result.errors)")
        #expect(before >= 2 && !result.errors.contains("internal fault"))
    }
}
