internal import Configuration
internal import Glibc
package import Operations
internal import Transport

/// The end of a site's part in its federations: its servers are asked to revoke its certificates, and what only served to
/// take part is overwritten and removed. `leave.json` in the state directory says how far that is, so that it can be
/// finished after a crash, and has an agent that works on the directory end after its round.
package struct Departure {
    /// What became of it.
    package struct Outcome: Equatable, Sendable {
        /// What each server said.
        package var servers: [(name: String, answer: String)]
        /// Files that were overwritten and removed.
        package var removed: [String]

        package static func == (left: Outcome, right: Outcome) -> Bool {
            left.removed == right.removed && left.servers.elementsEqual(right.servers, by: ==)
        }
    }

    /// How to leave.
    package struct Wishes: Sendable {
        /// Whether ledgers, journal and approvals go, too.
        package var isAll: Bool
        /// Whether servers that cannot be reached are left without a word.
        package var isOffline: Bool
        /// Seconds that an agent at work is waited for.
        package var patience: Double

        package init(isAll: Bool = false, isOffline: Bool = false, patience: Double = 60) {
            (self.isAll, self.isOffline, self.patience) = (isAll, isOffline, patience)
        }
    }

    private static let fileName = "leave.json"
    /// What only serves to take part.
    private static let working = [
        "outbox", "memory", "models", "model-states", "frozen", "trainer", IdentifierKey.fileName,
        "paused.json",
    ]
    /// The owner's own account.
    private static let account = [
        "runs", "progress.json", "ledger.key", SentJournal.fileName, Approvals.fileName, Approvals.headName,
        "approvals.lock", "lock", fileName,
    ]

    private let configuration: AgentConfiguration
    private var asked: [String]
    private var folder: String { configuration.stateDirectory }

    /// Whether a departure was begun, or done.
    package static func isBegun(in folder: String) -> Bool {
        var status = stat()
        return lstat("\(folder)/\(fileName)", &status) == 0
    }

    /// Whether a departure is done.
    static func isDone(in folder: String) -> Bool {
        isBegun(in: folder) && ((try? progress(folder).isDone) ?? false)
    }

    /// Throws a ``Failure`` with status 4 where the site has left; an agent that was enrolled anew begins again.
    static func requireNone(in configuration: AgentConfiguration) throws {
        let folder = configuration.stateDirectory
        guard isBegun(in: folder) else { return }
        let isDone = try progress(folder).isDone
        guard isDone else {
            throw Failure(.refused, "this agent is leaving: sordino-agent leave CONFIG finishes that")
        }
        guard configuration.servers.allSatisfy({ access($0.credentials.key, F_OK) == 0 }) else {
            throw Failure(
                .refused, "this agent has left its federation; sordino-agent enroll lets it come back")
        }
        try AtomicFile.remove("\(folder)/\(fileName)")
    }

    /// Leaves. What was done before is not done again. Throws a ``Failure``: with status 5 where a server cannot be asked,
    /// with status 6 where an agent is still at work on the directory.
    package static func leave(
        _ configuration: AgentConfiguration, _ wishes: Wishes = Wishes(), log: Logger
    ) throws -> Outcome {
        var status = stat()
        guard stat(configuration.stateDirectory, &status) == 0 else {
            guard errno == ENOENT else {
                throw Failure(
                    .storage,
                    "cannot look into \(configuration.stateDirectory): \(String(cString: strerror(errno))); nothing was removed"
                )
            }
            return Outcome(servers: [], removed: try shredCredentials(configuration))
        }
        try StateDirectory.requireOwner(configuration.stateDirectory)
        var departure = Departure(
            configuration: configuration, asked: try progress(configuration.stateDirectory).asked)
        try departure.note(isDone: false)
        let state = try departure.lock(wishes.patience)
        return try withExtendedLifetime(state) {
            let answers = try departure.askServers(wishes, log)
            var removed = try shredCredentials(configuration)
            removed += try departure.shredWorkingFiles()
            guard wishes.isAll else {
                try departure.note(isDone: true)
                return Outcome(servers: answers, removed: removed)
            }
            for name in account { removed += try Shredder.shred("\(departure.folder)/\(name)") }
            // What is not the agent's own stays, and the folder with it.
            rmdir(departure.folder)
            return Outcome(servers: answers, removed: removed)
        }
    }

    // MARK: Steps

    private static func progress(_ folder: String) throws -> (asked: [String], isDone: Bool) {
        let path = "\(folder)/\(fileName)"
        guard let bytes = try? StateDirectory.contents(of: path, limit: 64 << 10),
            let json = try? JSONValue(json5: bytes, source: path),
            let section = try? Section(json, path: path)
        else { return ([], false) }
        // A file that cannot be read says that the departure was begun, and no more.
        let asked = ((try? section.list("asked")) ?? nil) ?? []
        let names = asked.compactMap { if case .string(let name) = $0 { name } else { nil } }
        return (names, ((try? section.bool("done")) ?? nil) ?? false)
    }

    private func note(isDone: Bool) throws {
        let json = JSONValue.object(["asked": .array(asked.map { .string($0) }), "done": .bool(isDone)])
        try AtomicFile.write(Array("\(json.text())\n".utf8), to: "\(folder)/\(Self.fileName)", mode: 0o600)
    }

    /// Waits for an agent at work to end.
    private func lock(_ patience: Double) throws -> StateDirectory {
        let end = ContinuousClock.now + .seconds(patience)
        while true {
            do {
                return try StateDirectory(folder)
            } catch {
                guard ContinuousClock.now < end, StateDirectory.isInUse(folder) else {
                    guard StateDirectory.isInUse(folder) else { throw error }
                    throw Failure(
                        .storage,
                        "\(folder): the agent is still in a round and will end after it; run this again then")
                }
                usleep(200_000)
            }
        }
    }

    private mutating func askServers(_ wishes: Wishes, _ log: Logger) throws -> [(
        name: String, answer: String
    )] {
        var answers: [(name: String, answer: String)] = []
        for server in configuration.servers {
            let name = server.endpoint.description
            guard !asked.contains(name) else {
                answers.append((name, "was asked before"))
                continue
            }
            guard access(server.credentials.key, F_OK) == 0 else {
                answers.append((name, "not asked: there is no key left"))
                continue
            }
            answers.append((name, try ask(server, wishes, log)))
            asked.append(name)
            try note(isDone: false)
        }
        return answers
    }

    private func ask(
        _ server: AgentConfiguration.Server, _ wishes: Wishes, _ log: Logger
    ) throws -> String {
        do {
            let link = ServerLink(
                client: try AgentConnection.client(configuration.speaking(to: server)),
                stop: try StopSignal(),
                log: log)
            link.client.configuration.connectTimeout = 10_000
            return try link.leave()
                ? "has revoked the certificate"
                : "does not revoke at an agent's word: ask its operator to (sordino certs revoke)"
        } catch ClientError.tls(let fault) where fault.cause == .ownRevoked {
            // Killed between its answer and the note of it.
            return "has revoked the certificate"
        } catch ClientError.authentication(_, let reason) {
            return "lets this agent in no more: \(reason)"
        } catch {
            guard wishes.isOffline else {
                throw Failure(
                    .network,
                    "\(server.endpoint) cannot be asked to revoke the certificate (\(Failure(wrapping: error).message)); try"
                        + " again, or leave without a word by --offline and tell its operator")
            }
            return "was not asked: \(Failure(wrapping: error).message)"
        }
    }

    private static func shredCredentials(_ configuration: AgentConfiguration) throws -> [String] {
        try configuration.servers.flatMap { server in
            try [server.credentials.key, server.credentials.certificate].flatMap {
                try Shredder.shred(file: $0)
            }
        }
    }

    /// Removes what the agent itself put into its directory, files that a crash left half written included, and nothing
    /// else: the owner may keep other things there.
    private func shredWorkingFiles() throws -> [String] {
        var removed: [String] = []
        for name in Self.working { removed += try Shredder.shred("\(folder)/\(name)") }
        for name in try Shredder.names(in: folder)
        where name.hasPrefix("revocations") && name.hasSuffix(".pem") || Self.isHalfWritten(name) {
            removed += try Shredder.shred("\(folder)/\(name)")
        }
        return removed
    }

    /// Whether a name is what ``AtomicFile`` gives a file of the agent's on its way.
    private static func isHalfWritten(_ name: String) -> Bool {
        name.hasSuffix(".tmp") && (working + account).contains { name.hasPrefix(".\($0).") }
    }
}
