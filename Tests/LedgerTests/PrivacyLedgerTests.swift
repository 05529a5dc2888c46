import Foundation
import Testing

@testable import Ledger

@Suite struct PrivacyLedgerTests {
    private typealias Fixture = LedgerFixture

    @Test func aRunIsRecordedAndReadBack() throws {
        let store = try Fixture.released(rounds: 3)
        let verdict = Fixture.verify(store.bytes, key: MixingSigner().publicKey)
        #expect(verdict.isSound && verdict.lineCount == 10 && verdict.tornBytes == 0)
        #expect(verdict.state.opening == Fixture.opening)
        #expect(verdict.state.rounds.map(\.number) == [1, 2, 3])
        #expect(verdict.state.releasedEvents.count == 3 && verdict.state.openRounds.isEmpty)
        guard case .release(3, "03", 3, 3) = verdict.lines.last?.entry else {
            Issue.record("the last line releases round 3 at epsilon 3")
            return
        }
    }

    // A crash between any two steps: the round goes on where it was, and nothing is written twice.
    @Test(arguments: 0...3) func aResumedRunRepeatsItsStepsForNothing(stepsDone: Int) throws {
        let store = MemoryStore()
        func run(_ steps: Int) throws {
            var ledger = try Fixture.open(store)
            if steps > 0 {
                try ledger.charge(
                    round: 1, costs: Fixture.costs(), within: Fixture.budget, epsilon: Fixture.epsilon)
            }
            if steps > 1 { try ledger.settle(round: 1, Fixture.settlement()) }
            if steps > 2 {
                try ledger.release(
                    round: 1, modelDigest: "aa", within: Fixture.budget, epsilon: Fixture.epsilon)
            }
        }
        try run(stepsDone)
        try run(3)
        try run(3)
        #expect(store.bytes.filter { $0 == UInt8(ascii: "\n") }.count == 4)
        #expect(Fixture.verify(store.bytes).isSound)
    }

