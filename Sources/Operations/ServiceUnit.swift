internal import Glibc

/// A unit for systemd that runs one of our processes as a service: told by `sd_notify`, watched, started again after
/// a crash, and kept from everything on the host that it does not need (systemd.exec(5), "Sandboxing").
package struct ServiceUnit: Equatable, Sendable {
    /// One line for `systemctl status`.
    package var description: String
    /// Absolute path of the program, and its arguments.
    package var command: [String]
    /// The system user it runs as; it must exist.
    package var user: String
    /// Folders that it writes to; the rest of the host is read-only.
    package var writablePaths: [String]
    /// Other paths that it reads; they only say whether homes must be visible.
    package var readPaths: [String] = []
    /// Bytes of memory after which the kernel ends it, as systemd writes sizes (`1G`).
    package var memoryMax: String
    /// Whether it starts programs of the user's, which may set limits, generate code and look at the host.
    package var startsPrograms = false
    /// Whether it reads the host's load average.
    package var seesHost = false
    /// Whether it talks to this host only.
    package var isLocal = false

    package init(
        description: String, command: [String], user: String, writablePaths: [String], memoryMax: String
    ) {
        self.description = description
        self.command = command
        self.user = user
        self.writablePaths = writablePaths
        self.memoryMax = memoryMax
    }

    /// The unit file. Throws a ``Failure`` for what a unit cannot say, or where the sandbox would hide a path.
    package func text() throws(Failure) -> String {
        try check()
        let homes = (writablePaths + readPaths + command).contains { path in
            ["/home/", "/root/", "/run/user/"].contains { path.hasPrefix($0) }
        }
        var service = [
            "Type=notify",
            "ExecStart=" + command.map { Self.quoted($0, isCommand: true) }.joined(separator: " "),
            "User=\(user)", "UMask=0077",
            // The process tells every third of this that its main loop is alive.
            "WatchdogSec=60", "Restart=on-failure", "RestartSec=5",
            // Another start mends neither a wrong configuration nor a policy that refuses nor a certificate that has
            // expired or was revoked: a person must. 7 is "state saved".
            "RestartPreventExitStatus=2 3 4 5", "SuccessExitStatus=7", "TimeoutStopSec=30",
            "MemoryMax=\(memoryMax)", "TasksMax=512", "LimitNOFILE=65536", "LimitCORE=0", "",
            "ReadWritePaths="
                + writablePaths.map { Self.quoted($0, isCommand: false) }.joined(separator: " "),
            "ProtectSystem=strict", "ProtectHome=\(homes ? "read-only" : "yes")",
        ]
        service += Self.sandbox
        service.append("ProcSubset=\(seesHost || startsPrograms ? "all" : "pid")")
        if !startsPrograms {
            service.append("MemoryDenyWriteExecute=yes")
            service.append("SystemCallFilter=~@resources")
            // Both are used by the C library itself: to read limits and to start threads.
            service.append("SystemCallFilter=prlimit64 sched_setaffinity setpriority")
        }
        if isLocal { service += ["IPAddressDeny=any", "IPAddressAllow=localhost"] }
        return """
            [Unit]
            Description=\(description)
            Wants=network-online.target
            After=network-online.target
            StartLimitIntervalSec=0

            [Service]
            \(service.joined(separator: "\n"))

            [Install]
            WantedBy=multi-user.target

            """
    }

    /// What holds for all of our processes.
    private static let sandbox = [
        "PrivateTmp=yes", "PrivateDevices=yes", "PrivateUsers=yes", "PrivateMounts=yes",
        "ProtectProc=invisible",
        "ProtectClock=yes", "ProtectHostname=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes", "ProtectControlGroups=yes", "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "RestrictNamespaces=yes",
        "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "RemoveIPC=yes", "LockPersonality=yes",
        "KeyringMode=private", "SystemCallArchitectures=native", "SystemCallErrorNumber=EPERM",
        "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged",
    ]

    private func check() throws(Failure) {
        for text in [description, user, memoryMax] + command + writablePaths
        where text.utf8.contains(where: { $0 < 32 || $0 == 127 }) {
            throw Failure(
                .invalidInput, "a unit cannot hold a name with control characters: \(text.debugDescription)")
        }
        let letters = user.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F
        }
        guard letters, let first = user.utf8.first, (0x61...0x7A).contains(first) || first == 0x5F else {
            throw Failure(.usage, "--user must be a system user's name, not \"\(user)\"")
        }
        let size = memoryMax.last.map { "KMGT".contains($0) } == true ? memoryMax.dropLast() : memoryMax[...]
        guard memoryMax == "infinity" || UInt64(size).map({ $0 > 0 }) == true else {
            throw Failure(.usage, "--memory-max must be a size such as 512M or 2G, not \"\(memoryMax)\"")
        }
        // The service has a /tmp of its own.
        for path in command.prefix(1) + writablePaths + readPaths
        where ["/tmp/", "/var/tmp/", "/dev/shm/"].contains(where: { path.hasPrefix($0) }) {
            throw Failure(
                .invalidInput,
                "\(path): a service has temporary folders of its own and would not see it; move it, for example to "
                    + "/var/lib or /usr/local/bin")
        }
    }

    /// A word as systemd reads it (systemd.service(5), "Command lines"; `$` counts in commands only).
    private static func quoted(_ word: String, isCommand: Bool) -> String {
        var result = ""
        var isPlain = !word.isEmpty
        for character in word.unicodeScalars {
            switch character {
            case "%": result += "%%"
            case "$" where isCommand: result += "$$"
            case "\"", "\\":
                result += "\\" + String(character)
                isPlain = false
            default:
                if character == " " || character == "'" || character == ";" { isPlain = false }
                result.unicodeScalars.append(character)
            }
        }
        return isPlain ? result : "\"\(result)\""
    }
}

/// Paths as a service needs them: absolute.
package enum ServicePath {
    /// The program of this process. Throws a ``Failure`` where the system does not tell.
    package static func ownProgram() throws(Failure) -> String { try absolute("/proc/self/exe") }

    /// The path without links and relative parts; it must exist. Throws a ``Failure``.
    package static func absolute(_ path: String) throws(Failure) -> String {
        guard let resolved = realpath(path, nil) else {
            throw Failure(.invalidInput, "\(path): \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The folder that a path is, lies in or would be made in, without links. Throws a ``Failure``.
    package static func nearestFolder(to path: String) throws(Failure) -> String {
        var path = path
        while true {
            if let resolved = try? absolute(path), isFolder(resolved) { return resolved }
            guard let slash = path.lastIndex(of: "/") else { return try absolute(".") }
            path = String(slash == path.startIndex ? "/" : path[..<slash])
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
    }
}
