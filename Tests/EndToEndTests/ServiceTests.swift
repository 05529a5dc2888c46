import Foundation
import Glibc
import TestSupport
import Testing

/// The three processes as systemd runs them: each says when it is ready, feeds the watchdog, and says that it ends.
@Suite(.tags(.endToEnd)) struct ServiceTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
        let authority = workspace.file("authority")
        for command in [
            ["init", authority, "--name", "test"],
            ["server", authority, "server", "--address", "127.0.0.1", "--out", workspace.file("server")],
            ["agent", authority, "agent", "--out", workspace.file("agent")],
        ] {
            let result = try Sordino.run(["certs"] + command)
            try #require(result.status == 0, "\(result.errors)")
        }
        try workspace.write(
            "server/server.json5",
            """
            { task: { name: "test", model: { layers: [{ dense: 2 }] }, training: { loss: "mse" }, rounds: 1,
                      cohort_size: 2, privacy: { mode: "none" }, evaluation: { holdout: "none" } },
              server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", population: 2, input_shape: [3],
                        preprocessing: { kind: "images", classes: [] },
                        tls: { certificate: "server.crt", key: "server.key", ca: "ca.crt" } } }
            """)
        try workspace.write(
            "agent/agent.json5",
            """
            { server: "https://127.0.0.1:1", state_directory: "state", trainer: { command: ["true"] },
              tls: { certificate: "agent.crt", key: "agent.key", ca: "ca.crt" } }
            """)
    }

    @Test func theAuthority() throws {
        try watch(ending: 0) {
            try Sordino.start(
                ["certs", "serve", workspace.file("authority"), "--listen", "127.0.0.1:0"], environment: $0)
        }
    }

    @Test func theServer() throws {
        try watch(ending: 7) {
            try Sordino.start(["serve", workspace.file("server/server.json5")], environment: $0)
        }
    }

    @Test func theAgent() throws {
        try watch(ending: 7) {
            try Sordino.startAgent(["run", workspace.file("agent/agent.json5")], environment: $0)
        }
    }

    /// The README's walk copies this file beside the folders that `certs` made.
    @Test func theExampleOfAServerIsChecked() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("simulations")
        let text = try String(
            contentsOf: root.appendingPathComponent("deployment/server.json5"), encoding: .utf8)
        let data = root.appendingPathComponent("data/digits.csv.gz").path
        let file = try workspace.write("server/example.json5", text)
        let arguments = ["check", file, "--set", "server.data.path=\(data)", "--format", "json"]
        let withoutTokens = try Sordino.run(arguments)
        #expect(withoutTokens.status == 3 && withoutTokens.complaints.count == 1, "\(withoutTokens.errors)")
        let token = ["certs", "admin-token", workspace.file("authority"), "anna", "--role", "viewer"]
        try #require(try Sordino.run(token).status == 0)
        let result = try Sordino.run(arguments)
        #expect(result.status == 0, "\(result.errors)")
        #expect(try result.json["privacy_mode"]?.string == "none" && result.json["rounds"]?.integer == 10)
        let stranger = try Sordino.run(arguments + ["--set", "server.tls.key=../authority/ca.key"])
        #expect(stranger.status == 5 && stranger.complaints.count == 1, "\(stranger.errors)")
    }

    /// Chromium and Firefox end the handshake where a server shows an Ed25519 certificate.
    @Test func browsersCanVerifyTheServersCertificate() throws {
        for file in ["server/server.crt", "server/ca.crt"] {
            let process = Process()
            let pipe = Pipe()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
            process.arguments = ["x509", "-in", workspace.file(file), "-noout", "-text"]
            process.standardOutput = pipe
            try process.run()
            let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(text.contains("ecdsa-with-SHA256") && text.contains("prime256v1"), "\(file): \(text)")
        }
    }

    private func watch(ending status: Int32, _ start: ([String: String]) throws -> RunningCommand) throws {
        let path = workspace.file("notify")
        let manager = try DatagramSocket(path)
        let command = try start(["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "600000"])
        var messages: [String] = []
        _ = eventually(within: 30) {
            messages += manager.messages()
            return messages.count(where: { $0 == "WATCHDOG=1" }) >= 3
        }
        command.send(SIGTERM)
        // The socket holds ten messages: unread ones would leave no room for the last on a slow machine.
        _ = eventually(within: 30) {
            messages += manager.messages()
            return messages.contains("STOPPING=1")
        }
        let result = try command.wait()
        messages += manager.messages()
        #expect(result.status == status, "\(result.errors)")
        #expect(
            messages.contains("READY=1") && messages.contains("STOPPING=1"), "\(messages) \(result.errors)")
        #expect(messages.count(where: { $0 == "WATCHDOG=1" }) >= 3)
        #expect(messages.firstIndex(of: "READY=1") ?? 1 == 0)
    }
}

/// The manager's end of `sd_notify`.
private final class DatagramSocket {
    private let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)

    init(_ path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(code == 0)
    }

    deinit { close(descriptor) }

    func messages() -> [String] {
        var all: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count >= 0 else { return all }
            all.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}
