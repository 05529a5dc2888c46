internal import Glibc
package import Operations

/// A program in a process group of its own, with limits, that ends with all its children.
package struct ChildProcess {
    /// How it is started.
    package struct Launch {
        /// Program, found on `PATH` unless it has a slash, and arguments.
        package var command: [String]
        /// Its whole environment.
        package var environment: [String: String]
        package var folder: String
        /// Receives both outputs; nil for nowhere.
        package var output: String?
        /// Bytes of address space of each process; nil for no limit.
        package var memoryLimit: Int?
        /// Bytes of each file that it writes; nil for no limit.
        package var fileLimit: Int?

        package init(
            command: [String], environment: [String: String], folder: String, output: String? = nil,
            memoryLimit: Int? = nil, fileLimit: Int? = nil
        ) {
            self.command = command
            self.environment = environment
            self.folder = folder
            self.output = output
            self.memoryLimit = memoryLimit
            self.fileLimit = fileLimit
        }
    }

    /// How it ended.
    package enum Ending: Equatable, Sendable {
        case exited(status: Int32)
        case killed(signal: Int32)
        case timedOut
        case interrupted
    }

    private let process: pid_t
    /// Milliseconds between SIGTERM and SIGKILL.
    private static let grace = 3_000
    private static let step = 20

    /// Starts the program. Throws a ``Failure`` when it cannot be started.
    package init(_ launch: Launch) throws(Failure) {
        process = try Self.spawn(launch)
    }

    /// Waits until it ends, at most `seconds`, or until `isStopped` says so; then ends it and everything in its
    /// group, which has `grace` milliseconds to tidy up, three seconds where nil. When this returns, none of them
    /// runs.
    package func wait(seconds: Double, grace: Int? = nil, isStopped: () -> Bool) -> Ending {
        // By the clock: on a busy host a pause lasts longer than it was asked to.
        let limit = ContinuousClock.now + .seconds(min(seconds, 1e9))
        while true {
            if let status = reap() {
                // Children that it left behind are nobody's: they end too.
                endGroup()
                return Self.ending(status)
            }
            let stopped = isStopped()
            let left = ContinuousClock.now.duration(to: limit).inSeconds
            if stopped || left <= 0 {
                end(grace: grace ?? Self.grace)
                return stopped ? .interrupted : .timedOut
            }
            usleep(useconds_t(min(left, Double(Self.step) / 1000) * 1e6) + 1)
        }
    }

    /// SIGTERM to the group, time to tidy up, SIGKILL to the group.
    private func end(grace: Int) {
        kill(-process, SIGTERM)
        var elapsed = 0
        var status: Int32?
        while elapsed < grace {
            status = reap()
            if status != nil { break }
            usleep(useconds_t(Self.step * 1000))
            elapsed += Self.step
        }
        if status == nil {
            kill(-process, SIGKILL)
            var last: Int32 = 0
            while waitpid(process, &last, 0) < 0, errno == EINTR {}
        }
        endGroup(wait: grace == 0 ? 50 : 1_000)
    }

    /// Kills what is left of the group and waits until it is gone, at most `wait` milliseconds: what remains after that
    /// has died and waits only to be reaped by its new parent.
    private func endGroup(wait: Int = 1_000) {
        var elapsed = 0
        while kill(-process, SIGKILL) == 0, elapsed < wait {
            usleep(5_000)
            elapsed += 5
        }
    }

    /// The wait status once it has ended. The group's identity stays ours until then, so that no signal meets a
    /// stranger.
    private func reap() -> Int32? {
        var status: Int32 = 0
        return waitpid(process, &status, WNOHANG) == process ? status : nil
    }

    private static func ending(_ status: Int32) -> Ending {
        let signal = status & 0x7F
        return signal == 0 ? .exited(status: (status >> 8) & 0xFF) : .killed(signal: signal)
    }

    private static func spawn(_ launch: Launch) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(
            &actions, 1, launch.output ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&defaults, signal) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        // The folder is the script's own name, `$0`; the program and its arguments are `$@`, never parsed.
        let script = Self.limits(launch) + "cd \"$0\" || exit 126; exec \"$@\""
        let words = ["/bin/sh", "-c", script, launch.folder] + launch.command
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] =
            launch.environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for word in arguments + environment { free(word) }
        }
        var process = pid_t()
        let code = posix_spawn(&process, "/bin/sh", &actions, &attributes, &arguments, &environment)
        guard code == 0 else {
            let reason = String(cString: strerror(code))
            throw Failure(.invalidInput, "cannot start \(launch.command[0]): \(reason)")
        }
        return process
    }

    /// The shell sets the limits before it becomes the program, so that no moment is without them.
    private static func limits(_ launch: Launch) -> String {
        var script = "ulimit -c 0; "
        if let bytes = launch.memoryLimit { script += "ulimit -v \(max(1, bytes >> 10)) || exit 126; " }
        if let bytes = launch.fileLimit { script += "ulimit -f \(max(1, bytes >> 9)) || exit 126; " }
        return script
    }
}
