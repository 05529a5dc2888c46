internal import Configuration
package import Ledger
package import Messages
internal import Notation
internal import Operations

/// Which rounds the agent has begun, durable before any noise is drawn for one: a restarted agent never serves
/// a round again, even when it was killed before the charge. Beside them stands what the ledgers had then, so that a
/// ledger that lost lines is found.
package struct RoundProgress: Sendable {
    /// Newest version of the form; version 1 had no ledgers, version 3 has minutes, version 4 what servers said of theirs.
    private static let currentVersion = 4
    /// Rounds whose seconds are kept; of more within a day only the minutes are.
    private static let exactRounds = 200

    /// Greatest round begun of each run.
    package private(set) var begun: [String: Int]
    /// What is remembered of each run's ledger.
    package private(set) var ledgers: [String: LedgerBinding] = [:]
    /// What each run's server said last of its own ledger.
    package private(set) var serverLedgers: [String: RoundOffer.LedgerReference] = [:]
    /// Version of the form that was read; nil where there was no file.
    package private(set) var version: Int?
    /// The run begun last.
    package private(set) var run: String?
    /// When the last rounds of the last day were begun, in seconds since 1970.
    private var recent: [Int] = []
    /// Numbers of rounds of the day before those, by the minute: seconds since 1970 divided by 60.
    private var minutes: [Int: Int] = [:]
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
        if let counts = try root.section("recent_minutes") {
            for key in counts.keys {
                guard let minute = Int(key), (0...Int(Int32.max)).contains(minute) else {
                    throw ConfigurationError(path: counts.path, problem: "names no minute: \(key)")
                }
                minutes[minute] = try counts.integer(key, in: 1...Int(Int32.max))
            }
        }
        if let runs = try root.section("ledgers") {
            for key in runs.keys {
                guard let section = try runs.section(key) else { continue }
                ledgers[key] = try Self.binding(section)
                try section.finish()
            }
        }
        if let runs = try root.section("server_ledgers") {
            for key in runs.keys {
                guard let section = try runs.section(key) else { continue }
                serverLedgers[key] = .init(
                    lines: try section.integer("lines", in: 0...Int(Int32.max)) ?? 0,
                    head: try section.string("head") ?? "")
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
    /// was set back, counts too. Of many rounds those of the oldest minute may count a minute longer.
    package func roundsWithinDay(before now: Int) -> Int {
        let older = minutes.reduce(0) { $0 + (60 * $1.key + 59 > now - 86_400 ? $1.value : 0) }
        return older + recent.count { $0 > now - 86_400 }
    }

    /// Greatest round of `run` that was begun, 0 for none.
    package func lastRound(of run: String) -> Int { begun[run] ?? 0 }

    /// Records that a round is begun, what the ledgers have now, and what the server says of its own. Throws a storage ``Failure``; the round must then
    /// not be served. A round that is not above the last one is refused. `now`: seconds since 1970.
    package mutating func begin(
        run: String, round: Int, now: Int, ledgers: [String: LedgerBinding]? = nil,
        serverLedger: RoundOffer.LedgerReference? = nil
    ) throws {
        guard round > lastRound(of: run) else {
            throw Failure(.internalFault, "round \(round) of this run was begun before")
        }
        var next = self
        next.begun[run] = round
        next.remember(now)
        next.run = run
        if let serverLedger { next.serverLedgers[run] = serverLedger }
        try next.write(ledgers)
        self = next
    }

    /// Records what the ledgers have now. Throws a storage ``Failure``.
    package mutating func bind(_ ledgers: [String: LedgerBinding]) throws {
        guard (version ?? 0) < 2 || self.ledgers != ledgers else { return }
        var next = self
        try next.write(ledgers)
        self = next
    }

    /// Records that rounds of `run` up to `round` are over.
    package mutating func end(run: String, round: Int) {
        begun[run] = max(lastRound(of: run), round)
        self.run = self.run ?? run
    }

    /// Counts a round begun at `now`, and forgets what is older than a day.
    private mutating func remember(_ now: Int) {
        recent = recent.filter { $0 > now - 86_400 } + [now]
        minutes = minutes.filter { 60 * $0.key + 59 > now - 86_400 }
        while recent.count > Self.exactRounds { minutes[max(0, recent.removeFirst()) / 60, default: 0] += 1 }
    }

    private mutating func write(_ bindings: [String: LedgerBinding]?) throws {
        if let bindings { ledgers = bindings }
        version = neededVersion
        try AtomicFile.write(Array(text.utf8), to: path, mode: 0o600)
    }

    /// The least version that has what is to be written, so that earlier programs can read the rest.
    private var neededVersion: Int { serverLedgers.isEmpty ? minutes.isEmpty ? 2 : 3 : 4 }

    /// The file: JSON with sorted keys, on one line. It is written twice a round.
    private var text: String {
        var members = [
            ("begun", Self.object(begun.map { ($0.key, String($0.value)) })),
            ("ledgers", Self.object(ledgers.map { ($0.key, Self.text(of: $0.value)) })),
            ("recent", Self.list(recent)),
            ("version", String(neededVersion)),
        ]
        if let run { members.append(("run", JSONText.quoted(run))) }
        if !minutes.isEmpty {
            let counts = minutes.map { (String($0.key), String($0.value)) }
            members.append(("recent_minutes", Self.object(counts)))
        }
        if !serverLedgers.isEmpty {
            let texts = serverLedgers.map { run, ledger in
                (run, Self.object([("lines", String(ledger.lines)), ("head", JSONText.quoted(ledger.head))]))
            }
            members.append(("server_ledgers", Self.object(texts)))
        }
        return Self.object(members) + "\n"
    }

    private static func list(_ numbers: [Int]) -> String {
        var text = "["
        text.reserveCapacity(12 * numbers.count + 2)
        for (place, number) in numbers.enumerated() {
            if place > 0 { text += "," }
            text += String(number)
        }
        return text + "]"
    }

    private static func text(of binding: LedgerBinding) -> String {
        var members = [
            ("lines", String(binding.lines)), ("head", JSONText.quoted(binding.head)),
            ("rounds", String(binding.rounds)),
        ]
        if let opening = binding.opening { members.append(("opening", JSONText.quoted(opening))) }
        if let charge = binding.charge { members.append(("charge", JSONText.quoted(charge))) }
        return object(members)
    }

    /// An object of members whose values are JSON already.
    private static func object(_ members: [(name: String, json: String)]) -> String {
        let sorted = members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return "{" + sorted.map { "\(JSONText.quoted($0.name)):\($0.json)" }.joined(separator: ",") + "}"
    }
}
