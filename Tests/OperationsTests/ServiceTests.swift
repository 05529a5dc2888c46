import Foundation
import Glibc
import Operations
import TestSupport
import Testing

/// The service manager's end of the protocol: a datagram socket, at a path or in the abstract name space.
private final class ManagerSocket {
    let name: String
    private let descriptor: Int32

    init(_ name: String) throws {
        self.name = name
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = name.hasPrefix("@") ? [0] + Array(name.utf8.dropFirst()) : Array(name.utf8) + [0]
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(code == 0)
    }

    deinit { close(descriptor) }

    /// The datagrams that have come.
    var messages: [String] {
        var all: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count >= 0 else { return all }
            all.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}

@Suite struct ServiceNotifierTests {
    @Test(arguments: [false, true]) func sendsToARealSocket(isAbstract: Bool) throws {
        let folder = try TemporaryFolder()
        let manager = try ManagerSocket(
            isAbstract ? "@sordino-\(UUID().uuidString)" : "\(folder.path)/notify")
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.name])
        #expect(notifier.isListening && notifier.watchdogSeconds == nil)
        for message in [ServiceNotifier.Message.ready, .alive, .status("two\nREADY=1"), .stopping] {
            #expect(notifier.send(message))
        }
        #expect(manager.messages == ["READY=1", "WATCHDOG=1", "STATUS=two READY=1", "STOPPING=1"])
    }

    @Test(arguments: [
        nil, "", "/", "@", "relative", "/" + String(repeating: "long", count: 40), "/nobody/listens/here",
    ]) func goesOnWithoutAManager(name: String?) {
        let notifier = ServiceNotifier(environment: name.map { ["NOTIFY_SOCKET": $0] } ?? [:])
        #expect(!notifier.send(.ready))
    }

    @Test func takesTheWatchdogsTimeForItsOwnProcessOnly() {
        func seconds(_ more: [String: String]) -> Double? {
            let notify = ["NOTIFY_SOCKET": "/run/systemd/notify"].merging(more) { $1 }
            return ServiceNotifier(environment: notify).watchdogSeconds
        }
        #expect(seconds(["WATCHDOG_USEC": "30000000"]) == 30)
        #expect(seconds(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "\(getpid())"]) == 30)
        #expect(seconds(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"]) == nil)
        for wrong in ["", "0", "-1", "soon"] { #expect(seconds(["WATCHDOG_USEC": wrong]) == nil) }
    }

    @Test func feedsWhileTheLoopKeepsItsPromiseAndThenNoMore() throws {
        let manager = try ManagerSocket("@sordino-\(UUID().uuidString)")
        let notifier = ServiceNotifier(
            environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "3000000"])
        let pulse = Pulse(within: 60)
        let feeder = try #require(WatchdogFeeder(notifier, pulse))
        #expect(feeder.interval == 1)
        #expect(feeder.feed())
        pulse.promise(within: 0)
        #expect(eventually { !pulse.isAlive })
        #expect(!feeder.feed())
        pulse.promise(within: 60)
        #expect(feeder.feed())
        #expect(manager.messages == ["WATCHDOG=1", "WATCHDOG=1"])
        #expect(WatchdogFeeder(ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.name]), pulse) == nil)
    }
}

@Suite struct ServiceUnitTests {
    private func unit(_ command: [String] = ["/bin/true", "serve"], writes: String = "/var/lib")
        -> ServiceUnit
    {
        ServiceUnit(
            description: "test", command: command, user: "sordino", writablePaths: [writes], memoryMax: "1G")
    }

    @Test func quotesWhatSystemdWouldExpand() throws {
        let text = try unit(["/bin/true", "a b", "50%", "$HOME", "say \"\\\"", ""], writes: "/srv/my data")
            .text()
        #expect(text.contains("ExecStart=/bin/true \"a b\" 50%% $$HOME \"say \\\"\\\\\\\"\" \"\"\n"))
        #expect(text.contains("ReadWritePaths=\"/srv/my data\"\n"))
    }

    @Test func showsHomesOnlyWhereSomethingLiesThere() throws {
        #expect(try unit().text().contains("ProtectHome=yes\n"))
        #expect(try unit(writes: "/home/anna/agent").text().contains("ProtectHome=read-only\n"))
    }

    @Test(arguments: [
        ("a\nUser=root", "sordino", "1G", "/var/lib"), ("test", "Root User", "1G", "/var/lib"),
        ("test", "", "1G", "/var/lib"), ("test", "sordino", "much", "/var/lib"),
        ("test", "sordino", "0", "/var/lib"), ("test", "sordino", "1G", "/tmp/state"),
        ("test", "sordino", "1G", "/var\nExecStart=/bin/sh"),
    ]) func refusesWhatAUnitCannotSay(description: String, user: String, memory: String, writes: String) {
        let unit = ServiceUnit(
            description: description, command: ["/bin/true"], user: user, writablePaths: [writes],
            memoryMax: memory)
        #expect(throws: Failure.self) { try unit.text() }
    }

    private static let analyze = "/usr/bin/systemd-analyze"

    /// Every shape of unit that the commands print: as narrow as the authority's, as wide as an agent's with a trainer.
    @Test(
        .enabled("systemd-analyze is not installed") {
            FileManager.default.isExecutableFile(atPath: analyze)
        },
        arguments: [(false, true, 1.1), (false, false, 1.2), (true, false, 1.6)])
    func systemdAcceptsItAndFindsItNarrow(starts: Bool, local: Bool, exposure: Double) throws {
        let folder = try TemporaryFolder()
        var unit = unit()
        (unit.startsPrograms, unit.isLocal) = (starts, local)
        let file = "\(folder.path)/sordino-test.service"
        try unit.text().write(toFile: file, atomically: true, encoding: .utf8)
        let verified = try Self.run(["verify", "--man=no", file])
        #expect(verified.status == 0 && !verified.text.contains("sordino-test"), "\(verified.text)")
        let judged = try Self.run(["security", "--offline=true", "--no-pager", file])
        let words = judged.text.split(separator: "\n").last { $0.contains("Overall exposure level") }?
            .split(separator: " ")
        let score = try #require(words?.compactMap { Double($0) }.first, "\(judged.text)")
        #expect(score <= exposure, "\(judged.text)")
    }

    private static func run(_ arguments: [String]) throws -> (status: Int32, text: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: analyze)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
