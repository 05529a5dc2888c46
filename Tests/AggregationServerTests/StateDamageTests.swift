import Encoding
import Foundation
import Messages
import Operations
import SecureAggregation
import TestSupport
import Testing
import Transport

@testable import AggregationServer

/// Every file of a server's state directory, damaged in every way, alone and in pairs: the server either goes on with
/// all that was spent, or refuses in one line with status 6.
@Suite(.serialized) struct StateDamageTests {
    static let folders = ["rounds", "models", "spool"]

    /// What a start on a state directory came to.
    enum Answer: Hashable {
        case goesOn(charged: Int, round: Int)
        case refused(ExitCode, String)
    }

    /// A run of three released rounds and one that is open with a report; a snapshot after each.
    struct History {
        let fixture: ServerFixture
        var snapshots: [FolderSnapshot] = []
        var charged: [Int] = []

        init(_ changes: [String]) throws {
            fixture = try ServerFixture(
                [
                    "task.rounds=20", "task.privacy={mode:\"central\",clipping_norm:1,noise_multiplier:2}",
                ] + changes)
            for round in 1...3 {
                try StateDamageTests.serve(fixture, round: round)
                try fixture.stopAndKeep(&snapshots)
                charged.append(round)
            }
            let agents = try (0..<3).map { try TestAgent($0, fixture) }
            for agent in agents { _ = try agent.checkIn() }
            let plan = try agents[0].plan()
            _ = try agents[0].send(StateDamageTests.silence(plan), round: plan.round)
            try fixture.stopAndKeep(&snapshots)
            fixture.stop()
            charged.append(3)
        }

        var state: String { "\(fixture.folder)/state" }

        func open() throws -> Answer {
            do {
                let setup = try fixture.setup
                let log = Logger(level: .error, console: Console(isTerminal: false) { _ in })
                _ = try SignedBooks(setup.configuration.settings, runsHaveFolders: false, log: log)
                let host = try RunHost(
                    setup: setup, mailbox: OwnerMailbox(), board: RoundBoard(), events: EventHub(),
                    pulse: Pulse(), surroundings: .alone(log))
                return .goesOn(charged: host.chargedRounds ?? -1, round: host.run.round)
            } catch let failure as Failure {
                return .refused(failure.exitCode, failure.message)
            } catch {
                return .refused(.internalFault, "\(error)")
            }
        }
    }

    /// A report of no change, which no clipping norm forbids.
    static func silence(_ plan: RoundOffer) throws -> [UInt8] {
        guard
            let header = UpdateHeader(
                run: plan.run, round: plan.round, weight: 1, count: plan.report.count, bits: plan.report.bits)
        else { throw MessageError("no header") }
        return header.encoded() + RingVector(zeros: plan.report.count, bits: plan.report.bits).packed()
    }

