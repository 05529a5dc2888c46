import Cryptography
import Foundation
import Glibc
import Ledger
import Operations
import Privacy
import Testing

@testable import Custody

@Suite("The ledger of a run in its file") struct TaskLedgerTests {
    private static func event(_ multiplier: Double, steps: Int = 1) -> PrivacyEvent {
        PrivacyEvent(mechanism: .gaussian(noiseMultiplier: multiplier), steps: steps)
    }

    private static func costs(_ multiplier: Double) -> RoundCosts {
        RoundCosts(released: [event(multiplier)], server: [event(9)])
    }

    /// One over the multiplier a step, so that sums can be read off.
    private static func epsilon(_ observer: BudgetExcess.Observer, _ events: [PrivacyEvent]) -> Double {
        events.reduce(0) { sum, event in
            guard case .gaussian(let multiplier) = event.mechanism else { return .infinity }
            return sum + Double(event.steps) / multiplier
        }
    }

    private struct Bench {
        let folder: Folder
        let key: LedgerKey
        var path: String { folder.path + "/ledger.jsonl" }

        init() throws {
            folder = try Folder()
            key = LedgerKey(try Signature.PrivateKey())
        }

        func open(
            limit: Double = .infinity, synchronises: Bool = true, every: Int? = nil, bound: Int = .max,
            check: @escaping (LedgerVerdict) throws -> Void = { _ in }
        ) throws -> TaskLedger {
            let opening = LedgerEntry.Opening(
                taskDigest: "aa", adjacency: .addOrRemoveOne, delta: 1e-5, epsilonLimit: limit,
                serverEpsilonLimit: .infinity)
            let identity = TaskLedger.Identity(
                run: "run", opening: opening, budget: PrivacyBudget(epsilon: limit, delta: 1e-5), key: key,
                isTimed: synchronises, checkpointEvery: every)
            return try TaskLedger(
                identity, file: { [path] in try LedgerFile(path, synchronises: synchronises) },
                accountant: TaskLedgerTests.epsilon, boundLines: { bound }, check: check)
        }

        var bytes: [UInt8] { Array(FileManager.default.contents(atPath: path) ?? Data()) }
        var verdict: LedgerVerdict { LedgerVerification.verdict(on: bytes, key: key) }
    }

    @Test func epsilonIsComposedOfTheEventsThatWereGiven() throws {
        let bench = try Bench()
        let ledger = try bench.open()
        for round in 1...3 { try ledger.charge(round: round, costs: Self.costs(2)) }
        #expect(try ledger.spent(against: .releasedModels) == 1.5)
        // What was drawn is dearer than what was charged: it counts from the settlement on.
        try ledger.settle(round: 2, survivors: 5, costs: Self.costs(1), sumDigest: "bb")
        #expect(try ledger.spent(against: .releasedModels) == 2)
        #expect(try abs(ledger.spent(against: .server) - 3.0 / 9) < 1e-12)
        try ledger.release(round: 2, modelDigest: "cc")
        guard case .release(2, "cc", 2, _)? = bench.verdict.lines.last?.entry else {
            Issue.record("the release states what the events amount to")
            return
        }
        #expect(bench.verdict.isSound && bench.folder.mode("ledger.jsonl") == 0o600)
        #expect(try bench.open().spent(against: .releasedModels) == 2, "read back")
    }

    @Test func theBudgetIsHeldToButByWhatIsSpentAlready() throws {
        let bench = try Bench()
        let ledger = try bench.open(limit: 1)
        try ledger.charge(round: 1, costs: Self.costs(2))
        #expect(throws: LedgerError.self) { try ledger.charge(round: 2, costs: Self.costs(1)) }
        #expect(ledger.state?.rounds.count == 1)
        let costs = try ledger.entry(of: Self.costs(1))
        for _ in 0..<2 { try ledger.chargeAnew(round: 2, costs: costs, abandonedFor: "lost") }
        #expect(ledger.state?.rounds.count == 2 && ledger.state?.openRounds.map(\.number) == [1])
        try ledger.chargeAnew(round: 3, costs: costs, abandonedFor: nil)
        #expect(ledger.state?.openRounds.map(\.number) == [1, 3])
        try ledger.abandon(round: 9, reason: "never charged")
        #expect(bench.verdict.isSound && bench.verdict.lineCount == 5)
    }

    @Test func anEventThatNoAccountantReadsStopsTheRun() throws {
        let bench = try Bench()
        let ledger = try bench.open(limit: 5)
        let unknown = LedgerEntry.RoundCosts(
            released: [LedgerEvent(fields: ["mechanism": .string("hope")])], server: [])
        try ledger.chargeAnew(round: 1, costs: unknown, abandonedFor: nil)
        #expect(throws: (any Error).self) { try ledger.spent(against: .releasedModels) }
        #expect(throws: (any Error).self) { try ledger.charge(round: 2, costs: Self.costs(1)) }
    }

