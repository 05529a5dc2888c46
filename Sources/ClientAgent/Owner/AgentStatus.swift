package import Configuration
internal import Cryptography
internal import FoundationEssentials
internal import Glibc
internal import Ledger
internal import Operations
internal import Transport

/// How an agent stands, for its owner: from its files alone, also while it works.
package struct AgentStatus: Sendable {
    /// One run that this site has served.
    package struct Run: Equatable, Sendable {
        package var run: String
        /// What the state directory knows of it.
        package var home: RunHome?
        package var account: AgentLedgers.Account
    }

    /// A server's certificate.
    package struct Certificate: Equatable, Sendable {
        package var server: String
        /// When it ends, in seconds since 1970; nil where ``problem`` says why that is not known.
        package var ends: Double?
        package var problem: String?
    }

    /// Whether a process works on the state directory.
    package let isRunning: Bool
    /// Whether its owner has paused it, since when, and why.
    package let isPaused: Bool
    package let pausedSince: Int?
    package let pauseReason: String?
    /// Whether it is leaving, or has left.
    package let isLeaving: Bool
    package let hasLeft: Bool
    /// When work is allowed at all, in words; nil: always. And why not now; nil: now it is.
    package let conditions: String?
    package let obstacle: String?
    /// What its runs have cost, each and all, as its ledgers have it.
    package let runs: [Run]
    package let total: AgentLedgers.Account
    /// Finished reports that no server has yet.
    package let waiting: Int
    /// What was sent, the oldest first.
    package let sent: [SentReport]
    /// The verdict that counts for each task, in the order in which they were taken.
    package let verdicts: [Verdict]
    package let certificates: [Certificate]
    private let policy: AgentPolicy

    /// Looks. Throws a ``Failure`` that names a file that is damaged.
    package init(_ configuration: AgentConfiguration) throws {
        let folder = configuration.stateDirectory
        policy = configuration.policy
        isRunning = StateDirectory.isInUse(folder)
        isPaused = PauseFile.isThere(in: folder)
        (pausedSince, pauseReason) = isPaused ? PauseFile.contents(in: folder) : (nil, nil)
        hasLeft = Departure.isDone(in: folder)
        isLeaving = Departure.isBegun(in: folder) && !hasLeft
        conditions = configuration.conditions.summary
        obstacle = configuration.conditions.obstacle(in: .now)
        var status = stat()
        if stat("\(folder)/runs", &status) == 0 {
            let ledgers = try AgentLedgers.reading(folder)
            let state = try StateDirectory(reading: folder)
            runs = try ledgers.runs.map {
                Run(
                    run: $0, home: try RunHome.read($0, in: state),
                    account: try ledgers.account(of: $0, under: configuration.policy))
            }
            total = try ledgers.account(under: configuration.policy)
            waiting =
                stat("\(folder)/outbox", &status) == 0
                ? try Outbox(folder: "\(folder)/outbox").names().count : 0
        } else {
            (runs, total, waiting) = ([], .init(rounds: 0, server: 0, members: 0, record: 0), 0)
        }
        sent = try SentJournal(folder).reports()
        let approvals = try Approvals(in: folder, reviewers: configuration.policy.reviewers)
        var seen: Set<String> = []
        verdicts = approvals.verdicts.reversed().filter { seen.insert($0.digest).inserted }
            .compactMap { approvals.verdict(on: $0.digest) }.reversed()
        certificates = configuration.servers.map { server in
            let name = server.endpoint.description
            do {
                let own = try AgentCredentials(server.credentials).expiries.first
                return Certificate(server: name, ends: own?.notAfter.timeIntervalSince1970)
            } catch {
                return Certificate(server: name, problem: Failure(wrapping: error).message)
            }
        }
    }

    // MARK: As JSON

    /// Everything as JSON; what is unbounded is `"inf"`.
    package var json: JSONValue {
        .object([
            "running": .bool(isRunning),
            "paused": .bool(isPaused),
            "paused_since": pausedSince.map { .integer($0) } ?? .null,
            "pause_reason": pauseReason.map { .string($0) } ?? .null,
            "leaving": .bool(isLeaving),
            "left": .bool(hasLeft),
            "conditions": conditions.map { .string($0) } ?? .null,
            "not_now": obstacle.map { .string($0) } ?? .null,
            "policy": .object([
                "approval": .string(policy.approval.rawValue),
                "maximal_epsilon": .number(policy.maximalEpsilon),
                "maximal_delta": .number(policy.maximalDelta),
            ]),
            "total": Self.json(total),
            "runs": .array(runs.map(Self.json)),
            "waiting_reports": .integer(waiting),
            "sent": .array(sent.map(\.json)),
            "verdicts": .array(verdicts.map { .object($0.members) }),
            "certificates": .array(certificates.map(Self.json)),
        ])
    }

    /// An account as JSON.
    package static func json(_ account: AgentLedgers.Account) -> JSONValue {
        .object([
            "rounds": .integer(account.rounds), "epsilon_server": number(account.server),
            "epsilon_members": number(account.members), "epsilon_record": number(account.record),
        ])
    }

    private static func json(_ run: Run) -> JSONValue {
        .object([
            "run": .string(run.run), "task": run.home.map { .string($0.task) } ?? .null,
            "server": run.home.map { .string($0.server) } ?? .null,
            "task_sha256": run.home.map { .string($0.digest) } ?? .null, "spent": json(run.account),
        ])
    }

    private static func json(_ certificate: Certificate) -> JSONValue {
        .object([
            "server": .string(certificate.server), "ends": certificate.ends.map { .number($0) } ?? .null,
            "problem": certificate.problem.map { .string($0) } ?? .null,
        ])
    }

    private static func number(_ epsilon: Double) -> JSONValue {
        epsilon.isFinite ? .number(epsilon) : .string("inf")
    }

    // MARK: As text

    /// Everything in lines for a person, at `now` in seconds since 1970.
    package func lines(now: Double) -> [String] {
        var lines = [state(now)]
        lines.append(
            "work allowed  " + (conditions ?? "at any time") + (obstacle.map { "; not now: \($0)" } ?? ""))
        for certificate in certificates {
            lines.append(
                "certificate   \(certificate.server): "
                    + (certificate.ends.map { "ends \(SpokenTime.both($0, now: now))" } ?? certificate.problem
                        ?? "?"))
        }
        lines.append(
            "spent         \(Self.text(total)), of epsilon \(policy.maximalEpsilon) at delta \(policy.maximalDelta)"
        )
        for run in runs {
            lines.append(
                "  run \(run.run)  \(run.home.map { "\($0.task) of \($0.server)" } ?? "?"): \(Self.text(run.account))"
            )
        }
        let bytes = sent.reduce(0) { $0 + $1.bytes }
        lines.append(
            "sent          \(sent.count) reports, \(Quantity.bytes(bytes)) in all\(waiting > 0 ? "; \(waiting) wait to be sent" : "")"
        )
        for report in sent.suffix(10) {
            lines.append(
                "  \(SpokenTime.absolute(Double(report.time)))  \(Quantity.bytes(report.bytes)) to \(report.server), run "
                    + "\(report.run.prefix(8)) round \(report.round), sha256 \(report.sha256.prefix(16))"
                    + (report.isAccepted ? "" : ", turned away"))
        }
        lines.append("approval      \(policy.approval.rawValue); \(verdicts.count) tasks decided about")
        for verdict in verdicts {
            lines.append(
                "  \(verdict.digest.prefix(16))  \(verdict.kind.rawValue), \(SpokenTime.absolute(Double(verdict.time)))"
                    + (verdict.seal.map { ", signed by \(reviewer($0.key))" } ?? "")
                    + (verdict.reason.map { ": \($0)" } ?? ""))
        }
        return lines.map(PlainLine.of)
    }

    private func state(_ now: Double) -> String {
        let process = isRunning ? "a process works" : "no process works"
        if isLeaving { return "agent         leaving; \(process)" }
        if hasLeft { return "agent         has left its federation; \(process)" }
        guard isPaused else { return "agent         \(process)" }
        let since = pausedSince.map { " since \(SpokenTime.both(Double($0), now: now))" } ?? ""
        return "agent         paused\(since)\(pauseReason.map { " (\($0))" } ?? ""); \(process)"
    }

    private func reviewer(_ key: String) -> String {
        policy.reviewers.first { $0.key == key }?.name ?? "a reviewer that no longer counts"
    }

    /// An account in one line.
    package static func text(_ account: AgentLedgers.Account) -> String {
        func number(_ epsilon: Double) -> String {
            epsilon.isFinite ? Quantity.decimal(epsilon, places: 4) : "unbounded"
        }
        return
            "epsilon \(number(account.server)) against the server, \(number(account.members)) against members, "
            + "\(number(account.record)) of a record, in \(account.rounds) rounds"
    }
}
