import Federation
import Foundation
import Ledger
import Operations
import Privacy
import Testing

@testable import AggregationServer

/// Old rounds stand together in few files, and nothing of them is lost or made up.
@Suite("Rounds in segments") struct RoundSegmentTests {
    /// Rounds of every kind, with members that come, go and stay.
    static func rounds(_ numbers: some Sequence<Int>) -> [RoundFile] {
        numbers.map { number in
            var file = DeskFixture.file(
                number, number % 7 == 0 ? .abandoned : .published, opened: Double(number))
            guard file.state == .published else { return file }
            file.survivors = [0, number % 3]
            file.survivors = number % 3 == 0 ? [0] : file.survivors
            file.reports = ["0": "digest \(number)"]
            file.accuracy = number % 5 == 0 ? nil : 1 / Double(number)
            file.epsilon = number % 2 == 0 ? 0.1 * Double(number) : nil
            file.bytesUp = number << 40
            file.failures = number % 11 == 0 ? ["policy \"1\"\n": 2] : [:]
            return file
        }
    }

    private let run: DeskRun
    private var state: StateDirectory { run.state }

    init() throws { run = try DeskRun(["server.retention={rounds:10}"]) }

    private func all() throws -> [RoundFile] {
        var found: [RoundFile] = []
        try state.archive.eachRound(through: .max - 1) {
            found.append($0)
            return true
        }
        return found.reversed()
    }

    @Test(arguments: [[], [1], [256], Array(1...256), Array(stride(from: 3, to: 250, by: 4))])
    func whatWasWrittenIsReadBack(numbers: [Int]) throws {
        let rounds = Self.rounds(numbers)
        let text = try RoundSegment.text(of: rounds)
        #expect(numbers.isEmpty || RoundSegment.rounds(of: text) == rounds)
        guard numbers.count == 256 else { return }
        let files = try rounds.map { try JSONEncoder().encode($0).count }.reduce(0, +)
        #expect(text.count < files * 2 / 3)
    }

    @Test func aCutOrChangedSegmentIsNone() throws {
        let rounds = Self.rounds(5...8)
        let text = try RoundSegment.text(of: rounds)
        for place in text.indices {
            if let read = RoundSegment.rounds(of: Array(text[..<place])) {
                #expect(read == Array(rounds.prefix(read.count)), "cut between lines, as no crash does")
            }
            for byte in [UInt8(0), 0x0A, 0x22, 0xFF] {
                var changed = text
                changed[place] = byte
                _ = RoundSegment.rounds(of: changed)
            }
        }
        #expect(RoundSegment.rounds(of: text + text) == nil, "numbers rise")
        #expect(RoundSegment.rounds(of: Array("{}\n".utf8)) == nil)
    }