    @Test(arguments: [true, false]) func aTornLineIsCutOffAndNothingElse(synchronises: Bool) throws {
        let bench = try Bench()
        do {
            let ledger = try bench.open(synchronises: synchronises)
            try ledger.charge(round: 1, costs: Self.costs(2))
            try ledger.synchronise()
        }
        let whole = bench.bytes
        let opened = try #require(whole.firstIndex(of: 0x0A)) + 1
        // With its last line torn anywhere the ledger is as before the charge, and takes it again to the same bytes.
        for count in [opened, opened + 1, whole.count - 1] {
            try Data(whole.prefix(count)).write(to: URL(fileURLWithPath: bench.path))
            let ledger = try bench.open(synchronises: synchronises)
            #expect(bench.bytes == Array(whole.prefix(opened)) && ledger.state?.rounds.isEmpty == true)
            try ledger.charge(round: 1, costs: Self.costs(2))
            if !synchronises { #expect(bench.bytes == whole, "lines of a rehearsal reproduce") }
        }
        var edited = bench.bytes
        edited[opened / 2] ^= 1
        try Data(edited).write(to: URL(fileURLWithPath: bench.path))
        #expect(throws: LedgerError.self) { try bench.open(synchronises: synchronises) }
        #expect(bench.bytes == edited)
    }

    @Test func theCheckSeesWhatWasReadBeforeAnythingIsWritten() throws {
        struct Refusal: Error {}
        let bench = try Bench()
        #expect(throws: Refusal.self) { try bench.open(check: { _ in throw Refusal() }) }
        #expect(bench.bytes.isEmpty)
        _ = try bench.open()
        var seen: [Int] = []
        _ = try bench.open(check: { seen.append($0.lineCount) })
        #expect(seen == [1])
    }

    @Test func aLedgerUnderAnotherKeyOrRunIsRefused() throws {
        let bench = try Bench()
        _ = try bench.open()
        let other = LedgerKey(try Signature.PrivateKey())
        let verdict = LedgerVerification.verdict(on: bench.bytes, key: other)
        #expect(verdict.findings.first?.reason.contains("signed by the key") == true)
        #expect(LedgerVerification.verdict(on: bench.bytes, key: nil).isSound)
    }

    @Test func whatIsNoFileHoldsNobodyUp() throws {
        let folder = try Folder()
        let path = folder.path + "/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        #expect(throws: Failure.self) { try LedgerFile(path) }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link", withDestinationPath: folder.path + "/nothing")
        #expect(throws: Failure.self) { try LedgerFile(folder.path + "/link") }
        try Data().write(to: URL(fileURLWithPath: folder.path + "/nothing"))
        #expect(throws: Failure.self) { try LedgerFile(folder.path + "/link", followsLinks: false) }
        #expect(throws: Failure.self) { try LedgerFile.bytes(at: folder.path + "/link", followsLinks: false) }
        _ = try LedgerFile(folder.path + "/link")
    }

    // MARK: Checkpoints

    /// Writes so many charged rounds and binds all their lines.
    private func fill(_ ledger: TaskLedger, _ rounds: ClosedRange<Int>) throws {
        for round in rounds { try ledger.charge(round: round, costs: Self.costs(9)) }
        ledger.isBound(through: ledger.head?.sequence ?? 0)
    }

    @Test func aCheckpointIsKeptOnceItsLinesAreRemembered() throws {
        let bench = try Bench()
        let file = LedgerCheckpointFile(ledger: bench.path)
        let ledger = try bench.open(every: 3)
        for round in 1...4 { try ledger.charge(round: round, costs: Self.costs(9)) }
        ledger.isBound(through: 3)
        guard case .missing = file.read(key: bench.key) else {
            Issue.record("its last line is not remembered yet")
            return
        }
        ledger.isBound(through: 4)
        guard case .checkpoint(let checkpoint) = file.read(key: bench.key) else {
            Issue.record("it is there now")
            return
        }
        #expect(checkpoint.head.sequence == 4 && checkpoint.complaint(bench.verdict) == nil)
        #expect(bench.folder.mode("ledger.jsonl.checkpoint") == 0o600)
    }

    /// Lines before which reading began, by what is remembered.
    @Test(arguments: [(11, 7), (8, 7), (7, 0), (0, 0)]) func aStartReadsFromItOn(bound: Int, before: Int)
        throws
    {
        let bench = try Bench()
        try fill(bench.open(every: 7), 1...10)
        var seen: LedgerVerdict?
        let again = try bench.open(every: 7, bound: bound) { seen = $0 }
        #expect(seen?.linesBefore == before && seen?.lineCount == 11 && again.checkpointComplaint == nil)
        #expect(try again.spent(against: .releasedModels) == 10.0 / 9)
        #expect(try bench.open(every: nil).spent(against: .releasedModels) == 10.0 / 9)
        try fill(again, 11...30)
        #expect(bench.verdict.isSound)
        _ = try bench.open(every: 7) { seen = $0 }
        #expect(seen?.linesBefore ?? 0 > 7, "written anew by the second process")
    }

    @Test(arguments: ["", "{}\n", "lies"]) func oneThatIsNoUseIsToldAndWrittenAnew(text: String) throws {
        let bench = try Bench()
        let path = LedgerCheckpointFile(ledger: bench.path).path
        try fill(bench.open(every: 2), 1...10)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        var seen: LedgerVerdict?
        let again = try bench.open(every: 2) { seen = $0 }
        #expect(seen?.linesBefore == 0 && again.checkpointComplaint?.hasPrefix(path) == true)
        try fill(again, 11...11)
        #expect(
            try bench.open(every: 2) { seen = $0 }.checkpointComplaint == nil && seen?.linesBefore ?? 0 > 0)
    }

    @Test func oneOfAnotherLedgerIsToldToo() throws {
        let bench = try Bench()
        try fill(bench.open(every: 2), 1...10)
        try Data(bench.bytes.prefix(600)).write(to: URL(fileURLWithPath: bench.path))
        var seen: LedgerVerdict?
        let again = try bench.open(every: 2) { seen = $0 }
        #expect(seen?.linesBefore == 0 && again.checkpointComplaint?.contains("does not fit") == true)
    }
}
