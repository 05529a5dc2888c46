import Configuration
import Foundation
import Operations
import Synchronization
import Testing

/// A console that keeps what it is given.
final class Recorder: Sendable {
    private let kept = Mutex("")
    var text: String { kept.withLock { $0 } }

    func console(isTerminal: Bool) -> Console {
        Console(isTerminal: isTerminal) { text in self.kept.withLock { $0 += text } }
    }
}

@Suite struct ConsoleTests {
    private static let instant = Date(timeIntervalSince1970: 1_700_000_000.25)

    private func logged(_ format: Logger.Format, _ write: (Logger) -> Void) -> String {
        let recorder = Recorder()
        let instant = Self.instant
        write(Logger(format: format, console: recorder.console(isTerminal: false)) { instant })
        return recorder.text
    }

    @Test func writesTextLines() {
        let text = logged(.text) { logger in
            logger.debug("hidden")
            logger.with(["run": "r 1"]).info("round closed", ["round": .integer(3), "loss": .number(0.5)])
        }
        #expect(text == "2023-11-14T22:13:20.250Z info    round closed run=\"r 1\" round=3 loss=0.5\n")
    }

    @Test func writesJSONLines() throws {
        let text = logged(.json) { logger in
            logger.error("bad \"x\"\n\u{1B}", ["ok": .flag(false), "loss": .number(.nan), "who": "é\\"])
        }
        let value = try JSONValue(json5: text.utf8, source: "log")
        #expect(
            value
                == .object([
                    "time": .string("2023-11-14T22:13:20.250Z"), "level": .string("error"),
                    "message": .string("bad \"x\"\n\u{1B}"), "ok": .bool(false), "loss": .null,
                    "who": .string("é\\"),
                ]))
    }

    @Test(arguments: Logger.Format.allCases)
    func receivedTextCannotForgeALine(format: Logger.Format) {
        let hostile = "x\n2023 error forged\r\u{1B}[2J\u{85}"
        let text = logged(format) { $0.info(hostile, ["name": .text(hostile)]) }
        let controls = text.dropLast().unicodeScalars.filter {
            $0.value < 32 || (0x7F...0x9F).contains($0.value)
        }
        #expect(controls.isEmpty)
        #expect(text.hasSuffix("\n"))
    }

    /// Whoever listens hears what is of interest to operators, whatever the console shows, and with its context.
    @Test func linesAreOverheard() {
        let recorder = Recorder()
        let heard = Mutex<[Logger.Line]>([])
        let instant = Self.instant
        let logger = Logger(level: .error, console: recorder.console(isTerminal: false)) { instant }
            .overheard { line in heard.withLock { $0.append(line) } }.with(["run": "r", "round": .integer(1)])
        logger.debug("hidden")
        logger.info("quiet", ["round": .integer(2)])
        logger.error("loud", ["reason": "why"])
        let lines = heard.withLock { $0 }
        #expect(lines.map(\.message) == ["quiet", "loud"] && lines.map(\.level) == [.info, .error])
        #expect(
            lines[0].integer("round") == 2 && lines[0].text("run") == "r" && lines[0].text("round") == nil)
        #expect(lines[1].text("reason") == "why" && lines[1].time == 1_700_000_000.25)
        #expect(recorder.text == "2023-11-14T22:13:20.250Z error   loud run=r round=1 reason=why\n")
    }

    @Test func progressWritesFewLinesWithoutTerminal() {
        let recorder = Recorder()
        let time = Mutex(0.0)
        var meter = ProgressMeter(
            label: "round", total: 100, console: recorder.console(isTerminal: false),
            style: .lines(interval: 10),
            now: { time.withLock { $0 } })
        for step in 1...100 {
            time.withLock { $0 += 1 }
            meter.update(completed: step, .init(loss: 0.25, accuracy: 0.5, epsilon: 1.234))
        }
        meter.finish(completed: 100)
        let lines = recorder.text.split(separator: "\n")
        #expect(lines.count == 11)
        #expect(lines.first == "round 1/100 · loss 0.2500 · accuracy 50.0% · ε 1.23 · 1m39s left")
        #expect(lines.last == "round 100/100 · loss 0.2500 · accuracy 50.0% · ε 1.23 · in 1m40s")
        #expect(!recorder.text.contains("\u{1B}"))
    }

    @Test func theBarStaysBelowLogLines() {
        let recorder = Recorder()
        let console = recorder.console(isTerminal: true)
        var meter = ProgressMeter(label: "round", total: 4, console: console, style: .bar(colour: false))
        meter.update(completed: 1)
        console.writeLine("a line")
        meter.finish(completed: 4)
        let parts = recorder.text.components(separatedBy: "\r\u{1B}[K")
        #expect(parts.count == 4)
        #expect(parts[1].hasPrefix("round 1/4 █"))
        #expect(parts[2].hasPrefix("a line\nround 1/4 █"))
        #expect(parts[3].hasPrefix("round 4/4 · in"))
        #expect(parts[1].count < console.width)
    }

    @Test(arguments: [
        (0.25, "250ms"), (2.44, "2.4s"), (59.6, "1m00s"), (3725, "1h02m"), (100_000, "1d03h"),
        (.infinity, "?"),
    ])
    func durationsReadWell(seconds: Double, text: String) {
        #expect(Quantity.duration(seconds: seconds) == text)
    }

    @Test(arguments: [(1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB"), (0, "0 B")])
    func sizesReadWell(count: Int, text: String) {
        #expect(Quantity.bytes(count) == text)
    }

    @Test func decimalsKeepSignAndZeros() {
        #expect(Quantity.decimal(-0.05, places: 2) == "-0.05")
        #expect(Quantity.decimal(1.999, places: 2) == "2.00")
        #expect(Quantity.decimal(12, places: 0) == "12")
        #expect(Quantity.percentage(0.9312) == "93.1%")
    }
}