    @Test func rulesAreKept() throws {
        let store = MemoryStore()
        var ledger = try Fixture.open(store)
        let (budget, epsilon) = (Fixture.budget, Fixture.epsilon)
        func refused(_ expected: LedgerRuleViolation, _ body: () throws -> Void) {
            #expect { try body() } throws: { error in
                guard case LedgerError.rule(expected) = error else { return false }
                return true
            }
        }
        refused(.notCharged(round: 1)) { try ledger.settle(round: 1, Fixture.settlement()) }
        refused(.notCharged(round: 1)) {
            try ledger.release(round: 1, modelDigest: "a", within: budget, epsilon: epsilon)
        }
        refused(.roundNotPositive(0)) {
            try ledger.charge(round: 0, costs: Fixture.costs(), within: budget, epsilon: epsilon)
        }
        try ledger.charge(round: 4, costs: Fixture.costs(), within: budget, epsilon: epsilon)
        refused(.notSettled(round: 4)) {
            try ledger.release(round: 4, modelDigest: "a", within: budget, epsilon: epsilon)
        }
        refused(.chargedOtherwise(round: 4)) {
            try ledger.charge(round: 4, costs: Fixture.costs(2), within: budget, epsilon: epsilon)
        }
        refused(.roundNotNew(round: 3, latest: 4)) {
            try ledger.charge(round: 3, costs: Fixture.costs(), within: budget, epsilon: epsilon)
        }
        try ledger.settle(round: 4, Fixture.settlement())
        refused(.alreadySettled(round: 4)) { try ledger.settle(round: 4, Fixture.settlement(19)) }
        try ledger.release(round: 4, modelDigest: "a", within: budget, epsilon: epsilon)
        refused(.alreadyReleased(round: 4)) {
            try ledger.release(round: 4, modelDigest: "b", within: budget, epsilon: epsilon)
        }
        refused(.alreadyReleased(round: 4)) { try ledger.abandon(round: 4, reason: "late") }
        try ledger.charge(round: 5, costs: Fixture.costs(), within: budget, epsilon: epsilon)
        try ledger.abandon(round: 5, reason: "too few survivors")
        refused(.abandoned(round: 5)) { try ledger.settle(round: 5, Fixture.settlement()) }
        refused(.abandoned(round: 5)) {
            try ledger.charge(round: 5, costs: Fixture.costs(), within: budget, epsilon: epsilon)
        }
        try ledger.recordAdministration(actor: "operator", action: "stop")
        try ledger.close(reason: "done")
        refused(.closed) { try ledger.recordAdministration(actor: "operator", action: "resume") }
        #expect(ledger.state.releasedEvents.count == 2, "the abandoned round keeps its charge")
        #expect(Fixture.verify(store.bytes).isSound)
    }

    @Test func settledRoundsCountForWhatTheyBecame() throws {
        var ledger = try Fixture.open(MemoryStore())
        let (budget, epsilon) = (Fixture.budget, Fixture.epsilon)
        try ledger.charge(round: 1, costs: Fixture.costs(0.5), within: budget, epsilon: epsilon)
        #expect(try epsilon(.releasedModels, ledger.state.releasedEvents, 1e-5) == 2)
        try ledger.settle(round: 1, Fixture.settlement(multiplier: 1))
        #expect(try epsilon(.releasedModels, ledger.state.releasedEvents, 1e-5) == 1)
        try ledger.abandon(round: 1, reason: "no disk")
        #expect(try epsilon(.releasedModels, ledger.state.releasedEvents, 1e-5) == 2)
        #expect(try epsilon(.server, ledger.state.serverEvents, 1e-5) == 1, "the server saw the settled sum")
    }

    @Test func theBudgetStopsChargesAndDearerReleases() throws {
        var ledger = try Fixture.open(MemoryStore())
        let budget = PrivacyBudget(epsilon: 2.5, serverEpsilon: 2, delta: 1e-5)
        let epsilon = Fixture.epsilon
        func expectExcess(_ observer: BudgetExcess.Observer, _ body: () throws -> Void) {
            #expect { try body() } throws: { error in
                guard case LedgerError.unaffordable(let excess) = error else { return false }
                return excess.against == observer
            }
        }
        try ledger.charge(round: 1, costs: Fixture.costs(), within: budget, epsilon: epsilon)
        expectExcess(.releasedModels) {
            try ledger.charge(round: 2, costs: Fixture.costs(0.5), within: budget, epsilon: epsilon)
        }
        expectExcess(.server) {
            try ledger.charge(round: 2, costs: Fixture.costs(0.8), within: budget, epsilon: epsilon)
        }
        // Charged already: a resumed run may repeat it though the budget is spent.
        try ledger.charge(
            round: 1, costs: Fixture.costs(), within: .init(epsilon: 0, delta: 1e-5), epsilon: epsilon)
        // Fewer survivors than planned: dearer than the charge.
        try ledger.settle(round: 1, Fixture.settlement(3, multiplier: 0.3))
        expectExcess(.releasedModels) {
            try ledger.release(round: 1, modelDigest: "a", within: budget, epsilon: epsilon)
        }
        #expect(throws: LedgerError.self, "an epsilon that is no number affords nothing") {
            try ledger.charge(round: 3, costs: Fixture.costs(), within: budget) { _, _, _ in .nan }
        }
        struct Unknown: Error {}
        #expect(throws: Unknown.self) {
            try ledger.charge(round: 3, costs: Fixture.costs(), within: budget) { _, _, _ in throw Unknown() }
        }
        #expect(ledger.state.rounds.count == 1)
    }

    // Whatever fails: the caller hears of it, and nothing more is taken until the ledger is opened again.
    @Test(arguments: 0...3, [0, 1, 40, 10_000]) func aFailingStoreStopsEverything(appends: Int, written: Int)
        throws
    {
        let store = MemoryStore()
        store.fail(afterAppends: appends, writing: written)
        let (budget, epsilon) = (Fixture.budget, Fixture.epsilon)
        var stepsDone = 0
        var refusesMore = true
        do {
            var ledger = try Fixture.open(store)
            stepsDone += 1
            do {
                try ledger.charge(round: 1, costs: Fixture.costs(), within: budget, epsilon: epsilon)
                stepsDone += 1
                try ledger.settle(round: 1, Fixture.settlement())
                stepsDone += 1
                try ledger.release(round: 1, modelDigest: "a", within: budget, epsilon: epsilon)
                stepsDone += 1
            } catch is MemoryStore.Failure {
                store.fail(afterAppends: 100)
                refusesMore = (try? ledger.recordAdministration(actor: "a", action: "go on")) == nil
            }
        } catch is MemoryStore.Failure {}
        #expect(refusesMore)
        #expect(stepsDone == appends)
        // After a restart the round can be brought to its end, with each line there once.
        store.fail(afterAppends: 100)
        var ledger = try Fixture.open(store)
        try ledger.charge(round: 1, costs: Fixture.costs(), within: budget, epsilon: epsilon)
        try ledger.settle(round: 1, Fixture.settlement())
        try ledger.release(round: 1, modelDigest: "a", within: budget, epsilon: epsilon)
        let verdict = Fixture.verify(store.bytes)
        #expect(verdict.isSound && verdict.lineCount == 4)
    }

    // SIGKILL while a line is written: any prefix of the ledger opens, keeps its whole lines and says the rest.
    @Test func aTornLastLineIsCutOff() throws {
        let whole = try Fixture.released(rounds: 2).bytes
        for count in stride(from: 0, through: whole.count, by: 7) {
            let store = MemoryStore(Array(whole.prefix(count)))
            let ledger = try Fixture.open(store)
            let lines = whole.prefix(count).filter { $0 == UInt8(ascii: "\n") }.count
            let torn = count - (whole.prefix(count).lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)
            #expect(ledger.tornBytes == torn)
            #expect(Fixture.verify(store.bytes).lineCount == max(1, lines))
            #expect(Fixture.verify(store.bytes).isSound)
        }
    }

    @Test func anotherRunTaskOrKeyIsNotContinued() throws {
        let store = try Fixture.released(rounds: 1)
        #expect(throws: LedgerError.self) { _ = try Fixture.open(store, run: "run-2") }
        var opening = Fixture.opening
        opening.epsilonLimit = 80
        #expect(throws: LedgerError.self) {
            _ = try PrivacyLedger(
                run: "run-1", opening: opening, hash: MixingHash(), signer: MixingSigner(),
                verifier: MixingSigner(),
                store: store)
        }
        #expect(throws: LedgerError.self) {
            _ = try PrivacyLedger(
                run: "run-1", opening: Fixture.opening, hash: MixingHash(),
                signer: MixingSigner(secret: "other"),
                verifier: MixingSigner(), store: store)
        }
    }
}
