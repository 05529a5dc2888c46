import Foundation
import Glibc
import TestSupport
import Testing

/// Tokens and the audit log from the command line, beside a server and without it.
@Suite(.tags(.endToEnd)) struct PeopleCommandTests {
    private static let task = """
        { name: "people", model: { preset: "logistic", classes: 10 }, training: { batch_size: 5, learning_rate: 0.2 },
          rounds: 3, cohort_size: 2, report_deadline: "5m", privacy: { mode: "none" } }
        """

    /// A token is made, narrowed, rotated and revoked beside a running server, which the log then tells.
    @Test func peopleComeAndGoWhileTheServerServes() throws {
        let deployment = try Deployment(agents: 2)
        let workspace = deployment.workspace
        let file = workspace.file("authority/admin-tokens.json")
        try deployment.startServer(task: Self.task)
        let port = try #require(deployment.port(of: "admin"))
        func ask(_ words: [String], as person: String) throws -> CommandResult {
            try Sordino.run(
                words + [
                    "--server", "127.0.0.1:\(port)", "--token-file", workspace.file("\(person).token"),
                    "--ca", workspace.file("authority/ca.crt"),
                ])
        }
        func keep(_ token: String, of person: String) throws {
            try workspace.write("\(person).token", token)
            chmod(workspace.file("\(person).token"), 0o600)
        }
        try keep(workspace.text("admin.token"), of: "test")
        let roles = ["vera": "viewer", "adam": "auditor", "rita": "researcher"]
        for (name, role) in roles {
            let made = try deployment.expectDone("tokens", "create", file, name, "--role", role)
            try keep(made.output, of: name)
        }
        #expect(try ask(["status"], as: "vera").status == 0)
        for name in roles.keys { #expect(try ask(["pause"], as: name).status == 5, "\(name)") }
        #expect(try ask(["pause"], as: "test").status == 0)
        #expect(try ask(["audit-log", "fetch"], as: "vera").status == 5)
        #expect(try ask(["tokens", "list"], as: "adam").status == 5)
        #expect(try ask(["models", "list", "--format", "json"], as: "rita").json["tasks"] != nil)
        #expect(try ask(["models", "promote", "people", "1", "--label", "a"], as: "test").status == 3)
        #expect(try ask(["models", "promote", "people", "1", "--label", "a"], as: "rita").status == 5)

        let rotated = try ask(["tokens", "rotate", "vera"], as: "test")
        #expect(rotated.status == 0 && rotated.output.hasPrefix("sa1."))
        #expect(try ask(["status"], as: "vera").status == 5)
        try keep(rotated.output, of: "vera")
        #expect(try ask(["status"], as: "vera").status == 0)
        #expect(try ask(["tokens", "revoke", "vera"], as: "test").status == 0)
        #expect(try ask(["status"], as: "vera").status == 5)
        let listed = try Sordino.run("tokens", "list", file, "--format", "json")
        #expect(listed.output.contains("rita") && !listed.output.contains("vera"))

        let log = try ask(["audit-log", "fetch"], as: "adam")
        let text = try workspace.text("state/audit.jsonl")
        #expect(log.status == 0 && text.hasPrefix(log.output) && log.output.contains("\"tokens rotate\""))
        #expect(
            try ask(["audit-log", "fetch", "--from", "2", "--to", "3"], as: "adam").output.split(
                separator: "\n"
            ).count == 2)
        try killAndVerify(deployment)
    }

    /// A killed server's log is sound, and what is changed in it is found.
    private func killAndVerify(_ deployment: Deployment) throws {
        let workspace = deployment.workspace
        deployment.server?.send(SIGKILL)
        _ = try deployment.server?.wait()
        let state = workspace.file("state")
        let sound = try Sordino.run("audit-log", "verify", state, "--format", "json")
        #expect(try sound.status == 0 && sound.json["sound"]?.bool == true, "\(sound.errors)")
        let shown = try Sordino.run("audit-log", "show", state)
        #expect(
            shown.status == 0 && shown.output.contains("tokens revoke") && shown.output.contains("127.0.0.1"))
        let log = try workspace.text("state/audit.jsonl")
        for changed in [
            log.replacing("\"pause\"", with: "\"resume\"", maxReplacements: 1), "",
            String(log.split(separator: "\n").dropLast(2).joined(separator: "\n") + "\n"),
        ] {
            try workspace.write("state/audit.jsonl", changed)
            #expect(try Sordino.run("audit-log", "verify", state).status == 6)
            let start = try Sordino.run("serve", workspace.file("server/server.json5"))
            #expect(start.status == 6 && start.errors.contains("audit.jsonl"), "\(start.errors)")
        }
        try workspace.write("state/audit.jsonl", log)
        #expect(try Sordino.run("audit-log", "verify", state).status == 0)
    }

    private static let misuses: [([String], Int32)] = [
        (["tokens", "create", "FILE", "a", "--role", "viewer", "--scopes", "runs:reed"], 3),
        (["tokens", "create", "FILE", "a", "--role", "viewer", "--scopes", "runs:operate"], 3),
        (["tokens", "create", "FILE", "a", "--role", "king"], 2),
        (["tokens", "create", "FILE", "a"], 2),
        (["tokens", "create", "FILE", "a b", "--role", "viewer"], 3),
        (["tokens", "create", "FILE", "a", "--role", "viewer", "--expires", "soon"], 2),
        (["tokens", "revoke", "FILE", "a"], 3), (["tokens", "rotate", "FILE", "a"], 3),
        (["tokens", "revoke", "FILE"], 2), (["tokens", "list"], 2), (["tokens", "list", "FILE"], 3),
        (["audit-log", "show", "FILE"], 6), (["audit-log", "verify", "FILE"], 6),
        (["audit-log", "show", "FILE", "--from", "3", "--to", "2"], 2),
    ]

    @Test(arguments: misuses) func misuseIsToldInOneLine(words: [String], status: Int32) throws {
        let workspace = try Workspace()
        let result = try Sordino.run(words.map { $0 == "FILE" ? workspace.file("missing") : $0 })
        #expect(result.status == status && result.complaints.count == 1, "\(words): \(result.errors)")
    }
}
