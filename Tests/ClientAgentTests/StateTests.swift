import Federation
import Foundation
import Operations
import Ledger
import Messages
import Privacy
import Testing

@testable import ClientAgent

@Suite("What the agent keeps") struct StateTests {
    let authority: TestAuthority
    var folder: String { authority.path("state") }

    init() throws { authority = try TestAuthority() }

    private let run = TestFederation.run

    @Test("A report is read back byte for byte, and never replaced by another")
    func outboxKeepsTheFirstReport() throws {
        let state = try StateDirectory(folder)
        let outbox = Outbox(folder: state.file("outbox"))
        let first = OutboxEntry(run: run, round: 3, body: [1, 2, 3])
        try outbox.put(first)
        try outbox.put(first)
        #expect(throws: Failure.self) { try outbox.put(OutboxEntry(run: run, round: 3, body: [1, 2, 4])) }
        #expect(try outbox.entries() == [first])
        try outbox.remove(run: run, round: 3)
        #expect(try outbox.entries().isEmpty)
    }

    @Test("A damaged report is refused, whichever byte is", arguments: [0, 64, 65, 67])
    func damagedReport(place: Int) throws {
        let state = try StateDirectory(folder)
        let outbox = Outbox(folder: state.file("outbox"))
        try outbox.put(OutboxEntry(run: run, round: 3, body: [1, 2, 3]))
        let path = state.file("outbox/\(run)-3")
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[place] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(throws: Failure.self) { try outbox.entries() }
    }

    @Test("A begun round is remembered across processes, and begun once")
    func progress() throws {
        let state = try StateDirectory(folder)
        let path = state.file("progress.json")
        var progress = try RoundProgress(path: path)
        try progress.begin(run: run, round: 4, now: 1000)
        #expect(throws: Failure.self) { try progress.begin(run: run, round: 4, now: 1001) }
        var again = try RoundProgress(path: path)
        #expect(again.lastRound(of: run) == 4)
        #expect(again.run == run)
        #expect(throws: Failure.self) { try again.begin(run: run, round: 3, now: 1002) }
        try again.begin(run: run, round: 5, now: 90_000)
        #expect(again.roundsWithinDay(before: 90_000) == 1)
        #expect(try RoundProgress(path: path).roundsWithinDay(before: 80_000) == 1)
        // What the server says of its ledger stays until it says something else.
        let told = RoundOffer.LedgerReference(lines: 7, head: String(repeating: "a", count: 64))
        try again.begin(run: run, round: 6, now: 90_001, serverLedger: told)
        try again.begin(run: run, round: 7, now: 90_002)
        #expect(try RoundProgress(path: path).serverLedgers == [run: told])
    }

    /// The file as a general encoder writes it.
    private struct Form: Encodable {
        var version = 2
        var run: String?
        var begun: [String: Int] = [:]
        var recent: [Int] = []
        var minutes: [String: Int]?
        var ledgers: [String: LedgerBinding] = [:]

        enum CodingKeys: String, CodingKey {
            case version, run, begun, recent, ledgers
            case minutes = "recent_minutes"
        }
    }

    @Test("The file of begun rounds is the JSON that a general encoder makes of it")
    func progressIsJSON() throws {
        let path = try StateDirectory(folder).file("progress.json")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var progress = try RoundProgress(path: path)
        var form = Form()
        func check() throws {
            let written = try String(contentsOfFile: path, encoding: .utf8)
            #expect(try written == String(decoding: encoder.encode(form), as: UTF8.self) + "\n")
            #expect(try RoundProgress(path: path).ledgers == form.ledgers)
        }
        let other = String(repeating: "0", count: 32)
        form.ledgers = [
            run: LedgerBinding(
                lines: 3, head: LedgerLine.origin, rounds: 1,
                opening: "{\"kind\":\"open\",\"path\":\"a/b\\\\c\"}",
                charge: "é"),
            other: LedgerBinding(lines: 0, head: LedgerLine.origin, rounds: 0),
        ]
        try progress.bind(form.ledgers)
        try check()
        for (place, name) in [run, other, run].enumerated() {
            try progress.begin(run: name, round: place + 1, now: 100 + place, ledgers: form.ledgers)
            (form.run, form.begun[name]) = (name, place + 1)
            form.recent.append(100 + place)
            try check()
        }
        for second in 0..<400 {
            try progress.begin(run: run, round: 10 + second, now: 1000 + second)
        }
        (form.version, form.begun[run]) = (3, 409)
        form.recent = Array(1200..<1400)
        form.minutes = ["1": 3, "16": 20, "17": 60, "18": 60, "19": 60]
        try check()
    }

