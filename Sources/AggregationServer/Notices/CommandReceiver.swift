internal import Foundation
internal import Glibc
internal import Operations
internal import Synchronization

/// Starts a program for each notice, which it reads as one line of JSON from its standard input. No shell is between; what
/// it prints goes nowhere, and its group ends with it.
struct CommandReceiver: NoticeReceiver {
    private let command: [String]
    private let seconds: Double
    private let isCancelled = Cancellation()

    private final class Cancellation: Sendable { let isSet = Atomic(false) }

    /// Runs the program, its path first, for at most `seconds`.
    init(_ command: [String], seconds: Double = 30) {
        self.command = command
        self.seconds = seconds
    }

    var name: String { "command" }
    var events: Set<Notice.Event> { Set(Notice.Event.allCases) }

    func cancel() { isCancelled.isSet.store(true, ordering: .relaxed) }

    func deliver(_ notice: Notice) -> NoticeOutcome {
        do {
            let process = try start(input: notice.body + [0x0A])
            let status = wait(for: process)
            guard let status else { return .failed("\(command[0]) did not end within \(Int(seconds)) s") }
            return status == 0
                ? .delivered
                : .failed(
                    "\(command[0]) ended with \(status & 0x7F == 0 ? "status \((status >> 8) & 0xFF)" : "signal \(status & 0x7F)")"
                )
        } catch {
            return .failed("\(error)")
        }
    }

    /// The wait status; nil where the program had to be ended.
    private func wait(for process: pid_t) -> Int32? {
        let end = ContinuousClock.now + .seconds(seconds)
        defer { kill(-process, SIGKILL) }
        while true {
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process { return status }
            if ContinuousClock.now > end || isCancelled.isSet.load(ordering: .relaxed) {
                kill(-process, SIGKILL)
                while waitpid(process, &status, 0) < 0, errno == EINTR {}
                return nil
            }
            usleep(20_000)
        }
    }

    /// Starts the program in a group of its own with `input` in a pipe, which holds more than any notice has.
    private func start(input: [UInt8]) throws(Failure) -> pid_t {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw Failure(.internalFault, "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        // Another thread may start a program in between: it gets an end that it does not look at.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let written = write(ends[1], input, input.count)
        close(ends[1])
        guard written == input.count else { throw Failure(.internalFault, "cannot fill a pipe") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        for output in [Int32(1), 2] {
            posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, defaults) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigemptyset(&defaults)
        for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&defaults, signal) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        let variables = ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for word in arguments + environment { free(word) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, command[0], &actions, &attributes, &arguments, &environment)
        guard code == 0 else {
            throw Failure(.invalidInput, "cannot start \(command[0]): \(String(cString: strerror(code)))")
        }
        return process
    }
}
