package import FoundationEssentials

/// Writes what happens to the console, as text or as JSON lines, each with a time in UTC.
///
/// Fields are text, numbers or truth values and nothing else: keys, shares and vectors have no way into a line.
package struct Logger: Sendable {
    /// How much a line matters; lines below the logger's level are not written.
    package enum Level: String, Sendable, CaseIterable, Comparable {
        case debug, info, warning, error

        package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

        private var rank: Int {
            switch self {
            case .debug: 0
            case .info: 1
            case .warning: 2
            case .error: 3
            }
        }
    }

    /// The shape of a line.
    package enum Format: String, Sendable, CaseIterable { case text, json }

    /// What a field may hold.
    package enum Value: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
        case text(String)
        case integer(Int)
        case number(Double)
        case flag(Bool)

        package init(stringLiteral value: String) { self = .text(value) }
    }

    /// What was logged, for whoever listens beside the console.
    package struct Line: Sendable {
        /// When, seconds since 1970.
        package let time: Double
        package let level: Level
        package let message: String
        /// Context first.
        package let fields: [(key: String, value: Value)]

        /// The last field of this name, where it is text.
        package func text(_ key: String) -> String? {
            if case .text(let text)? = fields.last(where: { $0.key == key })?.value { text } else { nil }
        }

        /// The last field of this name, where it is a whole number.
        package func integer(_ key: String) -> Int? {
            if case .integer(let value)? = fields.last(where: { $0.key == key })?.value { value } else { nil }
        }
    }

    package let level: Level
    package let format: Format
    private let context: [(key: String, value: Value)]
    private let console: Console
    private let now: @Sendable () -> Date
    private let listener: (@Sendable (Line) -> Void)?

    /// A logger onto `console`; `now` is the clock that lines are stamped with.
    package init(
        level: Level = .info, format: Format = .text, console: Console = .standardError,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.init(level: level, format: format, context: [], console: console, now: now, listener: nil)
    }

    private init(
        level: Level, format: Format, context: [(key: String, value: Value)], console: Console,
        now: @escaping @Sendable () -> Date, listener: (@Sendable (Line) -> Void)?
    ) {
        self.level = level
        self.format = format
        self.context = context
        self.console = console
        self.now = now
        self.listener = listener
    }

    /// The same logger, whose lines of level `info` and above `listener` hears too, whatever the console's level. To be
    /// answered quickly: whoever logs waits for it.
    package func overheard(by listener: @escaping @Sendable (Line) -> Void) -> Logger {
        Logger(
            level: level, format: format, context: context, console: console, now: now, listener: listener)
    }

    /// The same logger with fields that every one of its lines carries.
    package func with(_ fields: KeyValuePairs<String, Value>) -> Logger {
        Logger(
            level: level, format: format, context: context + fields.map { ($0.key, $0.value) },
            console: console, now: now, listener: listener)
    }

    /// Writes a line of interest to developers.
    package func debug(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, Value> = [:]) {
        log(.debug, message, fields)
    }

    /// Writes a line that says what is being done.
    package func info(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, Value> = [:]) {
        log(.info, message, fields)
    }

    /// Writes a line about something that an operator should look at some time.
    package func warning(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, Value> = [:]) {
        log(.warning, message, fields)
    }

    /// Writes a line about something that an operator must look at.
    package func error(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, Value> = [:]) {
        log(.error, message, fields)
    }

    private func log(_ level: Level, _ message: () -> String, _ fields: KeyValuePairs<String, Value>) {
        let heard = level >= .info ? listener : nil
        guard level >= self.level || heard != nil else { return }
        let fields = context + fields.map { ($0.key, $0.value) }
        let now = now()
        heard?(Line(time: now.timeIntervalSince1970, level: level, message: message(), fields: fields))
        guard level >= self.level else { return }
        let time = now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        switch format {
        case .text: console.writeLine(Self.textLine(time, level, message(), fields))
        case .json: console.writeLine(Self.jsonLine(time, level, message(), fields))
        }
    }

    private static func textLine(
        _ time: String, _ level: Level, _ message: String, _ fields: [(key: String, value: Value)]
    ) -> String {
        let name = level.rawValue
        var line = time + " " + name + String(repeating: " ", count: 8 - name.count) + escaped(message)
        for field in fields { line += " \(field.key)=\(text(field.value))" }
        return line
    }

    private static func text(_ value: Value) -> String {
        switch value {
        case .text(let text):
            let plain =
                !text.isEmpty
                && text.unicodeScalars.allSatisfy {
                    $0.value > 32 && !"\"=\u{7F}".unicodeScalars.contains($0)
                }
            return plain ? text : jsonString(text)
        case .integer(let value): return "\(value)"
        case .number(let value): return "\(value)"
        case .flag(let value): return "\(value)"
        }
    }

    private static func jsonLine(
        _ time: String, _ level: Level, _ message: String, _ fields: [(key: String, value: Value)]
    ) -> String {
        var line = "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"message\":\(jsonString(message))"
        for field in fields {
            line += ",\(jsonString(field.key)):"
            switch field.value {
            case .text(let text): line += jsonString(text)
            case .number(let value): line += value.isFinite ? "\(value)" : "null"
            case .integer, .flag: line += text(field.value)
            }
        }
        return line + "}"
    }

    /// A message with control characters made visible, so that received text cannot forge a line.
    private static func escaped(_ message: String) -> String {
        guard message.unicodeScalars.contains(where: isControl) else { return message }
        return String(jsonString(message).dropFirst().dropLast())
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 32 || (0x7F...0x9F).contains(scalar.value)
    }

    private static func jsonString(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where isControl(scalar):
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