    @Test("Many rounds of a day are counted by the minute, never too few, and take little room")
    func manyRounds() throws {
        let state = try StateDirectory(folder)
        let path = state.file("progress.json")
        var progress = try RoundProgress(path: path)
        let start = 1_000_000_000
        // Ten rounds a second for 20 minutes; only now and then is the file looked at.
        var begun: [Int] = []
        for round in 1...600 {
            let now = start + round * 2
            try progress.begin(run: run, round: round, now: now)
            begun.append(now)
            guard round % 150 == 0 else { continue }
            let read = try RoundProgress(path: path)
            for later in [now, start + 86_400, start + 86_400 + round, start + 86_400 + 61 + 2 * round] {
                let exact = begun.count { $0 > later - 86_400 }
                let counted = read.roundsWithinDay(before: later)
                #expect(counted >= exact && counted <= exact + 30, "a minute has 30 rounds")
                #expect(progress.roundsWithinDay(before: later) == counted)
            }
        }
        #expect(try #require(try StoredFile.size(at: path)) < 4000)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains(#""version":3"#) && text.contains("recent_minutes"))
        // After a day of rest the file is as small as a new one, and of the version that earlier programs read.
        try progress.begin(run: run, round: 601, now: start + 300_000)
        let rested = try String(contentsOfFile: path, encoding: .utf8)
        #expect(rested.contains(#""version":2"#) && !rested.contains("recent_minutes"))
        #expect(try RoundProgress(path: path).roundsWithinDay(before: start + 300_000) == 1)
    }

    @Test(
        "Minutes that this program does not write are refused",
        arguments: [#"{"x":1}"#, #"{"-1":1}"#, #"{"16":0}"#, #"{"16":-3}"#, #"{"16":"1"}"#, "3"])
    func damagedMinutes(_ minutes: String) throws {
        let state = try StateDirectory(folder)
        let path = state.file("progress.json")
        let text = #"{"begun":{},"ledgers":{},"recent":[],"recent_minutes":\#(minutes),"version":3}"#
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let failure = #expect(throws: Failure.self) { try RoundProgress(path: path) }
        #expect(failure?.exitCode == .storage && failure?.message.contains(path) == true)
    }

    @Test("One agent a state directory")
    func lock() throws {
        let state = try StateDirectory(folder)
        #expect(throws: Failure.self) { try StateDirectory(folder) }
        #expect(state.path == folder)
    }

    @Test("Epsilon is that of all rounds of all runs: another run is no fresh budget")
    func epsilonOverRuns() throws {
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        let event = try #require(task.plan.privacy?.serverEvent)
        let other = String(repeating: "a1", count: 16)
        let spent: Double
        do {
            let ledgers = try AgentLedgers(state: StateDirectory(folder))
            var progress = try RoundProgress(path: "\(folder)/progress.json")
            for (run, round) in [(run, 1), (run, 2), (run, 2), (other, 1)] {
                if round > progress.lastRound(of: run) {
                    try progress.begin(run: run, round: round, now: 1000, ledgers: ledgers.bindings)
                }
                defer { try? progress.bind(ledgers.bindings) }
                try ledgers.charge(run: run, round: round, task: task.plan, taskDigest: "d")
            }
            spent = try ledgers.spent(delta: 1e-5)
        }
        var composed = event
        composed.steps = 3
        #expect(spent == (try PrivacyGuarantee.of([composed], delta: 1e-5).epsilon))
        let reopened = try AgentLedgers(state: StateDirectory(folder))
        #expect(try reopened.spent(delta: 1e-5) == spent)
        #expect(try reopened.epsilon(after: event, delta: 1e-5) > spent)
        #expect(try reopened.epsilon(after: nil, delta: 1e-5) == .infinity)
        #expect(try reopened.lastRound(of: run, task: task.plan, taskDigest: "d") == 2)
        #expect(throws: LedgerError.self) {
            try reopened.charge(
                run: other, round: 2, task: task.plan, taskDigest: "another task")
        }
    }

    @Test("A round whose server saw the exact update leaves no bound; records are accounted beside")
    func exactUpdatesAreUnbounded() throws {
        let task = try TestTask(
            privacy:
                #"privacy: { mode: "central", noise_multiplier: 9, example: { clipping_norm: 1, noise_multiplier: 2 } }"#,
            folder: authority.folder)
        let ledgers = try AgentLedgers(state: StateDirectory(folder))
        try ledgers.charge(run: run, round: 1, task: task.plan, taskDigest: "d")
        #expect(try ledgers.spent(delta: 1e-5) == .infinity)
        let text = try String(contentsOfFile: "\(folder)/runs/\(run)/ledger.jsonl", encoding: .utf8)
        let event = try #require(task.plan.example?.event(rounds: 1))
        #expect(text.contains("events_example"))
        #expect(text.contains(#""steps":\#(event.steps)"#))
    }

    @Test("A line torn by a crash is cut off; an edited one stops the agent")
    func damagedLedger() throws {
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        do {
            let ledgers = try AgentLedgers(state: StateDirectory(folder))
            var progress = try RoundProgress(path: "\(folder)/progress.json")
            try progress.begin(run: run, round: 1, now: 1000)
            try ledgers.charge(run: run, round: 1, task: task.plan, taskDigest: "d")
        }
        let path = "\(folder)/runs/\(run)/ledger.jsonl"
        let whole = try String(contentsOfFile: path, encoding: .utf8)
        try (whole + "{\"torn").write(toFile: path, atomically: true, encoding: .utf8)
        do {
            let ledgers = try AgentLedgers(state: StateDirectory(folder))
            var progress = try RoundProgress(path: "\(folder)/progress.json")
            try progress.begin(run: run, round: 2, now: 1000, ledgers: ledgers.bindings)
            try ledgers.charge(run: run, round: 2, task: task.plan, taskDigest: "d")
        }
        let edited = whole.replacingOccurrences(of: "\"round\":1", with: "\"round\":7")
        #expect(edited != whole)
        try edited.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: Failure.self) { try AgentLedgers(state: StateDirectory(folder)) }
    }
}

