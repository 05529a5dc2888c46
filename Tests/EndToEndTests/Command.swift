import Foundation
import Glibc
import TestSupport
import Testing

extension Tag {
    /// Tests that spawn the real binaries.
    @Tag static var endToEnd: Self
}

/// The `sordino` binary, run as a user runs it.
enum Sordino {
    /// How long a command may take before it counts as hung.
    private static let patienceSeconds = 240.0

    /// Where the binary lies: `SORDINO_BINARY`, or beside the test bundle, where the package manager puts both.
    static let binary = ProcessInfo.processInfo.environment["SORDINO_BINARY"] ?? beside("sordino")

    /// The agent's binary lies beside it.
    static let agent = URL(fileURLWithPath: binary).deletingLastPathComponent()
        .appendingPathComponent("sordino-agent").path

    private static func beside(_ name: String) -> String {
        let itself = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let places = [itself.deletingLastPathComponent(), Bundle.main.bundleURL]
        let found = places.map { $0.appendingPathComponent(name).path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        // The name that fails to start says in the test's message where it was looked for.
        return found ?? places[0].appendingPathComponent(name).path
    }

    /// Runs a command to its end.
    static func run(_ arguments: String...) throws -> CommandResult { try run(arguments) }

    /// Runs a command to its end.
    static func run(_ arguments: [String]) throws -> CommandResult { try start(arguments).wait() }

    /// Starts a command.
    static func start(_ arguments: [String], environment: [String: String] = [:]) throws -> RunningCommand {
        try RunningCommand(binary, arguments, patienceSeconds: patienceSeconds, environment: environment)
    }

    /// Starts the agent's binary, which lies beside.
    static func startAgent(_ arguments: [String], environment: [String: String] = [:]) throws
        -> RunningCommand
    {
        try RunningCommand(
            binary + "-agent", arguments, patienceSeconds: patienceSeconds, environment: environment)
    }

    /// Starts an agent's command.
    static func startAgent(_ arguments: [String]) throws -> RunningCommand {
        try RunningCommand(agent, arguments, patienceSeconds: patienceSeconds)
    }
}

/// What a finished command left behind.
struct CommandResult {
    /// Exit status; nil when a signal ended it.
    let status: Int32?
    /// The signal that ended it.
    let signal: Int32?
    let output: String
    let errors: String

    /// Lines on standard error that are no warnings.
    var complaints: [String] {
        errors.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("warning: ") }
    }

    /// Standard output as one JSON document; throws when it is anything else.
    var json: JSON { get throws { try JSON(text: output) } }
}

/// A child process whose standard streams go to files.
final class RunningCommand {
    struct StartFailure: Error, CustomStringConvertible {
        let description: String
    }

    private let process: pid_t
    private let streams: Workspace
    private let deadline: Date
    private var isCollected = false

    /// Starts `path`; standard input is empty. `more` adds to the environment.
    init(
        _ path: String, _ arguments: [String], patienceSeconds: Double,
        environment more: [String: String] = [:]
    ) throws {
        streams = try Workspace()
        deadline = Date(timeIntervalSinceNow: patienceSeconds)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        for (descriptor, name) in [(STDOUT_FILENO, "out"), (STDERR_FILENO, "err")] {
            posix_spawn_file_actions_addopen(
                &actions, descriptor, streams.file(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        }
        let environment = ProcessInfo.processInfo.environment.merging(more) { $1 }
            .map { "\($0.key)=\($0.value)" }
        let words = ([path] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var process = pid_t()
        let code = posix_spawn(&process, path, &actions, nil, words, variables)
        guard code == 0 else {
            throw StartFailure(description: "\(path) does not start: \(String(cString: strerror(code)))")
        }
        self.process = process
    }

    /// A command that nobody waited for is ended and collected: a test that fails half-way leaves no process behind, nor
    /// its remains, which keep the library's own watch over children busy for ever.
    deinit {
        guard !isCollected else { return }
        var status: Int32 = 0
        kill(process, SIGKILL)
        waitpid(process, &status, 0)
    }

    /// What it has written to standard error so far.
    var errorsSoFar: String { (try? streams.text("err")) ?? "" }

    /// Sends a signal; harmless when the process has ended, since nobody but `wait` collects it.
    func send(_ signal: Int32) { kill(process, signal) }

    /// Waits for the end. A process that never ends is killed, and its result says so.
    func wait() throws -> CommandResult {
        var status: Int32 = 0
        func hasEnded() -> Bool { waitpid(process, &status, WNOHANG) != 0 }
        if !eventually(within: max(0, deadline.timeIntervalSinceNow), every: 2, hasEnded) {
            send(SIGKILL)
            waitpid(process, &status, 0)
        }
        isCollected = true
        // The macros WIFSIGNALED and WEXITSTATUS of <sys/wait.h>.
        let signal = status & 0x7F
        return CommandResult(
            status: signal == 0 ? (status >> 8) & 0xFF : nil, signal: signal == 0 ? nil : signal,
            output: try streams.text("out"), errors: try streams.text("err"))
    }
}
