internal import Configuration
internal import Custody
internal import Federation
internal import Foundation
internal import Glibc
internal import Ledger
internal import Operations
internal import Privacy

/// What all runs over the same people may tell of any one of them, together: `server.roster_budget`.
///
/// Its folder has a file for each run, written before the run's first round, with what the run may spend at most. A run whose
/// state directory says that it has ended counts with what its ledger says; one that is under way, or whose files are gone or
/// not sound, with all that it was planned for. So no order of starts, crashes and deletions makes a run forgotten, short of
/// deleting its file here.
struct RosterBudget: Sendable {
    /// The section as written.
    struct Limit: Equatable, Sendable {
        /// The folder that all runs over the roster share.
        let folder: String
        /// Largest ε against whoever sees the released models, over all runs.
        let epsilon: Double
        let delta: Double

        /// Reads the section; relative folders start from `base`. Throws ``ConfigurationError``.
        init(_ section: Section, base: String) throws {
            guard let name = try section.string("folder"), !name.isEmpty else {
                throw section.error("folder", "is missing: a folder that all runs over this roster name")
            }
            guard let epsilon = try section.positive("epsilon") else {
                throw section.error("epsilon", "is missing: the most that all runs may spend together")
            }
            let delta = try section.number("delta", expected: "above 0 and below 1") { $0 > 0 && $0 < 1 }
            self.folder = name.hasPrefix("/") ? name : "\(base)/\(name)"
            self.epsilon = epsilon
            self.delta = delta ?? 1e-5
            try section.finish()
        }
    }

    /// What the folder has of one run.
    private struct Record: Codable {
        static let currentVersion = 1
        var version = Self.currentVersion
        var run: String
        var task: String
        var taskSHA256: String
        var stateDirectory: String
        /// All that the run may charge.
        var events: [PrivacyEvent]

        enum CodingKeys: String, CodingKey {
            case version, run, task, events
            case taskSHA256 = "task_sha256"
            case stateDirectory = "state_directory"
        }
    }

    private let limit: Limit
    private let task: String
    private let digest: String
    private let stateDirectory: String
    private let planned: [PrivacyEvent]

    /// The budget that a server's configuration names; nil where it names none. Throws ``ConfigurationError`` for a task that
    /// bounds nothing.
    init?(_ setup: ServerSetup) throws {
        guard let limit = setup.configuration.rosterBudget else { return nil }
        guard setup.plan.privacy != nil else {
            throw ConfigurationError(
                path: "server.roster_budget", problem: "bounds no run of task.privacy.mode \"none\"")
        }
        // Without one a run stops at its published rounds, and rounds that were charged and lost come on top.
        guard setup.plan.rules.affordableRounds != nil else {
            throw ConfigurationError(
                path: "server.roster_budget",
                problem:
                    "needs task.privacy.target_epsilon, at which a run stops whatever becomes of its rounds")
        }
        self.limit = limit
        task = setup.configuration.task.name
        digest = setup.taskDigest
        stateDirectory = URL(fileURLWithPath: setup.configuration.stateDirectory).standardized.path
        planned = Spending(setup.plan).plannedEvents
    }

    /// Throws a refusing `Failure` where a new run, or the run of this identity, does not fit beside all others. Nothing is
    /// written.
    func check(_ run: String? = nil) throws {
        guard FileManager.default.fileExists(atPath: limit.folder) else { return try judge(others: []) }
        try judge(others: others(than: run))
    }

    /// Takes up the run that begins or goes on, durably, before anything of it can be charged. Throws a refusing `Failure`
    /// where it does not fit beside all others, and a storage `Failure` where it has `charged` rounds and the folder does not
    /// know it: that folder is not the one of before, and others may be forgotten with it.
    func admit(_ run: String, charged: Int) throws {
        guard charged == 0 || FileManager.default.fileExists(atPath: path(run)) else {
            throw Failure(
                .storage,
                "\(limit.folder): does not know this run, which has \(charged) charged rounds: mount or restore the folder that"
                    + " it was begun with")
        }
        let lock = try StateLock(limit.folder, waits: true)
        defer { withExtendedLifetime(lock) {} }
        try judge(others: others(than: run))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let record = Record(
            run: run, task: task, taskSHA256: digest, stateDirectory: stateDirectory, events: planned)
        try AtomicFile.write(Array(try encoder.encode(record)) + [10], to: path(run), mode: 0o600)
    }

