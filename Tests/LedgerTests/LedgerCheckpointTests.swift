import Testing

@testable import Ledger

/// A start that reads only what follows a checkpoint knows what one knows that read every line.
@Suite("Checkpoints of a ledger") struct LedgerCheckpointTests {
    private let verification = LedgerVerification(
        hash: MixingHash(), verifier: MixingSigner(), trustedKey: MixingSigner().publicKey)

    /// Eight rounds of several kinds, a revocation among them.
    private func store() throws -> MemoryStore {
        let store = try LedgerFixture.released(rounds: 5)
        var ledger = try LedgerFixture.open(store)
        try ledger.recordAdministration(actor: "a", action: LedgerRevocation(of: 7).action)
        try charge(&ledger, 6, multiplier: 3)
        try ledger.abandon(round: 6, reason: "late")
        try charge(&ledger, 9, multiplier: 3)
        return store
    }

    private func charge(_ ledger: inout PrivacyLedger, _ round: Int, multiplier: Double) throws {
        try ledger.charge(
            round: round, costs: LedgerFixture.costs(multiplier),
            within: PrivacyBudget(epsilon: 99, delta: 1e-5),
            epsilon: LedgerFixture.epsilon)
    }

    private func open(_ store: MemoryStore, _ checkpoint: LedgerCheckpoint?) throws -> PrivacyLedger {
        try PrivacyLedger(
            run: "run-1", opening: LedgerFixture.opening, hash: MixingHash(), signer: MixingSigner(),
            verifier: MixingSigner(), store: store, checkpoint: checkpoint)
    }

    private func read(_ text: String, key: String = MixingSigner().publicKey) -> LedgerCheckpoint? {
        LedgerCheckpoint(
            text: Array(text.utf8), hash: MixingHash(), verifier: MixingSigner(), trustedKey: key)
    }

    @Test func everyCheckpointOfALedgerOpensIt() throws {
        let whole = try store()
        let lines = String(decoding: whole.bytes, as: UTF8.self).split(separator: "\n")
        for count in 1...lines.count {
            let first = MemoryStore(Array((lines.prefix(count).joined(separator: "\n") + "\n").utf8))
            let checkpoint = try #require(try open(first, nil).checkpoint)
            #expect(try read(checkpoint.text(hash: MixingHash(), signer: MixingSigner())) == checkpoint)
            #expect(checkpoint.complaint(verification.verify(whole.bytes)) == nil)
            let (verdict, end) = try verification.read(after: checkpoint) { try whole.load(from: $0) }
            // One in the middle of a round does not know what it was charged at, and is not used.
            let isWithinARound = count < 17 && count % 3 != 1 || count == 18
            #expect(verdict.linesBefore == (isWithinARound ? 0 : count - 1))
            #expect(verdict.isSound && end == whole.bytes.count)
            #expect(verdict.lineCount == lines.count && verdict.head == verification.verify(whole.bytes).head)
            #expect(
                verdict.state.charged.ranges == [1...6, 9...9] && verdict.state.released.ranges == [1...5])
            #expect(verdict.state.revoked == [7])
            // What is written on, and what a later checkpoint says, does not depend on where reading began.
            let (a, b) = (MemoryStore(whole.bytes), MemoryStore(whole.bytes))
            var ledger = try open(a, checkpoint)
            var other = try open(b, nil)
            try charge(&ledger, 10, multiplier: 2)
            try charge(&other, 10, multiplier: 2)
            try ledger.settle(round: 10, LedgerFixture.settlement())
            try other.settle(round: 10, LedgerFixture.settlement())
            #expect(a.bytes == b.bytes)
            let texts = try [ledger.checkpoint, other.checkpoint].map {
                try $0?.text(hash: MixingHash(), signer: MixingSigner())
            }
            #expect(texts[0] == texts[1] && texts[0] != nil)
        }
    }

    @Test func whatTheKeyDidNotSignIsNone() throws {
        let checkpoint = try #require(try open(store(), nil).checkpoint)
        let text = try checkpoint.text(hash: MixingHash(), signer: MixingSigner())
        #expect(read(text) == checkpoint && read(text, key: "key of another") == nil)
        let bytes = Array(text.utf8)
        for place in bytes.indices {
            #expect(read(String(decoding: bytes[..<place], as: UTF8.self)) == nil, "cut at \(place)")
            var changed = bytes
            changed[place] = changed[place] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
            #expect(read(String(decoding: changed, as: UTF8.self)) == nil, "changed at \(place)")
        }
        let forged = try checkpoint.text(hash: MixingHash(), signer: MixingSigner(secret: "mine"))
        #expect(read(forged) == nil)
    }

    /// The line that the checkpoint ends with is held against it; what is wrong is found by reading everything.
    @Test func anotherLedgerIsReadWhole() throws {
        let whole = try store()
        let checkpoint = try #require(try open(whole, nil).checkpoint)
        let shorter = try LedgerFixture.released(rounds: 3)
        #expect(checkpoint.complaint(verification.verify(shorter.bytes))?.contains("ends at line") == true)
        let other = MemoryStore()
        var ledger = try LedgerFixture.open(other)
        for round in 1...20 { try charge(&ledger, round, multiplier: 5) }
        #expect(checkpoint.complaint(verification.verify(other.bytes))?.contains("not the one") == true)
        for store in [shorter, other] {
            let (verdict, end) = try verification.read(after: checkpoint) { try store.load(from: $0) }
            #expect(verdict.isSound && verdict.linesBefore == 0 && end == store.bytes.count)
        }
        var edited = whole.bytes
        edited[checkpoint.offset + 40] ^= 1
        let found = try verification.read(after: checkpoint) { Array(edited[$0...]) }.verdict
        #expect(found.findings.first?.line == verification.verify(whole.bytes).lineCount)
    }

    /// Whoever holds the key can sign a lie; the whole ledger shows it.
    @Test(arguments: 0..<5) func aLieIsFoundBesideTheLines(kind: Int) throws {
        let whole = try store()
        let honest = try #require(try open(whole, nil).checkpoint)
        var (sums, offset, run) = (honest.sums, honest.offset, honest.run)
        switch kind {
        case 0: sums.releasedEvents = LedgerTally()
        case 1: sums.revoked = []
        case 2: sums.charged.insert(12)
        case 3: offset -= 1
        default: run = "run-2"
        }
        let lie = LedgerCheckpoint(run: run, head: honest.head, offset: offset, sums: sums)
        #expect(lie.complaint(verification.verify(whole.bytes)) != nil)
        #expect(honest.complaint(verification.verify(whole.bytes)) == nil)
    }

    @Test func aLongRunKeepsFewRounds() throws {
        let store = MemoryStore()
        var ledger = try PrivacyLedger(
            run: "run-1", opening: LedgerFixture.opening, hash: MixingHash(), signer: MixingSigner(),
            verifier: MixingSigner(), store: store, roundsKept: 64)
        for round in 1...400 { try charge(&ledger, round, multiplier: 900) }
        #expect(ledger.state.rounds.count <= 128 && ledger.state.charged.count == 400)
        #expect(ledger.state.round(400) != nil && ledger.state.round(1) == nil)
        #expect(ledger.state.releasedEvents.count == 400)
        #expect(throws: LedgerError.self) { try charge(&ledger, 1, multiplier: 900) }
        #expect(verification.verify(store.bytes).state.rounds.count == 400)
        // Whoever plays rounds again, as a resumed rehearsal does, keeps them all.
        var again = try LedgerFixture.open(store)
        try charge(&again, 1, multiplier: 900)
        #expect(again.state.round(1) != nil && again.state.charged.count == 400)
    }
}
