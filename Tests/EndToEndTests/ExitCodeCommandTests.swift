import Foundation
import Glibc
import Testing

/// Both programs end in the same way for the same trouble (Sources/sordino/README.md): one line and one status.
@Suite(.tags(.endToEnd)) struct ExitCodeCommandTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func expect(_ run: CommandResult, _ status: Int32, mentions: String) {
        #expect(run.status == status, "\(run.errors)")
        #expect(run.complaints.count == 1 && run.errors.contains(mentions), "\(run.errors)")
        #expect(!run.errors.contains("internal fault"), "\(run.errors)")
    }

    /// An authority, and an agent that nobody answers.
    private func makeAgent() throws -> String {
        let authority = workspace.file("authority")
        #expect(try Sordino.run("certs", "init", authority).status == 0)
        let issued = try Sordino.run("certs", "agent", authority, "agent-1", "--out", workspace.file("agent"))
        #expect(issued.status == 0, "\(issued.errors)")
        try workspace.write("agent/rows.csv", "0,1,0\n1,0,1\n")
        return try workspace.write(
            "agent/agent.json5",
            """
            { server: "https://127.0.0.1:1", tls: { certificate: "agent.crt", key: "agent.key", ca: "ca.crt" },
              state_directory: "state", data: { path: "rows.csv", format: "csv", header: false, label: 2, classes: 2 },
              policy: { modes: ["none"], trust_server: true } }
            """)
    }

    /// The same ledger, signed by a stranger, in the hands of each program.
    @Test func anUnsoundLedgerIsAFailureOfStorage() throws {
        let folder = workspace.file("run")
        let scenario = [
            "simulate", Scenarios.quickstart, "--set", "task.rounds=2", "--out", folder, "--quiet",
        ]
        #expect(try Sordino.run(scenario).status == 0)
        let ledger = try workspace.text("run/ledger.jsonl")
        let edited = ledger.replacing("\"round\":1", with: "\"round\":2")
        try #require(edited != ledger)
        try workspace.write("run/ledger.jsonl", edited)
        expect(try Sordino.run("ledger", "show", folder), 6, mentions: "ledger.jsonl")
        expect(try Sordino.run(scenario + ["--resume"]), 6, mentions: "ledger")

        let configuration = try makeAgent()
        let run = "agent/state/runs/\(String(repeating: "a1", count: 16))/ledger.jsonl"
        // The first look makes the agent's key; the server is what keeps it from working.
        #expect(try Sordino.startAgent(["check", configuration]).wait().status == 5)
        try workspace.write(run, ledger)
        expect(try Sordino.startAgent(["run", configuration]).wait(), 6, mentions: run)
        #expect(try Sordino.startAgent(["check", configuration]).wait().status == 6)
    }

    /// Whatever keeps a command from its server is the network's, with the file or address at fault.
    @Test func aServerThatCannotBeAskedIsTheNetworks() throws {
        let configuration = try makeAgent()
        try workspace.write("token", "secret")
        chmod(workspace.file("token"), 0o600)
        let status = ["status", "--server", "127.0.0.1:1", "--token-file", workspace.file("token")]
        expect(
            try Sordino.run(status + ["--ca", workspace.file("agent/ca.crt")]), 5, mentions: "127.0.0.1:1")
        let broken = try workspace.write("broken.crt", "no certificate")
        expect(try Sordino.run(status + ["--ca", broken]), 5, mentions: broken)
        try workspace.write("agent/ca.crt", "no certificate")
        expect(try Sordino.startAgent(["run", configuration]).wait(), 5, mentions: "ca.crt")
    }

    /// What is no key or certificate is input of whoever brought it.
    @Test func aRequestThatIsNoneIsInvalidInput() throws {
        let authority = workspace.file("authority")
        #expect(try Sordino.run("certs", "init", authority).status == 0)
        let request = try workspace.write("request.csr", "no request")
        expect(
            try Sordino.run(
                "certs", "agent", authority, "a", "--csr", request, "--out", workspace.file("out")), 3,
            mentions: request)
        try workspace.write("authority/ca.crt", "no certificate")
        expect(try Sordino.run("certs", "list", authority), 3, mentions: "ca.crt")
    }
}
