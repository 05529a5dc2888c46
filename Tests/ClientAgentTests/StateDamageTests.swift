import Federation
import Foundation
import Ledger
import Operations
import Privacy
import TestSupport
import Testing

@testable import ClientAgent

/// Every file of an agent's state directory, damaged in every way: the agent goes on with all that was spent, or
/// refuses in one line with status 6.
@Suite struct AgentStateDamageTests {
    let authority: TestAuthority
    let task: TestTask
    var folder: String { authority.path("state") }

    init() throws {
        authority = try TestAuthority()
        task = try TestTask(privacy: TestTask.local, folder: authority.folder)
    }

    private static let other = String(repeating: "a1", count: 16)
    private static let folders = ["outbox", "runs", "trainer"]

    /// One agent's life: begun, charged, bound; `outbox` keeps the report of the last round.
    private func serve(_ run: String, _ round: Int, isKept: Bool = false) throws {
        let state = try StateDirectory(folder)
        let ledgers = try AgentLedgers(state: state)
        var progress = try RoundProgress(path: state.file("progress.json"))
        try progress.begin(run: run, round: round, now: 1000 + round, ledgers: ledgers.bindings)
        try ledgers.charge(run: run, round: round, task: task.plan, taskDigest: "d")
        try progress.bind(ledgers.bindings)
        if isKept {
            try Outbox(folder: state.file("outbox")).put(
                OutboxEntry(run: run, round: round, body: [1, 2, 3]))
        }
    }

    private func history() throws -> [FolderSnapshot] {
        var snapshots: [FolderSnapshot] = []
        for round in 1...4 {
            try serve(round == 2 ? Self.other : TestFederation.run, round, isKept: round == 4)
            snapshots.append(try FolderSnapshot(folder))
        }
        return snapshots
    }

    /// What opening came to: ε, or the failure.
    private func open() -> Result<Double, any Error> {
        Result {
            let state = try StateDirectory(folder)
            let spent = try AgentLedgers(state: state).spent(delta: 1e-5)
            _ = try RoundProgress(path: state.file("progress.json"))
            _ = try Outbox(folder: state.file("outbox")).entries()
            return spent
        }
    }

    @Test func everyFileAlone() throws {
        let snapshots = try history()
        let snapshot = try #require(snapshots.last)
        let spent = try open().get()
        var table: [String: Set<String>] = [:]
        for name in snapshot.files.keys.sorted() where name != "lock" {
            for damage in snapshot.damages(of: name, earlier: Array(snapshots.dropLast())) {
                try snapshot.write(to: folder, folders: Self.folders)
                try snapshot.apply(damage, to: name, in: folder, earlier: snapshots)
                let kind = name.replacing(/[0-9a-f]{32}/, with: "RUN").replacing(/-[0-9]+$/, with: "-ROUND")
                switch open() {
                case .success(let now):
                    #expect(now == spent, "\(name) \(damage): epsilon \(now) of \(spent)")
                    // Without the line break at its end a file says the same.
                    let isWhole =
                        FileManager.default.contents(atPath: "\(folder)/\(name)")
                        == snapshot.files[name]?.dropLast()
                    #expect(name.hasPrefix("outbox/") || isWhole, "\(name) \(damage): goes on")
                    table["\(kind) | \(damage.kind)", default: []].insert("goes on")
                case .failure(let error):
                    let failure = Failure(wrapping: error)
                    #expect(failure.exitCode == .storage, "\(name) \(damage): \(failure)")
                    #expect(failure.message.contains(folder), "\(name) \(damage): \(failure)")
                    table["\(kind) | \(damage.kind)", default: []].insert("refused")
                }
            }
        }
        if ProcessInfo.processInfo.environment["SORDINO_DAMAGES"] != nil {
            for (key, answers) in table.sorted(by: { $0.key < $1.key }) {
                print("DAMAGE", key, "|", answers.sorted().joined(separator: " or "))
            }
        }
    }