    @Test func roundsMoveOnceTheyAreOld() throws {
        let rounds = Self.rounds(1...530)
        for file in rounds {
            run.books.conclude(file, published: 1, charged: 1)
            try run.books.book()
        }
        #expect(try state.archive.segments() == [1...256, 257...512])
        #expect(try state.roundNumbers() == Array(513...530))
        #expect(try all() == rounds)
        #expect(
            try state.archive.storedRound(100) == rounds[99] && state.archive.storedRound(520) == rounds[519])
        #expect(try state.archive.storedRound(999) == nil && state.round(100) == nil)
        let again = BookDesk(
            run.context, run: run.books.run, state: state, ledger: run.ledger, roster: run.roster)
        try again.readHistory()
        #expect(again.history == rounds.suffix(500))
    }

    /// Killed between the segment and the files, or with figures that came late: the files win, and are moved then.
    @Test func filesBesideTheirSegmentAreTakenIn() throws {
        var rounds = Self.rounds(1...256)
        for file in rounds { try state.write(file) }
        try state.archive.moveIntoSegment(1...256)
        #expect(try state.roundNumbers().isEmpty && all() == rounds)
        rounds[2].accuracy = 0.25
        try state.write(rounds[2])
        try state.write(rounds[3])
        #expect(try all() == rounds)
        try state.archive.moveIntoSegment(1...256)
        #expect(try state.roundNumbers().isEmpty && all() == rounds)
        try state.archive.moveIntoSegment(1...256)
        #expect(try all() == rounds)
    }

    @Test(arguments: [[], Array(1...40), Array(250...530), Array(stride(from: 5, to: 900, by: 7))])
    func roundsAreFoundByTheirNumbers(numbers: [Int]) throws {
        let rounds = Self.rounds(numbers)
        for file in rounds { try state.write(file) }
        for bounds in [1...256, 257...512] { try state.archive.moveIntoSegment(bounds) }
        for range in [1...1, 1...40, 200...300, 256...257, 257...10_000, 600...601] {
            let wanted = rounds.filter { range.contains($0.round) }
            for limit in [1, 3, 300, 1000] {
                let first = try state.archive.rounds(range, limit: limit, firstOnes: true)
                let last = try state.archive.rounds(range, limit: limit, firstOnes: false)
                #expect(first == Array(wanted.prefix(limit)) && last == wanted.suffix(limit))
            }
        }
    }

    /// Whoever reads beside the server sees each round once, before, while and after it moves.
    @Test func readingMissesNoRoundThatMoves() throws {
        let rounds = Self.rounds(1...256)
        for file in rounds { try state.write(file) }
        let archive = state.archive
        let mover = try WorkerThread(name: "mover") { try? archive.moveIntoSegment(1...256) }
        var reads = 0
        repeat {
            #expect(try archive.rounds(1...300, limit: 1000, firstOnes: reads % 2 == 0) == rounds)
            reads += 1
        } while try !state.roundNumbers().isEmpty
        mover.join()
        #expect(try archive.rounds(1...300, limit: 1000, firstOnes: true) == rounds)
    }

    @Test func aDamagedSegmentIsNamed() throws {
        for file in Self.rounds(1...256) { try state.write(file) }
        try state.archive.moveIntoSegment(1...256)
        let path = state.archive.segmentPath(1...256)
        let whole = try #require(FileManager.default.contents(atPath: path))
        let other = try RoundSegment.text(of: Self.rounds(300...310))
        for damage in [Data(), whole.dropLast(1), whole.dropLast(100), Data(other)] {
            try damage.write(to: URL(fileURLWithPath: path))
            let failure = #expect(throws: Failure.self) { try all() }
            #expect(failure?.exitCode == .storage && failure?.message.contains(path) == true)
            try state.write(Self.rounds(7...7)[0])
            #expect(throws: Failure.self) { try state.archive.moveIntoSegment(1...256) }
            #expect(try state.roundNumbers() == [7], "nothing is lost")
        }
    }

    @Test(arguments: [
        "000001-000256.jsonl": true, "000257-000512.jsonl": true, "000001-000257.jsonl": false,
        "000002-000257.jsonl": false, "1-256.jsonl": false, "000001-000256.json": false, "-1-2.jsonl": false,
        "000000-000255.jsonl": false, "999999999999-9.jsonl": false, "../x": false,
    ])
    func onlyNamesThatItGives(name: String, isOne: Bool) {
        #expect((RoundArchive.segmentBounds(name) != nil) == isOne)
        #expect(Backup.isAllowed("rounds/\(name)") == isOne || name == "000001-000256.json")
    }

    /// The same of a run that a matrix noises: who was in which charged round, as far back as the pattern asks.
    @Test(arguments: [nil, 2] as [Int?]) func attendanceIsReadFromTheChargedRounds(most: Int?) throws {
        let costs = run.context.plan.costs(charge: 1)
        for (number, survivors) in [(1, [1, 2]), (3, [3]), (4, [1]), (5, [4])] {
            try run.ledger.charge(round: number, costs: costs)
            var file = DeskFixture.file(number, .published, invited: survivors)
            file.survivors = survivors
            try state.write(file)
        }
        try state.write(DeskFixture.file(2, .abandoned))
        var books = run.books.run
        (books.round, books.charged) = (5, 4)
        func attendance() throws -> Attendance {
            let pattern = ParticipationPattern(rounds: 9, separation: 3, participations: most)
            return try RunRecovery.attendance(pattern, of: books, run.ledger, state)
        }
        let records = try attendance().records
        // Rounds 4 and 5 are the third and the fourth that were charged.
        #expect(records[4] == .init(last: 4, count: 1))
        #expect(records[1] == .init(last: 3, count: most == nil ? 1 : 2))
        #expect((records[2] == nil) == (most == nil) && (records[3] == nil) == (most == nil))
        try FileManager.default.removeItem(atPath: state.roundPath(4))
        let failure = #expect(throws: Failure.self) { try attendance() }
        #expect(failure?.exitCode == .storage)
        // Where no round will open nobody is asked for.
        books.charged = 9
        #expect(try attendance() == Attendance())
    }

    /// Who took part in a tree of noise is known by the files of its rounds, wherever they stand, and by no others: a lost
    /// file of the tree must not be made up for by one of the tree before.
    @Test(arguments: [false, true]) func whoTookPartIsReadFromTheTreesOwnRounds(isMoved: Bool) throws {
        let costs = run.context.plan.costs(charge: 1)
        for number in [250, 251, 253, 254, 256] {
            try run.ledger.charge(round: number, costs: costs)
            var file = DeskFixture.file(number, .published, invited: [number])
            file.survivors = [number]
            try state.write(file)
        }
        try state.write(DeskFixture.file(255, .abandoned))
        var state = run.books.run
        (state.round, state.charged) = (256, 7)
        if isMoved { try self.state.archive.moveIntoSegment(1...256) }
        func participants() throws -> Set<Int> {
            try RunRecovery.participants(window: 4, of: state, run.ledger, self.state)
        }
        #expect(try participants() == [253, 254, 256])
        state.charged = 8
        #expect(try participants() == [])
        state.charged = 7
        guard !isMoved else { return }
        try FileManager.default.removeItem(atPath: self.state.roundPath(254))
        let failure = #expect(throws: Failure.self) { try participants() }
        #expect(failure?.exitCode == .storage)
    }
}
