import Testing

@testable import Ledger

@Suite struct LedgerTallyTests {
    private static func event(_ number: Int) -> LedgerEvent {
        LedgerEvent(fields: ["mechanism": .string("gaussian"), "noise_multiplier": .number(Double(number))])
    }

    @Test(arguments: 1...20) func itCountsWhatAListWould(seed: UInt64) {
        var random = seed
        func next(_ bound: Int) -> Int {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(random >> 33) % bound
        }
        var tally = LedgerTally()
        var list: [Int] = []
        for _ in 0..<200 {
            if list.isEmpty || next(3) > 0 {
                let kinds = (0..<next(3)).map { _ in next(4) }
                let before = tally
                tally = tally.adding(kinds.map(Self.event))
                #expect(before.count == list.count, "adding copies")
                list += kinds
            } else {
                let kind = list.remove(at: next(list.count))
                tally.remove([Self.event(kind)])
            }
            #expect(tally.count == list.count)
            let counts = Dictionary(uniqueKeysWithValues: tally.items.map { ($0.event, $0.count) })
            #expect(counts.count == Set(list).count)
            for kind in 0..<4 {
                #expect(counts[Self.event(kind)] ?? 0 == list.count { $0 == kind })
            }
        }
    }

    @Test func kindsStandInTheOrderOfTheirFirst() {
        var tally = LedgerTally()
        tally.add([Self.event(2), Self.event(1), Self.event(2), Self.event(3)])
        #expect(tally.items.map(\.event) == [2, 1, 3].map(Self.event))
        tally.remove([Self.event(1)])
        #expect(tally.items.map(\.event) == [2, 3].map(Self.event))
    }

    // A round that cost something and says nothing against members leaves the whole without a statement, until it is
    // settled with one.
    @Test func aSilentRoundLeavesMembersUnstated() throws {
        let event = Self.event(1)
        let stated = LedgerEntry.RoundCosts(released: [event], server: [], members: [event])
        let silent = LedgerEntry.RoundCosts(released: [event], server: [])
        var state = LedgerState()
        try state.apply(.open(LedgerFixture.opening))
        try state.apply(.charge(round: 1, costs: stated))
        #expect(state.membersEvents?.count == 1)
        try state.apply(.charge(round: 2, costs: silent))
        #expect(state.membersEvents == nil)
        try state.apply(.settle(round: 2, .init(survivors: 3, costs: stated, sumDigest: "aa")))
        #expect(state.membersEvents?.count == 2 && state.releasedEvents.count == 2)
        try state.apply(.charge(round: 3, costs: .init(released: [], server: [event])))
        #expect(state.membersEvents?.count == 2, "the later rounds of a tree cost nothing more")
    }
}