    @Test func pairsOfEarlierFiles() throws {
        let snapshots = try history()
        let snapshot = try #require(snapshots.last)
        let spent = try open().get()
        let names = snapshot.files.keys.sorted().filter { $0 != "lock" }
        for (place, first) in names.enumerated() {
            for second in names[(place + 1)...] {
                for (one, two) in [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 1), (-1, -1), (-1, 2)] {
                    try snapshot.write(to: folder, folders: Self.folders)
                    for (name, version) in [(first, one), (second, two)] {
                        let isThere = version >= 0 && snapshots[version].files[name] != nil
                        try snapshot.apply(
                            isThere ? .earlier(version) : .removed, to: name, in: folder, earlier: snapshots)
                    }
                    guard case .success(let now) = open() else { continue }
                    #expect(now == spent, "\(first) of \(one), \(second) of \(two): \(now) of \(spent)")
                }
            }
        }
    }

    /// A crash between any two writes leaves what the next start explains, and nothing that can be cut off unseen.
    @Test(arguments: 0...3) func aCrashAfterEachWrite(writes: Int) throws {
        try serve(TestFederation.run, 1)
        let before = try open().get()
        do {
            let state = try StateDirectory(folder)
            let ledgers = try AgentLedgers(state: state)
            var progress = try RoundProgress(path: state.file("progress.json"))
            if writes > 0 {
                try progress.begin(run: TestFederation.run, round: 2, now: 2000, ledgers: ledgers.bindings)
            }
            if writes > 1 {
                try ledgers.charge(
                    run: TestFederation.run, round: 2, task: task.plan, taskDigest: "d")
            }
            if writes > 2 { try progress.bind(ledgers.bindings) }
        }
        #expect(try open().get() >= before)
        #expect(try (open().get() > before) == (writes > 1))
        try serve(TestFederation.run, 3)
    }

    @Test("A state directory of 0.1.0 opens, and is bound from then on")
    func earlierVersion() throws {
        try serve(TestFederation.run, 1)
        try serve(TestFederation.run, 2)
        let run = TestFederation.run
        try #"{"run":"\#(run)","begun":{"\#(run)":2},"recent":[1001,1002]}"#
            .write(toFile: "\(folder)/progress.json", atomically: true, encoding: .utf8)
        _ = try open().get()
        try serve(run, 3)
        #expect(
            try String(contentsOfFile: "\(folder)/progress.json", encoding: .utf8).contains("\"version\":2"))
        try FileManager.default.removeItem(atPath: "\(folder)/runs")
        #expect(throws: Failure.self) { try open().get() }
    }

    @Test(
        "What is accepted costs at least what was remembered",
        arguments: [
            "ledger emptied", "ledger removed", "ledger cut", "runs removed", "progress removed",
            "key removed",
            "ledger edited",
        ])
    func acceptance(what: String) throws {
        _ = try history()
        let spent = try open().get()
        let ledger = "\(folder)/runs/\(TestFederation.run)/ledger.jsonl"
        let lines = try String(contentsOfFile: ledger, encoding: .utf8).split(separator: "\n")
        func write(_ text: String) throws {
            try text.write(toFile: ledger, atomically: false, encoding: .utf8)
        }
        switch what {
        case "ledger emptied": try write("")
        case "ledger removed": unlink(ledger)
        case "ledger cut": try write(lines.dropLast().map { $0 + "\n" }.joined())
        case "runs removed": try FileManager.default.removeItem(atPath: "\(folder)/runs")
        case "progress removed": unlink("\(folder)/progress.json")
        case "key removed": unlink("\(folder)/ledger.key")
        default: try write(lines.map { $0.replacing("\"round\":3", with: "\"round\":9") + "\n" }.joined())
        }
        #expect(throws: Failure.self) { try open().get() }
        let outcomes = try AgentLedgerAcceptance.accept(stateDirectory: folder, reason: "a test")
        #expect(!outcomes.isEmpty)
        let after = try open().get()
        #expect(after >= spent * (1 - 1e-12), "\(what): \(after) of \(spent)")
        #expect(throws: Failure.self) {
            try AgentLedgerAcceptance.accept(stateDirectory: folder, reason: nil)
        }
        try serve(TestFederation.run, 9)
        #expect(try open().get() > spent)
    }
}
