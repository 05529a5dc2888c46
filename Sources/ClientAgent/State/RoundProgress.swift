internal import Configuration
package import Ledger
internal import Operations

/// Which rounds the agent has begun, durable before any noise is drawn for one: a restarted agent never serves
/// a round again, even when it was killed before the charge. Beside them stands what the ledgers had then, so that a
/// ledger that lost lines is found.
package struct RoundProgress: Sendable {
    /// Version of the form that is written; version 1 had no ledgers.
    private static let currentVersion = 2

    /// Greatest round begun of each run.
    package private(set) var begun: [String: Int]
    /// What is remembered of each run's ledger.
    package private(set) var ledgers: [String: LedgerBinding] = [:]
    /// Version of the form that was read; nil where there was no file.
    package private(set) var version: Int?
    /// The run begun last.
    package private(set) var run: String?
    /// When rounds were begun during the last day, in seconds since 1970.
    private var recent: [Int] = []
    private let path: String

    /// Reads the file, or begins anew where there is none. Throws a storage ``Failure`` when it is damaged or of a
    /// later version.
    package init(path: String) throws {
        self.path = path
        begun = [:]
        guard let bytes = try StateDirectory.contents(of: path, limit: 64 << 20) else { return }
        do {
            try read(bytes)
        } catch let error as ConfigurationError {
            throw Failure(
                .storage, "\(path): damaged (\(error)); restore it from a backup, or \(AgentLedgers.wayOn)")
        }
    }

    /// Whether the file is one that a later program wrote.
    static func isOfLaterVersion(path: String) -> Bool {
        guard let bytes = try? StateDirectory.contents(of: path, limit: 64 << 20),
            let json = try? JSONValue(json5: bytes, source: path), case .object(let members) = json,
            case .integer(let version)? = members["version"]
        else { return false }
        return version > currentVersion
    }

    private mutating func read(_ bytes: [UInt8]) throws {
        let root = try Section(JSONValue(json5: bytes, source: path), path: path)
        let version = try root.integer("version", in: 1...Int(Int32.max)) ?? 1
        guard version <= Self.currentVersion else {
            throw Failure(
                .storage,
                "\(path): is of version \(version), this program knows up to \(Self.currentVersion); use the newer "
                    + "program that wrote it")
        }
        self.version = version
        run = try root.string("run")
        if let runs = try root.section("begun") {
            for key in runs.keys { begun[key] = try runs.integer(key, in: 0...Int(Int32.max)) }
        }
        recent = try (root.list("recent") ?? []).compactMap { item in
            if case .integer(let second) = item { second } else { nil }
        }
        if let runs = try root.section("ledgers") {
            for key in runs.keys {
                guard let section = try runs.section(key) else { continue }
                ledgers[key] = try Self.binding(section)
                try section.finish()
            }
        }
        try root.finish()
        guard version == 1 || run != nil || begun.isEmpty else {
            throw ConfigurationError(path: path, problem: "names no run")
        }
    }

    private static func binding(_ section: Section) throws -> LedgerBinding {
        let lines = try section.integer("lines", in: 0...Int(Int32.max)) ?? 0
        let binding = LedgerBinding(
            lines: lines, head: try section.string("head") ?? "",
            rounds: try section.integer("rounds", in: 0...lines) ?? 0,
            opening: try section.string("opening"), charge: try section.string("charge"))
        guard binding.isPlausible else {
            throw ConfigurationError(path: section.path, problem: "is not what this agent writes")
        }
        return binding
    }

    /// Rounds begun in the 24 hours before `now`, in seconds since 1970. A time in the future, as after a clock
    /// was set back, counts too.
    package func roundsWithinDay(before now: Int) -> Int { recent.count { $0 > now - 86_400 } }

    /// Greatest round of `run` that was begun, 0 for none.
    package func lastRound(of run: String) -> Int { begun[run] ?? 0 }

    /// Records that a round is begun, and what the ledgers have now. Throws a storage ``Failure``; the round must then
    /// not be served. A round that is not above the last one is refused. `now`: seconds since 1970.
    package mutating func begin(
        run: String, round: Int, now: Int, ledgers: [String: LedgerBinding]? = nil
    ) throws {
        guard round > lastRound(of: run) else {
            throw Failure(.internalFault, "round \(round) of this run was begun before")
        }
        var next = self
        next.begun[run] = round
        next.recent = recent.filter { $0 > now - 86_400 } + [now]
        next.run = run
        try next.write(ledgers)
        self = next
    }

    /// Records what the ledgers have now. Throws a storage ``Failure``.
    package mutating func bind(_ ledgers: [String: LedgerBinding]) throws {
        guard version != Self.currentVersion || self.ledgers != ledgers else { return }
        var next = self
        try next.write(ledgers)
        self = next
    }

    /// Records that rounds of `run` up to `round` are over.
    package mutating func end(run: String, round: Int) {
        begun[run] = max(lastRound(of: run), round)
        self.run = self.run ?? run
    }

    private mutating func write(_ bindings: [String: LedgerBinding]?) throws {
        if let bindings { ledgers = bindings }
        version = Self.currentVersion
        var members: [String: JSONValue] = [
            "version": .integer(Self.currentVersion), "begun": .object(begun.mapValues { .integer($0) }),
            "recent": .array(recent.map { .integer($0) }), "ledgers": .object(ledgers.mapValues(Self.json)),
        ]
        if let run { members["run"] = .string(run) }
        try AtomicFile.write(JSONValue.object(members).text() + "\n", to: path, mode: 0o600)
    }

    private static func json(_ binding: LedgerBinding) -> JSONValue {
        var members: [String: JSONValue] = [
            "lines": .integer(binding.lines), "head": .string(binding.head),
            "rounds": .integer(binding.rounds),
        ]
        if let opening = binding.opening { members["opening"] = .string(opening) }
        if let charge = binding.charge { members["charge"] = .string(charge) }
        return .object(members)
    }
}