    /// Serves a whole round with three agents.
    static func serve(_ fixture: ServerFixture, round: Int) throws {
        let agents = try (0..<3).map { try TestAgent($0, fixture) }
        for agent in agents { _ = try agent.checkIn() }
        for (agent, plan) in try agents.map({ ($0, try $0.plan()) }) {
            #expect(plan.round == round)
            let answer = try agent.send(silence(plan), round: plan.round)
            #expect(answer.status == 202, "\(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
        #expect(try fixture.eventually { try fixture.state.run()?.round == round })
    }

    /// Files whose loss costs nothing that anybody could miss: they follow from others, or the log says so.
    private static func isDispensable(_ name: String) -> Bool {
        name == "lock" || name == "models/latest.safetensors" || name.hasPrefix("rounds/")
            || name.hasSuffix(".update") || name == "spool/reports.journal"
            || (name.hasPrefix("models/") && !name.contains("000003"))
    }

    @Test(arguments: [
        [], ["task.strategy={server_momentum:0.9}"], ["task.privacy={mode:\"none\"}"],
    ])
    func everyFileAlone(changes: [String]) throws {
        let history = try History(changes)
        var table: [String: Set<String>] = [:]
        let snapshots = history.snapshots
        for (last, snapshot) in snapshots.enumerated().suffix(2) {
            for name in snapshot.files.keys.sorted() where name != "lock" {
                for damage in snapshot.damages(of: name, earlier: Array(snapshots[..<last])) {
                    try snapshot.write(to: history.state, folders: Self.folders)
                    try snapshot.apply(damage, to: name, in: history.state, earlier: snapshots)
                    let answer = try history.open()
                    let what = "\(name) \(damage), snapshot \(last)"
                    let kind = name.replacing(/[0-9]{6}/, with: "N").replacing(/-[0-9]+/, with: "-C")
                    switch answer {
                    case .goesOn(let charged, let round):
                        #expect(
                            charged >= history.charged[last] && round >= 3, "\(what): goes on with \(charged)"
                        )
                        let isHarmless = Self.isDispensable(name) || Self.keepsAll(name, damage)
                        #expect(isHarmless || Self.isSame(history, snapshot, name), "\(what): goes on")
                        table["\(kind) | \(damage.kind)", default: []].insert("goes on")
                    case .refused(let code, let message):
                        #expect(code == .storage, "\(what): \(code) \(message)")
                        #expect(message.contains(history.state), "\(what): \(message)")
                        table["\(kind) | \(damage.kind)", default: []].insert("refused")
                    }
                }
            }
        }
        if ProcessInfo.processInfo.environment["SORDINO_DAMAGES"] != nil {
            for (key, answers) in table.sorted(by: { $0.key < $1.key }) {
                print("DAMAGE", key, "|", answers.sorted().joined(separator: " or "))
            }
        }
    }

    /// Whether the damage leaves all that the state has to say.
    private static func keepsAll(_ name: String, _ damage: FolderDamage) -> Bool {
        switch damage {
        // The last line of the registry that is cut in the middle is the newest record of an agent.
        case .lines, .bytes: name == "agents.jsonl"
        // An earlier end of the audit log is one that its lines have, too.
        case .earlier: name == "agents.jsonl" || name == "audit.head"
        case .numbers: name == "agents.jsonl"
        default: false
        }
    }

    /// Whether the damaged file holds again, or still, what it held.
    private static func isSame(_ history: History, _ snapshot: FolderSnapshot, _ name: String) -> Bool {
        let now = FileManager.default.contents(atPath: "\(history.state)/\(name)")
        return now == snapshot.files[name]
    }

    /// Two files of an earlier instant each: consistent only where both stood so together with all else.
    @Test func pairsOfEarlierFiles() throws {
        let history = try History([])
        let (snapshots, last) = (history.snapshots, history.snapshots.count - 1)
        let snapshot = snapshots[last]
        let names = snapshot.files.keys.sorted().filter { !$0.hasPrefix("lock") }
        for (place, first) in names.enumerated() {
            for second in names[(place + 1)...] {
                for (one, two) in [(0, 0), (1, 2), (2, 2), (-1, -1)] {
                    try snapshot.write(to: history.state, folders: Self.folders)
                    for (name, version) in [(first, one), (second, two)] {
                        if version >= 0, snapshots[version].files[name] != nil {
                            try snapshot.apply(
                                .earlier(version), to: name, in: history.state, earlier: snapshots)
                        } else {
                            try snapshot.apply(.removed, to: name, in: history.state, earlier: snapshots)
                        }
                    }
                    let what = "\(first) of \(one), \(second) of \(two)"
                    switch try history.open() {
                    case .goesOn(let charged, let round):
                        #expect(charged >= 3 && round >= 3, "\(what): goes on with \(charged)")
                    case .refused(let code, let message):
                        #expect(code == .storage, "\(what): \(code) \(message)")
                    }
                }
            }
        }
    }
}

extension ServerFixture {
    /// Ends the server, keeps its state directory, and starts it again.
    fileprivate func stopAndKeep(_ snapshots: inout [FolderSnapshot]) throws {
        stop()
        snapshots.append(try FolderSnapshot("\(folder)/state"))
        try start()
    }
}
