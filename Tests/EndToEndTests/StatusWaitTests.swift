import Foundation
import Glibc
import TestSupport
import Testing

/// `sordino status --wait`: waits for a server that starts, and for nothing else.
@Suite(.tags(.endToEnd)) struct StatusWaitTests {
    private static let task = """
        { name: "late", model: { preset: "logistic", classes: 10 }, training: { batch_size: 5, learning_rate: 0.2 },
          rounds: 3, cohort_size: 2, report_deadline: "5m", privacy: { mode: "none" } }
        """

    /// A port of this host, taken by a socket that listens and never answers, until the last reference goes.
    private final class SilentListener {
        let descriptor: Int32
        let port: Int

        init() throws {
            // Not for the processes that the tests start, which would keep the port.
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var one: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = descriptor
            let status = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, length) | listen(descriptor, 8)
                        | getsockname(descriptor, $0, &length)
                }
            }
            try #require(status == 0)
            port = Int(UInt16(bigEndian: address.sin_port))
        }

        deinit { close(descriptor) }
    }

    private func status(_ port: Int, token: String, ca: String, wait: String...) -> [String] {
        ["status", "--server", "127.0.0.1:\(port)", "--token-file", token, "--ca", ca] + wait
    }

    /// Neither token nor certificate are there yet; then something listens that never shakes hands; then nothing does;
    /// then the server does.
    @Test func waitsUntilTheServerAnswers() throws {
        let deployment = try Deployment(agents: 2)
        let workspace = deployment.workspace
        var listener: SilentListener? = try SilentListener()
        let port = try #require(listener?.port)
        let waiting = try Sordino.start(
            status(
                port, token: workspace.file("late.token"), ca: workspace.file("late.crt"), wait: "--wait",
                "200"))
        #expect(eventually(within: 60) { waiting.errorsSoFar.contains("waiting for the server: ") })
        #expect(waiting.errorsSoFar.contains("late."), "\(waiting.errorsSoFar)")
        try workspace.write("late.token", "")
        try workspace.write("late.crt", try workspace.text("authority/ca.crt"))
        try workspace.write("late.token", try workspace.text("admin.token"))
        chmod(workspace.file("late.token"), 0o600)
        listener = nil
        try deployment.startServer(task: Self.task, admin: port)
        let result = try waiting.wait()
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.hasPrefix("task ") && result.output.contains(" late\n"), "\(result.output)")
        #expect(result.output.contains("0 of 3 published") && result.output.contains("server certificate"))

        // With a server that is there, nothing is said of waiting, and JSON is what it was.
        let ca = workspace.file("authority/ca.crt")
        let plain = status(port, token: workspace.file("admin.token"), ca: ca)
        for more in [["--format", "json"], ["--wait", "--format", "json"]] {
            let answer = try Sordino.run(plain + more)
            #expect(answer.status == 0 && answer.errors.isEmpty)
            #expect(try answer.json["task"]?.string == "late")
        }
        #expect(try Sordino.run(["rounds"] + plain.dropFirst()).output == "No round has been opened yet.\n")
        #expect(try Sordino.run(["agents"] + plain.dropFirst()).output.contains("not since the start"))

        // A certificate of another authority and a token that nobody knows are told at once.
        let other = workspace.file("other")
        try deployment.expectDone("certs", "init", other)
        let stranger = try Sordino.run(
            status(port, token: workspace.file("admin.token"), ca: "\(other)/ca.crt", wait: "--wait", "86400")
        )
        #expect(stranger.status == 5 && stranger.complaints.count == 1, "\(stranger.errors)")
        #expect(stranger.errors.contains("no authority that this host trusts"), "\(stranger.errors)")
        try workspace.write("guess.token", "guess")
        let guess = try Sordino.run(
            status(port, token: workspace.file("guess.token"), ca: ca, wait: "--wait=86400"))
        #expect(guess.status == 5 && guess.errors.contains("the server answers 401"), "\(guess.errors)")
        #expect(guess.complaints.count == 1)
    }

    @Test func givesUpWhenTheTimeIsOver() throws {
        let deployment = try Deployment(agents: 1)
        let token = deployment.workspace.file("admin.token")
        let ca = deployment.workspace.file("authority/ca.crt")
        let listener = try SilentListener()
        for port in [1, listener.port] {
            let result = try Sordino.run(status(port, token: token, ca: ca, wait: "--wait", "1"))
            #expect(result.status == 5 && result.output.isEmpty)
            #expect(
                result.errors.contains("sordino: the server has not answered within 1 second: "),
                "\(result.errors)")
        }
        for wrong in ["0", "-1", "soon", "1.5"] {
            #expect(try Sordino.run(status(1, token: token, ca: ca, wait: "--wait=\(wrong)")).status == 2)
        }
        withExtendedLifetime(listener) {}
    }

    @Test func theAuthoritysListIsATable() throws {
        let deployment = try Deployment(agents: 2)
        let authority = deployment.workspace.file("authority")
        let lines = try deployment.expectDone("certs", "list", authority).output.split(separator: "\n")
        #expect(lines.count == 4 && lines[0].hasPrefix("name     role    state  issued"))
        #expect(lines[1].hasPrefix("server   server  valid  ") && lines[1].contains("in 89 days ("))
        #expect(lines[3].hasPrefix("agent-2  agent   valid  ") && lines[3].contains("in 29 days ("))
        let json = try deployment.expectDone("certs", "list", authority, "--format", "json").output
        #expect(json.hasPrefix("[\n  {\n    \"expires\" : \"20"))
    }
}