    /// ε of the other runs, and with this one beside them.
    func spent(besides run: String? = nil) throws -> (before: Double, after: Double) {
        let others =
            FileManager.default.fileExists(atPath: limit.folder) ? try others(than: run) : []
        return (try epsilon(others), try epsilon(others + planned))
    }

    /// One line for `sordino check`.
    func line(besides run: String?) throws -> String {
        let (before, after) = try spent(besides: run)
        return "roster budget                       ε \(Self.text(before)) by the runs of \(limit.folder), "
            + "\(Self.text(after)) with this one, of \(limit.epsilon) at δ \(limit.delta)"
    }

    private func judge(others: [PrivacyEvent]) throws {
        let after = try epsilon(others + planned)
        guard after <= limit.epsilon * (1 + 1e-9) else {
            throw Failure(
                .refused,
                "server.roster_budget: this run may spend up to ε \(Self.text(try epsilon(planned))), and with the runs of"
                    + " \(limit.folder) (\(Self.text(try epsilon(others)))) that makes \(Self.text(after)), above"
                    + " \(limit.epsilon) at δ \(limit.delta); plan fewer rounds or more noise")
        }
    }

    private func epsilon(_ events: [PrivacyEvent]) throws -> Double {
        guard !events.isEmpty else { return 0 }
        do {
            return try PrivacyGuarantee.of(PrivacyEvent.composed(events), delta: limit.delta).epsilon
        } catch {
            throw Failure(
                .refused, "server.roster_budget: the runs of \(limit.folder) cannot be composed: \(error)")
        }
    }

    // MARK: Other runs

    private func path(_ run: String) -> String { "\(limit.folder)/\(run).json" }

    private func others(than run: String?) throws -> [PrivacyEvent] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: limit.folder)
        } catch {
            throw Failure(.storage, "\(limit.folder): cannot be read")
        }
        return try names.sorted().filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.flatMap {
            name -> [PrivacyEvent] in
            let path = "\(limit.folder)/\(name)"
            guard let bytes = try StoredFile.bytes(at: path, limit: 16 << 20, followsLinks: false) else {
                return []
            }
            guard let record = try? JSONDecoder().decode(Record.self, from: Data(bytes)),
                record.version <= Record.currentVersion, "\(record.run).json" == name, !record.events.isEmpty
            else {
                throw Failure(
                    .storage,
                    "\(path): damaged, or written by a newer program; restore it from a backup: without it a run is forgotten"
                )
            }
            return record.run == run
                ? [] : Self.charged(by: record.run, in: record.stateDirectory) ?? record.events
        }
    }

    /// What a run that has ended has charged, by the ledger in its state directory; nil where it has not ended, or its files
    /// do not show it.
    static func charged(by run: String, in folder: String) -> [PrivacyEvent]? {
        guard let bytes = try? StoredFile.bytes(at: "\(folder)/run.json", limit: 64 << 20),
            let state = try? JSONDecoder().decode(RunState.self, from: Data(bytes)), state.isPlausible,
            state.run == run, state.finished != nil, let binding = state.ledger,
            let lines = try? LedgerFile.bytes(at: "\(folder)/ledger.jsonl")
        else { return nil }
        let verdict = LedgerVerification.verdict(on: lines, key: nil)
        guard verdict.isSound, binding.complaint(verdict, round: state.round) == nil else { return nil }
        var reader = LedgerReader()
        return try? reader.events(verdict.state.releasedEvents)
    }

    private static func text(_ epsilon: Double) -> String { String(format: "%.4g", epsilon) }
}