@Suite struct IdleMemoryTests {
    /// The program's own code comes first, the stack among the last; what lies between would not be given back.
    @Test func everyMappingIsRead() {
        let mappings = IdleMemory.mappings()
        #expect(mappings.contains("libc.so") && mappings.contains("[stack]"))
        #expect(IdleMemory.unchangedCode(mappings).count > 1)
    }

    @Test(
        arguments: [
            ("5604c658a000-5604c73f8000 r-xp 00000000 fe:00 1 /usr/bin/sordino-agent", 0, [0xe6e000]),
            ("7f00-7f10 r-xp 00000000 fe:00 1 /a path with blanks", 0, [0x10]),
            // The loader has changed a page.
            ("7f00-7f10 r-xp 00000000 fe:00 1 /lib/a.so", 4, []),
            ("5604c7456000-5604c765e000 rw-p 00ecb000 fe:00 1 /usr/bin/sordino-agent", 0, []),
            ("5604c73f8000-5604c7456000 r--p 00e6d000 fe:00 1 /usr/bin/sordino-agent", 0, []),
            ("7ffd5a5f8000-7ffd5a5fa000 r-xp 00000000 00:00 0 [vdso]", 0, []),
            ("7f00-7e00 r-xp 0 0:0 1 /a", 0, []), ("", 0, []),
        ])
    func onlyUnchangedCodeIsGivenBack(line: String, changed: Int, counts: [Int]) {
        let smaps = "\(line)\nSize: 64 kB\nRss: 64 kB\nAnonymous:        \(changed) kB\nVmFlags: rd ex mr\n"
        #expect(IdleMemory.unchangedCode(smaps).map(\.count) == counts)
    }

    @Test func workGoesOnAfterwards() {
        let values = (0..<100_000).map { $0 * 3 }
        IdleMemory.giveBack()
        let sum: Int = values.reduce(0, +)
        #expect(sum == 3 * 99_999 * 50_000)
    }
}
